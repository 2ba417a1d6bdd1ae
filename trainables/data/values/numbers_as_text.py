"""Columns of numbers that a stray word or a decimal comma has made texts of.

Each different number would become an input of its own.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from trainables.data.values.text import counted
from trainables.lazily import is_frame, pd

MANY = 50  # different numbers that a column of texts may have
_NUMBER = re.compile(
    r"[+-]?(?=[.,]?\d)(?:\d{1,3}(?:[.,']\d{3})+|\d*)(?:[.,]\d*)?(?:e[+-]?\d+)?", re.I
)
_CODE = re.compile(r"0\d+")  # a code, such as 01234, is no number
_COMMA = re.compile(r"[+-]?\d*,\d+")


@dataclass(frozen=True)
class NumbersAsText:
    """A column of texts, most of which are numbers."""

    column: str
    numbers: int  # different ones
    texts: int  # different ones in all
    commas: bool  # numbers have decimal commas
    strange: Mapping[str, int]  # the texts that are no numbers, and how many rows have each

    @property
    def too_many(self) -> bool:
        """Whether a search should not start with them."""
        return self.numbers > MANY

    def __str__(self) -> str:
        """What the column has, and what to do about it."""
        reasons, ways = [], []
        if self.strange:
            reasons.append(f"no numbers are {counted(self.strange)}")
            ways.append("read these as missing (na_values of pandas.read_csv)")
        if self.commas:
            reasons.append("there are decimal commas")
            ways.append('read them as such (decimal=",")')
        if not ways:
            ways.append("convert them (pandas.to_numeric)")
        said = "".join(f"; {reason}" for reason in reasons)
        return (
            f"{self.numbers} of its {self.texts} different texts are numbers, and each becomes an "
            f"input of its own{said}; {', and '.join(ways)}, or declare the column a category "
            f'(astype("category")) if its numbers are codes'
        )


def numbers_as_text(inputs: object) -> Iterator[NumbersAsText]:
    """The columns of texts that hold mostly numbers; declared categories are left alone.

    Those with up to MANY different numbers and nothing else may well be codes, and are not given.
    """
    if not is_frame(inputs):
        return
    for name in inputs.columns:
        if not isinstance(inputs[name].dtype, pd.StringDtype):
            continue
        rows = {str(text): int(n) for text, n in inputs[name].value_counts().items()}
        numbers = [text for text in rows if _NUMBER.fullmatch(text.strip())]
        known = set(numbers)
        strange = {text: n for text, n in rows.items() if text not in known}
        if any(_CODE.fullmatch(text.strip()) for text in numbers):
            continue
        if 2 * len(numbers) <= len(rows) or (len(numbers) <= MANY and not strange):
            continue
        commas = any(_COMMA.fullmatch(text.strip()) for text in numbers)
        yield NumbersAsText(str(name), len(numbers), len(rows), commas, strange)

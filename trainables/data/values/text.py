"""How a value reads: one text per category, group and column name, whatever its column's type."""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import pandas as pd

_WHOLE = re.compile(r"-?\d+\.0*")
# Not before a digit: "1.5" and "15" are two values. Signs say something: "<=50K" and ">50K".
_PUNCTUATION = re.compile(r"[.,;:!'\"`](?!\d)")
_BESIDE_SIGNS = re.compile(r"(?<=[^\w\s])\s+|\s+(?=[^\w\s])")
_BETWEEN_WORDS = re.compile(r"(?<=[^\W\d])[\s_-]+(?=\w)|(?<=\w)[\s_-]+(?=[^\W\d])")


def text_of(value: Any) -> str:
    """1, 1.0, Decimal("1.0") and the text "1.0" all read "1"; other texts stay as they are.

    Whole numbers become floats where a column has gaps, and texts where it has a stray word.
    """
    if isinstance(value, str):
        return value.partition(".")[0] if _WHOLE.fullmatch(value) else value
    if isinstance(value, bool | np.bool_):
        return str(value)
    if isinstance(value, float | np.floating | Decimal) and value == value // 1:
        return str(int(value))
    return str(value)


def texts_of(
    values: pd.Index[Any] | pd.Series[Any] | pd.api.extensions.ExtensionArray,
) -> list[str]:
    """How each value reads. A float32 of 3.3 reads "3.3": it is not widened first."""
    return [text_of(value) for value in np.asarray(values)]


def with_text_names(who: str, frame: pd.DataFrame) -> pd.DataFrame:
    """The frame with columns named by texts: 0, as pandas numbers them, reads "0".

    Raises ValueError for names of several levels, as a pivot or `groupby().agg()` makes them.
    """
    import pandas as pd  # here alone: who reads the name of a group need not wait for it

    if isinstance(frame.columns, pd.MultiIndex):
        raise ValueError(
            f"{who}: column names must have one level, got {frame.columns.nlevels}, such as "
            f"{frame.columns[0]!r}; join them: frame.columns = "
            "['_'.join(map(str, name)) for name in frame.columns]"
        )
    return frame.set_axis([text_of(name) for name in frame.columns], axis=1)


def spelled_alike(texts: Iterable[str]) -> list[tuple[str, ...]]:
    """The texts that differ only by case, space or punctuation, as sorted tuples of two or more.

    "<=50K" and ">50K", "A+" and "A", "1.5" and "15" are different values.
    """
    by_fold = defaultdict(set)
    for text in texts:
        by_fold[_folded(text)].add(text)
    return sorted(tuple(sorted(same)) for same in by_fold.values() if len(same) > 1)


def _folded(text: str) -> str:
    plain = unicodedata.normalize("NFKC", text).casefold().strip()
    folded = _BESIDE_SIGNS.sub("", _PUNCTUATION.sub("", plain))
    return _BETWEEN_WORDS.sub("", folded).strip() or plain


def counted(rows: Mapping[str, int], most: int = 10) -> str:
    """`'a' (3 rows), 'b' (1 row) and 2 more`, the commonest first."""
    ordered = sorted(rows.items(), key=lambda item: (-item[1], item[0]))
    named = [f"{text!r} ({n} row{'s' * (n != 1)})" for text, n in ordered[:most]]
    more = f" and {len(rows) - most} more" if len(rows) > most else ""
    return ", ".join(named) + more


def meant(name: str, known: Iterable[str]) -> str | None:
    """The one of `known` that `name` means: the same, else the same number, else without spaces.

    Spaces are only looked at around the name, as in a file that has some after its commas. None
    where there is none, or where several would do.
    """
    names = list(known)
    if name in names:
        return name
    for form in (text_of, lambda text: text_of(text.strip())):
        same = [each for each in names if form(each) == form(name)]
        if same:
            return same[0] if len(same) == 1 else None
    return None

"""Groupings: which groups an experiment compares, written as `sex`, `sex*race` or `race=White`."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from trainables.data.fair_data import Attribute
from trainables.names import known_names

OTHER = "other"


@dataclass(frozen=True)
class Term:
    """A factor of a grouping: an attribute, or one of its values against all others."""

    attribute: str
    value: str | None = None


@dataclass(frozen=True)
class Grouping:
    """Which groups are compared: the combinations of its terms; the first varies slowest.

    `race=White` is binary: White is group 1, everyone else group 0 ("other"). Attributes are given
    as a mapping from name to value names, in the order of the data set.
    """

    terms: tuple[Term, ...]

    @classmethod
    def parse(cls, text: str) -> Grouping:
        """Reads `attribute[=value]` joined by `*`. Raises ValueError for anything else."""
        terms = []
        for part in text.split("*"):
            attribute, equals, value = (piece.strip() for piece in part.partition("="))
            if not attribute or (equals and not value):
                raise ValueError(
                    f'group: must read like "sex", "sex*race" or "race=White", got {text!r}'
                )
            terms.append(Term(attribute, value if equals else None))
        if len({term.attribute for term in terms}) != len(terms):
            raise ValueError(f"group: an attribute may appear once, got {text!r}")
        return cls(tuple(terms))

    def __str__(self) -> str:
        return "*".join(
            t.attribute if t.value is None else f"{t.attribute}={t.value}" for t in self.terms
        )

    def names(self, values: Mapping[str, tuple[str, ...]]) -> tuple[str, ...]:
        """The name of each group, crossed terms joined by `*`."""
        return tuple(
            "*".join(names)
            for names in itertools.product(
                *(self._term_names(term, values) for term in self.terms)
            )
        )

    def groups(self, attributes: Mapping[str, Attribute]) -> NDArray[np.int64]:
        """(n,) the group of each row."""
        first = next(iter(attributes.values()))
        index = np.zeros(len(first.values), dtype=np.int64)
        values = {name: attribute.names for name, attribute in attributes.items()}
        for term in self.terms:
            lookup = self._lookup(term, values)
            index = index * (lookup.max() + 1) + lookup[attributes[term.attribute].values]
        return index

    def of_crossing(self, values: Mapping[str, tuple[str, ...]]) -> NDArray[np.int64]:
        """(n_crossing,) the group of each cell of the finest crossing (`FairData.crossing`)."""
        sizes = [len(names) for names in values.values()]
        cells = np.indices(sizes).reshape(len(sizes), -1)
        crossed = {
            name: Attribute(cells[i].astype(np.int64), names)
            for i, (name, names) in enumerate(values.items())
        }
        return self.groups(crossed)

    def _term_names(self, term: Term, values: Mapping[str, tuple[str, ...]]) -> tuple[str, ...]:
        self._check(term, values)
        return values[term.attribute] if term.value is None else (OTHER, term.value)

    def _lookup(self, term: Term, values: Mapping[str, tuple[str, ...]]) -> NDArray[np.int64]:
        """(values of the attribute,) what a value adds to the group index."""
        self._check(term, values)
        names = values[term.attribute]
        if term.value is None:
            return np.arange(len(names), dtype=np.int64)
        return np.array([name == term.value for name in names], dtype=np.int64)

    @staticmethod
    def _check(term: Term, values: Mapping[str, tuple[str, ...]]) -> None:
        if term.attribute not in values:
            hint = known_names(term.attribute, values)
            raise ValueError(f"group: unknown attribute {term.attribute!r}; {hint}")
        if term.value is not None and term.value not in values[term.attribute]:
            raise ValueError(
                f"group: unknown value {term.value!r} of {term.attribute}; "
                f"{known_names(term.value, values[term.attribute])}"
            )

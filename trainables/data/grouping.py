"""Groupings: which groups an experiment compares, written as `sex`, `sex*race` or `race=White`."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from trainables.data.group_text import checked, unreadable
from trainables.data.values.text import meant
from trainables.names import known_names

if TYPE_CHECKING:
    from trainables.data.fair_data import Attribute

OTHER = "other"
_QUOTED = r'"(?:[^"]|"")*"'
_FACTOR = re.compile(rf"((?>{_QUOTED}|[^*])*)\*")  # a `*` inside quotes joins nothing
_NAMED = re.compile(rf"\s*({_QUOTED}|[^=]*?)\s*(?:(=)\s*({_QUOTED}|.*?)\s*)?", re.DOTALL)
_PLAIN = re.compile(r'[^\s"*=](?:[^"*=]*[^\s"*=])?')


@dataclass(frozen=True)
class Term:
    """A factor of a grouping: an attribute, or one of its values against all others."""

    attribute: str
    value: str | None = None

    def written(self, quote: Callable[[str], str]) -> str:
        """The term with each of its names as `quote` gives it."""
        names = (self.attribute,) if self.value is None else (self.attribute, self.value)
        return "=".join(map(quote, names))


@dataclass(frozen=True)
class Grouping:
    """Which groups are compared: the combinations of its terms; the first varies slowest.

    `race=White` is binary: White is group 1, everyone else group 0 ("other"). Attributes are given
    as a mapping from name to value names, in the order of the data set.

    Which names a text holds follows from the attributes that there are. What reads exactly like an
    attribute, or like one and its value, is taken as that, whatever characters it has. Else `*`
    joins terms, `=` names a value, and spaces around names do not count. Double quotes keep a name
    together: `"sex*age"=" a"`; a quote inside them is doubled.
    """

    text: str

    @classmethod
    def parse(cls, text: str) -> Grouping:
        """Raises ValueError where nothing is named."""
        return cls(checked(text))

    def written(self, values: Mapping[str, tuple[str, ...]]) -> str:
        """The grouping as `parse` reads it again: no spaces, quotes where a name needs them."""
        terms = self.terms(values)
        plain = Grouping("*".join(term.written(_quoted_if_needed) for term in terms))
        if plain.terms(values) == terms:
            return plain.text
        return "*".join(term.written(_quoted) for term in terms)  # `sex*age` is an attribute too

    def terms(self, values: Mapping[str, tuple[str, ...]]) -> tuple[Term, ...]:
        """What is crossed. Raises ValueError for an unknown attribute or value."""
        terms = _as_it_is(self.text.split("*"), values) or _by_signs(self.text, values)
        if len({term.attribute for term in terms}) != len(terms):
            raise ValueError(f"group: an attribute may appear once, got {self.text!r}")
        return terms

    def names(self, values: Mapping[str, tuple[str, ...]]) -> tuple[str, ...]:
        """The name of each group, crossed terms joined by `*`."""
        terms = (_term_names(term, values) for term in self.terms(values))
        return tuple("*".join(names) for names in itertools.product(*terms))

    def groups(self, attributes: Mapping[str, Attribute]) -> NDArray[np.int64]:
        """(n,) the group of each row."""
        first = next(iter(attributes.values()))
        index = np.zeros(len(first.values), dtype=np.int64)
        values = {name: attribute.names for name, attribute in attributes.items()}
        for term in self.terms(values):
            lookup = _lookup(term, values)
            index = index * (lookup.max() + 1) + lookup[attributes[term.attribute].values]
        return index

    def of_crossing(self, values: Mapping[str, tuple[str, ...]]) -> NDArray[np.int64]:
        """(n_crossing,) the group of each cell of the finest crossing (`FairData.crossing`)."""
        from trainables.data.fair_data import Attribute  # loads pandas

        sizes = [len(names) for names in values.values()]
        cells = np.indices(sizes).reshape(len(sizes), -1)
        crossed = {
            name: Attribute(cells[i].astype(np.int64), names)
            for i, (name, names) in enumerate(values.items())
        }
        return self.groups(crossed)


def _as_it_is(pieces: list[str], values: Mapping[str, tuple[str, ...]]) -> tuple[Term, ...]:
    """The terms that the pieces read exactly like, the longest names first; else none.

    `pieces` is the text split at each `*`, of which names may hold some.
    """
    for end in range(len(pieces), 0, -1):
        term = _exactly("*".join(pieces[:end]), values)
        rest = _as_it_is(pieces[end:], values) if term else ()
        if term and (rest or end == len(pieces)):
            return (term, *rest)
    return ()


def _exactly(text: str, values: Mapping[str, tuple[str, ...]]) -> Term | None:
    if text in values:
        return Term(text)
    for attribute, names in values.items():
        value = text.removeprefix(f"{attribute}=")
        if value != text and value in names:
            return Term(attribute, value)
    return None


def _by_signs(text: str, values: Mapping[str, tuple[str, ...]]) -> tuple[Term, ...]:
    """The terms by `*`, `=` and quotes. Raises ValueError for an unknown name, or for none."""
    terms = []
    for factor in _FACTOR.findall(f"{text}*"):
        named = _NAMED.fullmatch(factor)
        if named is None or not named[1] or (named[2] and not named[3]):
            raise unreadable(text)
        attribute = _known("attribute", named[1], values)
        value = _known("value", named[3], values[attribute], attribute) if named[2] else None
        terms.append(Term(attribute, value))
    return tuple(terms)


def _known(kind: str, typed: str, names: Collection[str], of: str | None = None) -> str:
    """The name that is meant; what is quoted must be equal. Raises ValueError where none is."""
    quoted = re.fullmatch(_QUOTED, typed) is not None
    name = typed[1:-1].replace('""', '"') if quoted else typed
    found = (name if name in names else None) if quoted else meant(name, names)
    if found is None:
        whose = f" of {of}" if of else ""
        known = known_names(name, map(_quoted_if_needed, names))
        raise ValueError(f"group: unknown {kind} {name!r}{whose}; {known}")
    return found


def _quoted_if_needed(name: str) -> str:
    return name if _PLAIN.fullmatch(name) else _quoted(name)


def _quoted(name: str) -> str:
    doubled = name.replace('"', '""')
    return f'"{doubled}"'


def _term_names(term: Term, values: Mapping[str, tuple[str, ...]]) -> tuple[str, ...]:
    if term.value is None:
        return values[term.attribute]
    return (OTHER if term.value != OTHER else f"not {OTHER}", term.value)


def _lookup(term: Term, values: Mapping[str, tuple[str, ...]]) -> NDArray[np.int64]:
    """(values of the attribute,) what a value adds to the group index."""
    names = values[term.attribute]
    if term.value is None:
        return np.arange(len(names), dtype=np.int64)
    return np.array([name == term.value for name in names], dtype=np.int64)

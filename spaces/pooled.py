"""A space in which the settings of one stage are chosen as a whole, out of a pool."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from spaces.range_types import Choice, Value
from spaces.space import Nested, Space

_T = TypeVar("_T")

INDEX = "pool"  # the name of the setting that is an entry's index: "pruner.pool"


@dataclass(frozen=True)
class Pooled(Space):
    """The settings of `role` are one of `entries`; what is searched is the entry's index.

    Proposed settings hold the entry itself, as if each of its settings had been searched. A search
    begins with the entry `begin`, beside the published settings of the other roles; then comes
    entry 0 with the same.
    """

    role: str = ""
    entries: tuple[Mapping[str, Value], ...] = ()
    begin: int = 0

    def __reduce__(self) -> tuple[Any, ...]:
        """Read-only views do not pickle; plain dicts do."""
        views = (dict(self.ranges), dict(self.published), dict(self.fixed))
        return (Pooled, (*views, self.role, self.entries, self.begin))

    @classmethod
    def of(cls, space: Space, role: str, entries: Sequence[Mapping[str, Value]]) -> Pooled:
        """`space` with all settings of the role, searched and fixed ones, replaced by an index.

        The first entry is the published one. A single entry leaves nothing to choose.
        """
        if not entries:
            raise ValueError(f"Pooled: a pool of {role} needs at least one entry, got none")
        index = f"{role}.{INDEX}"
        ranges, published = _others(space.ranges, role), _others(space.published, role)
        fixed = _others(space.fixed, role)
        if len(entries) == 1:
            return cls(ranges, published, {**fixed, index: 0}, role, tuple(entries))
        choice = Choice(tuple(range(len(entries))))
        first = {index: 0, **published}
        return cls({index: choice, **ranges}, first, fixed, role, tuple(entries))

    @property
    def tried_first(self) -> tuple[Mapping[str, Value], ...]:
        """The entry to begin with, then what is published."""
        if self.begin == 0:
            return super().tried_first
        return ({**self.published, f"{self.role}.{INDEX}": self.begin}, self.published)

    def nest(self, searched: Mapping[str, Value]) -> Nested:
        nested = super().nest(searched)
        if INDEX in nested.get(self.role, {}):
            nested[self.role] = dict(self.entries[nested[self.role][INDEX]])
        return nested

    def dotted(self, nested: Nested) -> dict[str, Value]:
        """Raises KeyError where the role's settings are not one of the entries."""
        index = self.index(nested)
        if index is None:
            raise KeyError(f"{self.role}: {nested.get(self.role)} is no entry of the pool")
        return super().dotted({**nested, self.role: {INDEX: index}})

    def holds(self, nested: Nested) -> bool:
        return self.index(nested) is not None and super().holds(nested)

    def index(self, nested: Nested) -> int | None:
        """Which entry the role's settings are; None where they are not one of the entries."""
        part = dict(nested.get(self.role, {}))
        return next((i for i, entry in enumerate(self.entries) if dict(entry) == part), None)


def _others(part: Mapping[str, _T], role: str) -> dict[str, _T]:
    return {name: one for name, one in part.items() if not name.startswith(f"{role}.")}

"""What may be searched: ranges by name, what is fixed, what is tried first."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import product
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, cast

from spaces.range_types import Choice, Float, Int, Range, Value, is_number

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution
    from optuna.trial import BaseTrial

__all__ = ["Choice", "Float", "Int", "Nested", "Range", "Space", "Value"]

Nested = dict[str, dict[str, Any]]  # {"pruner": {"sparsity": 0.9}, "recovery": {}}


@dataclass(frozen=True)
class Space:
    """Ranges that are searched, values that are fixed, and the published settings to try first.

    `published` holds values from the paper for some or all ranges. In the space of a single stage
    a setting has its own name, in a composed one a dotted name, `"pruner.sparsity"`.
    """

    ranges: Mapping[str, Range] = field(default_factory=dict)
    published: Mapping[str, Value] = field(default_factory=dict)
    fixed: Mapping[str, Value] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in ("ranges", "published", "fixed"):
            object.__setattr__(self, name, MappingProxyType(dict(getattr(self, name))))
        if both := self.ranges.keys() & self.fixed.keys():
            raise ValueError(f"Space: a setting is searched or fixed, got both for {sorted(both)}")
        for name, value in self.published.items():
            if name not in self.ranges:
                raise ValueError(f"Space: published settings must be searched, got {name!r}")
            if not self.ranges[name].contains(value):
                raise ValueError(
                    f"Space: published {name} must lie in {self.ranges[name]}, got {value!r}"
                )

    def __reduce__(self) -> tuple[Any, ...]:
        """Read-only views do not pickle; plain dicts do."""
        return (Space, (dict(self.ranges), dict(self.published), dict(self.fixed)))

    def narrow(self, overrides: Mapping[str, Any]) -> Space:
        """This space with some settings fixed or searched elsewhere.

        `overrides` maps a setting to a value (fixes it), to `[low, high]` (searches between, on
        the same scale as before) or to `{"choices": [...]}`. Settings that this space does not
        search may be given too: they are then fixed or searched in addition. Nested mappings
        (`{"pruner": {"sparsity": 0.9}}`) mean dotted names. Published values that no longer fit
        move to the nearest one that does.

        Raises ValueError naming the setting where an override cannot be read.
        """
        ranges, fixed = dict(self.ranges), dict(self.fixed)
        for name, override in _flat(overrides).items():
            before = ranges.pop(name, None)
            fixed.pop(name, None)
            narrowed = _read_override(name, override, before)
            if isinstance(narrowed, Float | Int | Choice):
                ranges[name] = narrowed
            else:
                fixed[name] = narrowed
        published = {
            name: ranges[name].nearest(value)
            for name, value in self.published.items()
            if name in ranges
        }
        return Space(ranges, published, fixed)

    def ask(self, trial: BaseTrial) -> Nested:
        """Settings for one trial, by role: what `trial` proposes, and the fixed ones.

        Only for composed spaces, whose names are dotted.
        """
        proposed = {name: _suggest(trial, name, span) for name, span in self.ranges.items()}
        return self.nest(proposed)

    def nest(self, searched: Mapping[str, Value]) -> Nested:
        """Settings by role, from searched ones by dotted name; the fixed ones are added."""
        nested: Nested = {}
        for dotted, value in {**self.fixed, **searched}.items():
            role, _, name = dotted.rpartition(".")
            nested.setdefault(role, {})[name] = value
        return nested

    def dotted(self, nested: Nested) -> dict[str, Value]:
        """Settings by dotted name, from settings by role: the inverse of `nest`."""
        return {f"{role}.{key}": one for role, part in nested.items() for key, one in part.items()}

    def searched(self, nested: Nested) -> dict[str, Value]:
        """The searched ones of these settings, by dotted name; KeyError where one is missing.

        A setting that was not searched yet when `nested` was proposed had its default, which is
        the published value.
        """
        dotted = {**self.published, **self.dotted(nested)}
        return {name: dotted[name] for name in self.ranges}

    def holds(self, nested: Nested) -> bool:
        """Whether this space could propose these settings."""
        dotted = {**self.published, **self.dotted(nested)}
        if dotted.keys() != self.ranges.keys() | self.fixed.keys():
            return False
        fixed = all(dotted[name] == value for name, value in self.fixed.items())
        return fixed and all(one.contains(dotted[name]) for name, one in self.ranges.items())

    @property
    def size(self) -> float:
        """How many different settings there are.

        It is 1 where nothing is searched, else at least 2, and infinity where a real number is
        searched.
        """
        return math.prod(one.size for one in self.ranges.values())

    def every(self) -> Iterator[dict[str, Value]]:
        """Each different choice of what is searched, by dotted name.

        Raises ValueError where a real number is searched.
        """
        values = [one.values() for one in self.ranges.values()]
        return (dict(zip(self.ranges, chosen, strict=True)) for chosen in product(*values))

    @property
    def tried_first(self) -> tuple[Mapping[str, Value], ...]:
        """What a search begins with, in this order: the published settings, if there are any."""
        return (self.published,) if self.published else ()

    def published_nested(self) -> Nested:
        """The published settings, with the fixed ones, by role; some settings may be missing."""
        return self.nest(self.published)

    def distributions(self) -> dict[str, BaseDistribution]:
        """Optuna's distribution for each searched setting."""
        return {name: one.distribution() for name, one in self.ranges.items()}


def _suggest(trial: BaseTrial, name: str, span: Range) -> Value:
    match span:
        case Float():
            return trial.suggest_float(name, span.low, span.high, log=span.log)
        case Int():
            return trial.suggest_int(name, span.low, span.high, log=span.log)
        case Choice():
            return cast(Value, trial.suggest_categorical(name, span.options))


def _flat(overrides: Mapping[str, Any]) -> dict[str, Any]:
    """Overrides by dotted name. A mapping with `choices` is a value, not a level."""
    flat: dict[str, Any] = {}
    for name, value in overrides.items():
        if isinstance(value, Mapping) and "choices" not in value:
            flat |= {f"{name}.{inner}": one for inner, one in _flat(value).items()}
        else:
            flat[name] = value
    return flat


def _read_override(name: str, override: Any, before: Range | None) -> Range | Value:
    """A range, or the one value that the setting is fixed at."""
    if isinstance(override, Mapping):
        if unknown := override.keys() - {"choices"}:
            raise ValueError(f"{name}: only choices = [...] may be given, got {sorted(unknown)}")
        return _choices(name, override["choices"])
    if isinstance(override, list | tuple):
        return _between(name, list(override), before)
    if not isinstance(override, float | int | str | bool):
        raise ValueError(
            f"{name}: must be a value, [low, high] or {{choices = [...]}}, got {override!r}"
        )
    return override


def _choices(name: str, options: Any) -> Choice:
    if not isinstance(options, list | tuple):
        raise ValueError(f"{name}: choices must be a list, got {options!r}")
    try:
        return Choice(tuple(options))
    except (ValueError, TypeError) as error:
        raise ValueError(f"{name}: {error}") from error


def _between(name: str, ends: list[Any], before: Range | None) -> Range:
    if len(ends) != 2 or not all(is_number(end) for end in ends):
        raise ValueError(
            f"{name}: a range must be [low, high] with two numbers, got {ends}; "
            "several values are {choices = [...]}"
        )
    low, high = ends
    whole = isinstance(low, int) and isinstance(high, int)
    try:
        match before:
            case Int():
                return before.between(low, high)
            case Float():
                return before.between(low, high)
            case _:
                return Int(low, high) if whole else Float(float(low), float(high))
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from error

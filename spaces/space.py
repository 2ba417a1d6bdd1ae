"""What may be searched: ranges by name, pure values on Optuna's distributions."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, cast

import optuna
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)

Value = float | int | str | bool
Nested = dict[str, dict[str, Any]]  # {"pruner": {"sparsity": 0.9}, "recovery": {}}


@dataclass(frozen=True)
class Float:
    """Real numbers from `low` to `high`, both included; `log` draws evenly in the exponent."""

    low: float
    high: float
    log: bool = False

    def __post_init__(self) -> None:
        _check_ends("Float", self.low, self.high, self.log)

    def distribution(self) -> BaseDistribution:
        return FloatDistribution(self.low, self.high, log=self.log)

    def contains(self, value: Value) -> bool:
        return _is_number(value) and self.low <= float(value) <= self.high

    def extremes(self) -> tuple[Value, ...]:
        return (self.low, self.high)

    def between(self, low: float, high: float) -> Float:
        """The same kind of range with other ends."""
        return Float(float(low), float(high), self.log)

    def nearest(self, value: Value) -> Value:
        return min(max(float(value), self.low), self.high)

    def at(self, share: float) -> Value:
        """The value at `share`, in [0, 1), of the way from `low` to `high`, on its scale."""
        return self.nearest(_along(self.low, self.high, share, self.log))

    def __str__(self) -> str:
        return f"{self.low:g} .. {self.high:g}" + (" (log)" if self.log else "")


@dataclass(frozen=True)
class Int:
    """Whole numbers from `low` to `high`, both included; `log` draws evenly in the exponent."""

    low: int
    high: int
    log: bool = False

    def __post_init__(self) -> None:
        for end in (self.low, self.high):
            if isinstance(end, bool) or not isinstance(end, int):
                raise ValueError(f"Int: ends must be whole numbers, got {end!r}")
        _check_ends("Int", self.low, self.high, self.log)

    def distribution(self) -> BaseDistribution:
        return IntDistribution(self.low, self.high, log=self.log)

    def contains(self, value: Value) -> bool:
        return _is_number(value) and isinstance(value, int) and self.low <= value <= self.high

    def extremes(self) -> tuple[Value, ...]:
        return (self.low, self.high)

    def between(self, low: int, high: int) -> Int:
        """The same kind of range with other ends."""
        return Int(low, high, self.log)

    def nearest(self, value: Value) -> Value:
        return min(max(int(value), self.low), self.high)

    def at(self, share: float) -> Value:
        """The number at `share`, in [0, 1); each gets the same share, with `log` of the scale."""
        return self.nearest(round(_along(self.low - 0.5, self.high + 0.5, share, self.log)))

    def __str__(self) -> str:
        return f"{self.low} .. {self.high} (whole{', log' if self.log else ''})"


@dataclass(frozen=True)
class Choice:
    """One of a few values; the order says nothing."""

    options: tuple[Value, ...]

    def __post_init__(self) -> None:
        if not self.options:
            raise ValueError("Choice: at least one option is needed, got ()")
        if len(set(self.options)) < len(self.options):
            raise ValueError(f"Choice: options must differ, got {self.options}")

    def distribution(self) -> BaseDistribution:
        return CategoricalDistribution(self.options)

    def contains(self, value: Value) -> bool:
        return any(value == option and type(value) is type(option) for option in self.options)

    def extremes(self) -> tuple[Value, ...]:
        return self.options

    def nearest(self, value: Value) -> Value:
        return value if self.contains(value) else self.options[0]

    def at(self, share: float) -> Value:
        """The option at `share`, in [0, 1); each gets the same share."""
        return self.options[int(share * len(self.options))]

    def __str__(self) -> str:
        return " | ".join(str(option) for option in self.options)


Range = Float | Int | Choice


@dataclass(frozen=True)
class Space:
    """Ranges that are searched, values that are fixed, and the published settings to try first.

    `published` holds values from the paper for some or all ranges. Composed spaces use dotted
    names, `"pruner.sparsity"`; those of a single stage the setting's own name.
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

        Raises ValueError naming the setting where an override can not be read.
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

    def ask(self, trial: optuna.trial.BaseTrial) -> Nested:
        """Settings for one trial, by role: what is searched from `trial`, what is fixed as it is.

        Only for composed spaces, whose names are dotted.
        """
        asked = {name: _suggest(trial, name, one) for name, one in self.ranges.items()}
        return self.nest(asked)

    def nest(self, searched: Mapping[str, Value]) -> Nested:
        """Dotted values of the searched settings, with the fixed ones added, by role."""
        nested: Nested = {}
        for dotted, value in {**self.fixed, **searched}.items():
            role, _, name = dotted.rpartition(".")
            nested.setdefault(role, {})[name] = value
        return nested

    def published_nested(self) -> Nested:
        """The published settings (with the fixed ones) by role; may leave out some settings."""
        return self.nest(self.published)

    def distributions(self) -> dict[str, BaseDistribution]:
        """Optuna's distribution for each searched setting."""
        return {name: one.distribution() for name, one in self.ranges.items()}


def _suggest(trial: optuna.trial.BaseTrial, name: str, one: Range) -> Value:
    match one:
        case Float():
            return trial.suggest_float(name, one.low, one.high, log=one.log)
        case Int():
            return trial.suggest_int(name, one.low, one.high, log=one.log)
        case Choice():
            return cast(Value, trial.suggest_categorical(name, one.options))


def _flat(overrides: Mapping[str, Any]) -> dict[str, Any]:
    """Nested names dotted; a mapping with `choices` is a value, not a level."""
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
    if len(ends) != 2 or not all(_is_number(end) for end in ends):
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


def _along(low: float, high: float, share: float, log: bool) -> float:
    if log:
        return math.exp(_along(math.log(low), math.log(high), share, log=False))
    return low + share * (high - low)


def _is_number(value: Any) -> bool:
    return isinstance(value, float | int) and not isinstance(value, bool)


def _check_ends(kind: str, low: float, high: float, log: bool) -> None:
    if not low < high:
        raise ValueError(f"{kind}: low must be less than high, got {low} and {high}")
    if log and low <= 0:
        raise ValueError(f"{kind}: a log range must start above 0, got {low}")

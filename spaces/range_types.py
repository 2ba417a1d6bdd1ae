"""Ranges of one setting: values that turn into Optuna's distributions."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution  # Optuna is loaded by who asks for them

Value = float | int | str | bool


@dataclass(frozen=True)
class Float:
    """Real numbers from `low` to `high`, both included; with `log` drawn evenly by exponent."""

    low: float
    high: float
    log: bool = False

    def __post_init__(self) -> None:
        _check_ends("Float", self.low, self.high, self.log)

    def distribution(self) -> BaseDistribution:
        from optuna.distributions import FloatDistribution

        return FloatDistribution(self.low, self.high, log=self.log)

    def contains(self, value: Value) -> bool:
        return is_number(value) and self.low <= float(value) <= self.high

    def extremes(self) -> tuple[Value, ...]:
        return (self.low, self.high)

    def between(self, low: float, high: float) -> Float:
        """The same kind of range with other ends."""
        return Float(float(low), float(high), self.log)

    def nearest(self, value: Value) -> Value:
        return min(max(float(value), self.low), self.high)

    def at(self, share: float) -> Value:
        """The value at a `share`, in [0, 1), of the way from `low` to `high`, on its scale."""
        return self.nearest(_along(self.low, self.high, share, self.log))

    @property
    def size(self) -> float:
        """How many values there are."""
        return math.inf

    def values(self) -> tuple[Value, ...]:
        """Raises ValueError: real numbers cannot be listed."""
        raise ValueError(f"Float: has no list of values, got {self}")

    def __str__(self) -> str:
        return f"{self.low:g} .. {self.high:g}" + (" (log)" if self.log else "")


@dataclass(frozen=True)
class Int:
    """Whole numbers from `low` to `high`, both included; with `log` drawn evenly by exponent."""

    low: int
    high: int
    log: bool = False

    def __post_init__(self) -> None:
        for end in (self.low, self.high):
            if isinstance(end, bool) or not isinstance(end, int):
                raise ValueError(f"Int: ends must be whole numbers, got {end!r}")
        _check_ends("Int", self.low, self.high, self.log)

    def distribution(self) -> BaseDistribution:
        from optuna.distributions import IntDistribution

        return IntDistribution(self.low, self.high, log=self.log)

    def contains(self, value: Value) -> bool:
        return is_number(value) and isinstance(value, int) and self.low <= value <= self.high

    def extremes(self) -> tuple[Value, ...]:
        return (self.low, self.high)

    def between(self, low: int, high: int) -> Int:
        """The same kind of range with other ends."""
        return Int(low, high, self.log)

    def nearest(self, value: Value) -> Value:
        return min(max(int(value), self.low), self.high)

    def at(self, share: float) -> Value:
        """The number at `share`, in [0, 1).

        Each number gets the same part of [0, 1); with `log` a part by its exponent.
        """
        return self.nearest(round(_along(self.low - 0.5, self.high + 0.5, share, self.log)))

    def values(self) -> tuple[Value, ...]:
        """All of them, rising."""
        return tuple(range(self.low, self.high + 1))

    @property
    def size(self) -> float:
        """How many values there are."""
        return self.high - self.low + 1

    def __str__(self) -> str:
        return f"{self.low} .. {self.high} (whole{', log' if self.log else ''})"


@dataclass(frozen=True)
class Choice:
    """One of a few values, in no order."""

    options: tuple[Value, ...]

    def __post_init__(self) -> None:
        if not self.options:
            raise ValueError("Choice: at least one option is needed, got ()")
        if len(set(self.options)) < len(self.options):
            raise ValueError(f"Choice: options must differ, got {self.options}")

    def distribution(self) -> BaseDistribution:
        from optuna.distributions import CategoricalDistribution

        return CategoricalDistribution(self.options)

    def contains(self, value: Value) -> bool:
        return any(value == option and type(value) is type(option) for option in self.options)

    def extremes(self) -> tuple[Value, ...]:
        return self.options

    def nearest(self, value: Value) -> Value:
        return value if self.contains(value) else self.options[0]

    def at(self, share: float) -> Value:
        """The option at `share`, in [0, 1); each option gets the same part."""
        return self.options[int(share * len(self.options))]

    def values(self) -> tuple[Value, ...]:
        """All options."""
        return self.options

    @property
    def size(self) -> float:
        """How many values there are."""
        return len(self.options)

    def __str__(self) -> str:
        return " | ".join(str(option) for option in self.options)


Range = Float | Int | Choice


def _along(low: float, high: float, share: float, log: bool) -> float:
    if log:
        return math.exp(_along(math.log(low), math.log(high), share, log=False))
    return low + share * (high - low)


def is_number(value: Any) -> bool:
    return isinstance(value, float | int) and not isinstance(value, bool)


def _check_ends(kind: str, low: float, high: float, log: bool) -> None:
    if not low < high:
        raise ValueError(f"{kind}: low must be less than high, got {low} and {high}")
    if log and low <= 0:
        raise ValueError(f"{kind}: a log range must start above 0, got {low}")

"""Schedulers by name: who decides after each report whether a trial goes on."""

from __future__ import annotations

from collections.abc import Callable

from search.schedulers.asha import Asha
from search.schedulers.bias_forecast import BiasForecast
from search.schedulers.bias_halving import BiasHalving
from search.schedulers.bias_tolerance import BiasTolerance
from search.schedulers.policy import Policy, Stopping


def none(stopping: Stopping) -> None:
    """Every trial runs to its end."""


SCHEDULERS: dict[str, Callable[[Stopping], Policy | None]] = {
    "none": none,
    "bias_tolerance": BiasTolerance,
    "bias_halving": BiasHalving,
    "bias_forecast": BiasForecast,
    "asha": Asha,
}
"""Scheduler name -> what makes its policy; `none` makes none."""

__all__ = ["SCHEDULERS", "Policy", "Stopping"]

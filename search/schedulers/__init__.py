"""Schedulers by name: who decides after each report whether a trial goes on."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from trainables.registry import Registry

if TYPE_CHECKING:
    from search.schedulers.policy import Policy, Stopping

SCHEDULERS: Registry[Callable[[Stopping], Policy | None]] = Registry(
    {
        "none": "search.schedulers.policy:none",
        "bias_tolerance": "search.schedulers.bias_tolerance:BiasTolerance",
        "bias_halving": "search.schedulers.bias_halving:BiasHalving",
        "bias_forecast": "search.schedulers.bias_forecast:BiasForecast",
        "asha": "search.schedulers.asha:Asha",
    }
)
"""Scheduler name -> what makes its policy; `none` makes none."""

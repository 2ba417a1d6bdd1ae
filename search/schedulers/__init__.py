"""Schedulers by name: who decides after each report whether a trial goes on."""

from __future__ import annotations

from search.schedulers.tolerance import ToleranceRule

SCHEDULERS: dict[str, type[ToleranceRule] | None] = {
    "none": None,
    "bias_tolerance": ToleranceRule,
}
"""Scheduler name -> its rule; `none` lets every trial run to its end."""

__all__ = ["SCHEDULERS", "ToleranceRule"]

"""Stops what will not come under the tolerance: a rule of our own, as a policy."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from search.record import TrialRecord
from search.schedulers.policy import Stopping
from search.schedulers.tolerance import Curve, ToleranceRule

_TWO_SIDED = 1.96  # normal quantile of the reports' 95 % intervals


class BiasTolerance:
    """Stops trials whose bias is not expected to come under the tolerance by their end."""

    def __init__(self, stopping: Stopping) -> None:
        self._rule = ToleranceRule(limit=stopping.limit, error_rate=stopping.error_rate)
        self._completed: dict[str, dict[str, Curve]] = {}  # method -> trial -> its last stage

    def saw(self, trial: TrialRecord) -> None:
        if trial.status == "finished":
            self._completed.setdefault(trial.method, {})[trial.trial] = final_curve(trial)

    def decide(self, trial: TrialRecord) -> str | None:
        """Before the last stage bias says nothing about where the trial ends, so those stages go
        on. So does a trial with a feasible candidate, be it so by its upper bound alone: stopped
        trials enter no front."""
        last = trial.reports[-1]
        if not last["final_stage"] or any(r["feasible"] for r in trial.candidates()):
            return None
        low, high = last["bias_interval"]
        if low is None:
            return None
        error = (high - low) / (2 * _TWO_SIDED)
        peers = list(self._completed.get(trial.method, {}).values())
        if not self._rule.stops(final_curve(trial), error, peers):
            return None
        return reason_to_stop(last, self._rule.limit)


def reason_to_stop(report: Mapping[str, Any], limit: float) -> str:
    """What the user is told about a trial that is stopped."""
    if not report["beats_trivial"]:
        return "no better than a constant prediction"
    return f"bias {report['bias']:.3f} is not expected to come under {limit:g}"


def final_curve(trial: TrialRecord) -> Curve:
    """Bias through the last stage. A network no better than a constant one is perfectly fair and
    worth nothing: its bias counts as unknown, lest it be taken for a feasible candidate."""
    reports = [report for report in trial.reports if report["final_stage"]]
    bias = [report["bias"] if report["beats_trivial"] else None for report in reports]
    return Curve(bias, reports[-1]["stage_epochs"])

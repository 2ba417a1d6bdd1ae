"""Stops what will not come under the tolerance: a policy of our own, see tolerance.py."""

from __future__ import annotations

from dataclasses import dataclass, field

from search.record import TrialRecord
from search.schedulers.exploration import explored
from search.schedulers.policy import Stopping, Verdict
from search.schedulers.tolerance import NEVER, Bar, ToleranceRule
from search.schedulers.watch import (
    Report,
    Watching,
    Window,
    feasible_candidate,
    stage_share,
    worst_if_unknown,
)


@dataclass
class _Curve:
    """A trial's last stage so far."""

    window: Window = field(default_factory=Window)
    lows: list[float] = field(default_factory=list)
    highest: float = 0.0  # excess so far
    feasible: bool = False
    spared: bool = False  # would have been stopped, were it not explored


class BiasTolerance(Watching):
    """Stops trials whose bias will not come under the tolerance, at a stated rate of errors."""

    EXPLORE = 0.1  # share of trials that run to their end whatever the rule says

    def __init__(self, stopping: Stopping) -> None:
        super().__init__()
        self._rule = ToleranceRule(limit=stopping.limit, error_rate=stopping.error_rate)
        self._seed = stopping.seed
        self._bars: dict[str, Bar] = {}
        self._curves: dict[str, _Curve] = {}

    def _report(self, trial: TrialRecord, report: Report) -> Verdict | None:
        """Before the last stage bias says nothing about where the trial ends, so those stages go
        on. So does a trial with a feasible candidate, be it so by its upper bound alone: stopped
        trials enter no front."""
        if not report["final_stage"]:
            return None
        curve = self._curves.setdefault(trial.trial, _Curve())
        curve.feasible = curve.feasible or feasible_candidate(report)
        if curve.feasible:
            return None
        curve.window.take(report)
        bias = worst_if_unknown(report)
        curve.lows.append(min(bias, curve.lows[-1]) if curve.lows else bias)
        excess = self._rule.excess(stage_share(report), curve.window.bias, curve.window.error)
        curve.highest = max(curve.highest, excess)
        if not self._exceeds(excess, curve, self._bar(trial.method), report["stage_epochs"]):
            return None
        if explored(self._seed, trial.trial, self.EXPLORE):
            curve.spared = True
            return None
        return Verdict(reason_to_stop(report, self._rule.limit))

    def _exceeds(self, excess: float, curve: _Curve, bar: Bar, epochs: int) -> bool:
        value = bar.value
        if value < NEVER:
            return excess > value
        # Too few trials became feasible: patience, unless one of these once stood as high.
        return excess > bar.highest and self._rule.stagnates(curve.lows, epochs)

    def _end(self, trial: TrialRecord) -> None:
        """A trial that was spared stands for those that were not."""
        curve = self._curves.pop(trial.trial, None)
        if curve is not None and curve.feasible and trial.status == "finished":
            weight = 1 / self.EXPLORE if curve.spared else 1.0
            self._bar(trial.method).add(curve.highest, weight)

    def _bar(self, method: str) -> Bar:
        return self._bars.setdefault(method, Bar(self._rule.error_rate))


def reason_to_stop(report: Report, limit: float) -> str:
    """What the user is told about a trial that is stopped."""
    if not report["beats_trivial"]:
        return "no better than a constant prediction"
    return f"bias {report['bias']:.3f} is not expected to come under {limit:g}"

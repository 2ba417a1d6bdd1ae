"""Stops trials whose bias will not come under the tolerance: a rule, and the policy that asks it.

The rule is calibrated on completed trials by conformal prediction with a finite-sample correction
(Vovk, Gammerman and Shafer, Algorithmic Learning in a Random World, 2005), within the class of
trials that became feasible. It is weighted where stopping has thinned out that class (Tibshirani
et al., Conformal prediction under covariate shift, NeurIPS 2019).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from search.journal.record import TrialRecord
from search.schedulers.policy import Stopping, Verdict
from search.schedulers.watch import (
    Report,
    Watching,
    Window,
    explored,
    feasible_candidate,
    stage_share,
    worst_if_unknown,
)

NEVER = float("inf")


@dataclass(frozen=True)
class ToleranceRule:
    """Whether a trial without a feasible candidate should stop, from how high its bias stands.

    A trial's `excess` after share s of its last stage is how far the lower bound of its smoothed
    bias lies above the limit, divided by 1 - s: the nearer the end, the less may be left. It is
    stopped where its excess is larger than the largest that nearly all completed trials which
    became feasible had before they did (`bar`).
    """

    limit: float  # tolerance - margin: below it a candidate is feasible
    error_rate: float = 0.05
    grace: float = 0.1  # share of the stage before which nothing is stopped
    patience: float = 0.3  # share of the stage
    z: float = 1.0  # how many standard errors the lower bound lies below the bias

    def excess(self, share: float, bias: float, standard_error: float | None) -> float:
        """0 where the bound is under the limit, before the grace is over, at the stage's end, and
        where nothing is known of the error."""
        if standard_error is None or not self.grace <= share < 1:
            return 0.0
        return max(0.0, bias - self.z * standard_error - self.limit) / (1 - share)

    def stagnates(self, lows: Sequence[float], epochs: int) -> bool:
        """Whether the last `patience` of the stage brought no new low; `lows` is the lowest bias
        after each of its epochs so far."""
        wait = max(5, int(np.ceil(self.patience * epochs)))
        return len(lows) > wait and lows[-1] >= lows[-1 - wait]


@dataclass
class Bar:
    """The largest excesses of completed trials that became feasible, each before it did, sorted.

    `value` is the smallest excess such that, of the trials that would become feasible and come
    from where these came from, at most `error_rate` exceed it: a quantile with the finite-sample
    correction n + 1. Infinite where there are too few to say.
    """

    error_rate: float
    _excesses: NDArray[np.float64] = field(default_factory=lambda: np.empty(0))
    _weights: NDArray[np.float64] = field(default_factory=lambda: np.empty(0))

    def add(self, excess: float, weight: float = 1.0) -> None:
        """`weight` is how many trials this one stands for, itself included."""
        at = int(np.searchsorted(self._excesses, excess))
        self._excesses = np.insert(self._excesses, at, excess)
        self._weights = np.insert(self._weights, at, weight)

    def __len__(self) -> int:
        return len(self._excesses)

    @property
    def highest(self) -> float:
        """The largest excess seen; 0 before there is one."""
        return float(self._excesses[-1]) if len(self) else 0.0

    @property
    def value(self) -> float:
        """The trial in question counts with the largest weight seen: it may be such a one."""
        if not len(self):
            return NEVER
        total = self._weights.sum() + self._weights.max()
        enough = np.flatnonzero(np.cumsum(self._weights) >= (1 - self.error_rate) * total - 1e-9)
        return float(self._excesses[enough[0]]) if enough.size else NEVER


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

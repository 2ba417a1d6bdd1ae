"""Stops trials whose bias will not come under the tolerance: a rule, and the policy that asks it.

The rule is calibrated on completed trials by conformal prediction with a finite-sample correction
(Vovk, Gammerman and Shafer, Algorithmic Learning in a Random World, 2005), within the class of
trials that became feasible. Where stopping has thinned out that class, its trials are weighted
(Tibshirani et al., Conformal prediction under covariate shift, NeurIPS 2019).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from search.journal.candidates import is_feasible
from search.journal.record import TrialRecord
from search.schedulers.policy import Stopping, Verdict
from search.schedulers.watch import (
    RecentReports,
    WatchingPolicy,
    bias_or_worst,
    explored,
    round_of,
    stage_share,
)
from trainables.evaluation.report import Report

NEVER = float("inf")


class BiasTolerance(WatchingPolicy):
    """Stops trials whose bias will not come under the tolerance, at a stated rate of errors.

    It decides in the last stage alone: before that, bias says nothing about where a trial ends. A
    trial with a feasible candidate goes on, also where only the upper bound made it feasible: it
    would lose the candidate if it were stopped. So does one that prunes in rounds and was feasible
    in an earlier round.
    """

    EXPLORE = 0.1  # share of trials that run to their end whatever the rule says

    def __init__(self, stopping: Stopping) -> None:
        super().__init__()
        self._rule = ToleranceRule(limit=stopping.limit, error_rate=stopping.error_rate)
        self._seed = stopping.seed
        self._bars: dict[str, Bar] = {}  # by method
        self._curves: dict[str, _Curve] = {}  # by trial

    def _report(self, trial: TrialRecord, report: Report) -> Verdict | None:
        if not report["final_stage"]:
            return None
        curve = self._curves.setdefault(trial.trial, _Curve())
        curve.feasible = curve.feasible or is_feasible(report)
        if curve.feasible:
            return None
        curve.recent.take(report)
        bias = bias_or_worst(report)
        if round_of(report) != curve.round:
            curve.round = round_of(report)
            if self._rule.has_risen(bias, curve.recent.bias_error, curve.lows):
                curve.lows.clear()  # what sparsity has cost is no lack of progress
        curve.lows.append(min(bias, curve.lows[-1]) if curve.lows else bias)
        excess = self._rule.excess(stage_share(report), curve.recent.bias, curve.recent.bias_error)
        curve.highest_excess = max(curve.highest_excess, excess)
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
        # Too few trials became feasible. Patience decides, unless one of these once stood as high.
        return excess > bar.highest and self._rule.stagnates(curve.lows, epochs)

    def _end(self, trial: TrialRecord) -> None:
        curve = self._curves.pop(trial.trial, None)
        if curve is not None and curve.feasible and trial.status == "finished":
            weight = 1 / self.EXPLORE if curve.spared else 1.0  # it stands for those not spared
            self._bar(trial.method).add(curve.highest_excess, weight)

    def _bar(self, method: str) -> Bar:
        return self._bars.setdefault(method, Bar(self._rule.error_rate))


def reason_to_stop(report: Report, limit: float) -> str:
    """What the user is told about a trial that is stopped."""
    if not report["beats_trivial"]:
        return "no better than a constant prediction"
    return f"bias {report['bias']:.3f} is not expected to come under {limit:g}"


@dataclass(frozen=True)
class ToleranceRule:
    """Whether a trial without a feasible candidate should stop, from how high its bias stands.

    The `excess` of a trial at share s of its last stage says how far the lower bound of its
    smoothed bias lies above the limit, divided by 1 - s: the nearer the end, the less of the bias
    can still go. The trial is stopped where its excess is above the `Bar`, the excess that nearly
    all completed trials stayed under which became feasible later.
    """

    limit: float  # tolerance - margin: a candidate with a bias below it is feasible
    error_rate: float = 0.05
    grace: float = 0.1  # share of the stage before which nothing is stopped
    patience: float = 0.3  # share of the stage
    z: float = 1.0  # how many standard errors the lower bound lies below the bias

    def excess(self, share: float, bias: float, standard_error: float | None) -> float:
        """The excess at `share` of the stage; 0 where nothing may be stopped.

        That is before the grace is over, at the stage's end, and where the error is unknown.
        """
        if standard_error is None or not self.grace <= share < 1:
            return 0.0
        return max(0.0, bias - self.z * standard_error - self.limit) / (1 - share)

    def stagnates(self, lows: Sequence[float], epochs: int) -> bool:
        """Whether the bias has found no new low within the last `patience` of the stage.

        `lows` holds the lowest bias so far after each epoch, `epochs` is the stage's length.
        Patience begins anew where a round of pruning has raised the bias (see `has_risen`).
        """
        wait = max(5, int(np.ceil(self.patience * epochs)))
        return len(lows) > wait and lows[-1] >= lows[-1 - wait]

    def has_risen(self, bias: float, standard_error: float | None, lows: Sequence[float]) -> bool:
        """Whether the lower bound of a bias lies above the lowest so far."""
        return bool(lows) and bias - self.z * (standard_error or 0.0) > lows[-1]


@dataclass
class Bar:
    """The excess above which trials are stopped, learned from completed trials of a method.

    It collects, of each trial that became feasible, the largest excess that it had before it did.
    """

    error_rate: float
    _excesses: NDArray[np.float64] = field(default_factory=lambda: np.empty(0))  # rising
    _weights: NDArray[np.float64] = field(default_factory=lambda: np.empty(0))

    def add(self, excess: float, weight: float = 1.0) -> None:
        """Adds a trial; `weight` is how many trials it stands for, itself included."""
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
        """The smallest excess that at most `error_rate` of such trials exceed; else infinity.

        It is a weighted quantile with the finite-sample correction n + 1: the trial in question
        counts as one more, with the largest weight seen, since it may be such a trial. Infinity
        means that there are too few trials to say.
        """
        if not len(self):
            return NEVER
        total = self._weights.sum() + self._weights.max()
        enough = np.flatnonzero(np.cumsum(self._weights) >= (1 - self.error_rate) * total - 1e-9)
        return float(self._excesses[enough[0]]) if enough.size else NEVER


@dataclass
class _Curve:
    """The last stage of a trial so far."""

    recent: RecentReports = field(default_factory=RecentReports)
    # Lowest bias so far after each epoch, since a round of pruning last raised it.
    lows: list[float] = field(default_factory=list)
    round: int | None = None  # of pruning
    highest_excess: float = 0.0
    feasible: bool = False
    spared: bool = False  # the rule would have stopped it, had it not been drawn by lot

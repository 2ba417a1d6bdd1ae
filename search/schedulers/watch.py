"""What our own policies share: a base class, smoothed reports, points and a lottery.

The lottery (`explored`) lets some trials run to their end whatever a policy thinks. Without it
only survivors would complete, and a rule that learns from survivors alone grows ever stricter. A
trial that was spared by lot stands for those like it that were stopped: it counts with a weight of
one over its chance (Horvitz and Thompson, JASA 1952).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import deque
from dataclasses import dataclass, field
from statistics import median

import numpy as np
from numpy.typing import NDArray

from search.journal.record import TrialRecord
from search.schedulers.policy import Verdict
from trainables.evaluation.report import Report
from trainables.methods import METHODS
from trainables.stage import derived_seed

Points = NDArray[np.float64]  # (n, 2 or 3), larger is better: performance, -bias, sparsity

_TWO_SIDED = 1.96  # normal quantile of the reports' 95 % intervals
_SMOOTHED_OVER = 5  # reports


class WatchingPolicy(ABC):
    """A policy that decides while it sees a report; `decide` only looks the verdict up.

    `_report` is called once for each report, `_end` once for each trial, in the order of a search.
    Trials are known by their names, so trials of other searches need names of their own.
    """

    def __init__(self) -> None:
        self._seen: dict[str, int] = {}  # trial -> how many of its reports
        self._verdicts: dict[str, Verdict | None] = {}
        self._ended: set[str] = set()

    def saw(self, trial: TrialRecord) -> None:
        name = trial.trial
        if name in self._ended:
            return
        for report in trial.reports[self._seen.get(name, 0) :]:
            self._verdicts[name] = self._report(trial, report)
        self._seen[name] = len(trial.reports)
        if trial.status != "running":
            self._ended.add(name)
            del self._seen[name]
            self._verdicts.pop(name, None)
            self._end(trial)

    def decide(self, trial: TrialRecord) -> Verdict | None:
        return self._verdicts.get(trial.trial)

    @abstractmethod
    def _report(self, trial: TrialRecord, report: Report) -> Verdict | None:
        """Takes over one report; returns how the trial should end after it, if it should."""

    @abstractmethod
    def _end(self, trial: TrialRecord) -> None:
        """Takes over that the trial has ended, after its last report."""


def explored(seed: int, trial: str, share: float) -> bool:
    """Whether the trial is one of the `share` that run to their end, drawn by lot.

    The lot depends on the seed and the trial's name alone, so a resumed search draws the same.
    """
    return derived_seed(seed, "explored", trial) / 2**63 < share


def stage_share(report: Report) -> float:
    """Which share of its stage a trial has done, in (0, 1]."""
    return float(report["stage_epoch"] / report["stage_epochs"])


def round_of(report: Report) -> int | None:
    """The round of pruning that the epoch belonged to, from 1; None: its stage has no rounds.

    Within a stage that prunes in rounds the sparsity rises, and bias mostly with it. So reports
    are compared within a round, or with those of trials that have removed about as much.
    """
    return report.get("round")


def trial_share(trial: TrialRecord, report: Report) -> float:
    """Which share of the whole trial is done, in (0, 1].

    Each stage counts the same, since how long the later ones will be is only known when they
    start.
    """
    stages = len(METHODS[trial.method].stages)
    return float((report["stage"] + stage_share(report)) / stages)


def bias_or_worst(report: Report) -> float:
    """The bias; 1, the worst, where it is not estimable or the network not better than trivial.

    A network that predicts (nearly) the same for everybody is perfectly fair and worth nothing.
    """
    bias = report["bias"]
    return float(bias) if bias is not None and report["beats_trivial"] else 1.0


@dataclass
class RecentReports:
    """A trial's last few reports in its current stage, and round of pruning where it has rounds;
    their medians say where it stands now."""

    stage: int = -1
    round: int | None = None
    _biases: deque[float] = field(default_factory=lambda: deque(maxlen=_SMOOTHED_OVER))
    _performances: deque[float] = field(default_factory=lambda: deque(maxlen=_SMOOTHED_OVER))
    sparsity: float = 0.0  # of the last report
    bias_error: float | None = None  # standard error of the last report's bias; None: unknown

    def take(self, report: Report) -> None:
        """Adds a report; the first one of a new stage or round drops those before it."""
        if (report["stage"], round_of(report)) != (self.stage, self.round):
            self.stage, self.round = report["stage"], round_of(report)
            self._biases.clear()
            self._performances.clear()
        self._biases.append(bias_or_worst(report))
        self._performances.append(report["performance"] or 0.0)  # None: not estimable
        self.sparsity = report["sparsity"]
        self.bias_error = _standard_error(report)

    @property
    def bias(self) -> float:
        return float(median(self._biases))

    @property
    def performance(self) -> float:
        return float(median(self._performances))


def _standard_error(report: Report) -> float | None:
    """The standard error of the bias on tune, from its interval; None where that is unknown."""
    low, high = report["bias_interval"]
    return None if low is None or high is None else (high - low) / (2 * _TWO_SIDED)


def point_of(report: Report, *, sparsity: bool) -> Points:
    """The report as one row (2 or 3,). Its performance and bias must be estimable."""
    performance, bias = report["performance"], report["bias"]
    if performance is None or bias is None:
        raise ValueError(f"point_of: needs a performance and a bias, got {performance}, {bias}")
    values = [performance, -bias]
    return np.array([*values, report["sparsity"]] if sparsity else values, dtype=np.float64)


def beaten(points: Points, by: Points) -> NDArray[np.bool_]:
    """Mask (n,) of `points` that some row of `by` equals or exceeds in every column."""
    exceeded: NDArray[np.bool_] = np.all(by[None] >= points[:, None], axis=2)
    return np.asarray(np.any(exceeded, axis=1))


def undominated(points: Points) -> Points:
    """The rows that no other row equals or exceeds in every column; of equal rows the first."""
    best = points[:0]
    for point in points:
        if not beaten(point[None], best)[0]:
            best = np.concatenate([best[~beaten(best, point[None])], point[None]])
    return best


class FeasiblePoints:
    """The feasible candidates of each running trial, also those that later ones have beaten."""

    def __init__(self, columns: int) -> None:
        """`columns` is 2 or 3, see `Points`."""
        self._columns = columns
        self._points: dict[str, list[Points]] = {}

    def add(self, trial: str, point: Points) -> None:
        self._points.setdefault(trial, []).append(point)

    def of(self, trial: str) -> Points:
        """The trial's points (n, 2 or 3), oldest first."""
        points = self._points.get(trial, [])
        return np.array(points).reshape(len(points), self._columns)

    def __contains__(self, trial: object) -> bool:
        """Whether the trial has a feasible candidate to keep."""
        return trial in self._points

    def remove(self, trial: str) -> None:
        """Forgets a trial that has ended."""
        self._points.pop(trial, None)

"""What all policies of our own share.

They take over reports one by one and smooth them; they know which feasible candidates a trial has
to keep; and they let some trials run to their end whatever they think. Under stopping only
survivors complete, so what is learned from them alone drifts towards ever stricter decisions. A
trial that was spared by lot stands for the others of its kind that were not, with a weight of one
over its chance (Horvitz and Thompson, JASA 1952).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from statistics import median
from typing import Any

import numpy as np
from numpy.typing import NDArray

from search.journal.record import TrialRecord
from search.schedulers.policy import Verdict
from trainables.methods import METHODS
from trainables.stage import derived_seed


def explored(seed: int, trial: str, share: float) -> bool:
    """Whether the trial is one of the `share` that run to their end; a lot that depends on the
    seed and the trial's name alone, so a resumed search draws the same."""
    return derived_seed(seed, "explored", trial) / 2**63 < share


Report = Mapping[str, Any]

_TWO_SIDED = 1.96  # normal quantile of the reports' 95 % intervals
_SMOOTH = 5  # reports whose median is the level now


class Watching(ABC):
    """A policy that makes up its mind while it sees a report, so that `decide` only looks it up.

    `_report` is called once for each report, `_end` once for each trial, in the order of a search;
    a trial's name stands for it, so trials of other searches need names of their own.
    """

    def __init__(self) -> None:
        self._taken: dict[str, int] = {}
        self._verdicts: dict[str, Verdict | None] = {}
        self._ended: set[str] = set()

    def saw(self, trial: TrialRecord) -> None:
        name = trial.trial
        if name in self._ended:
            return
        for report in trial.reports[self._taken.get(name, 0) :]:
            self._verdicts[name] = self._report(trial, report)
        self._taken[name] = len(trial.reports)
        if trial.status != "running":
            self._ended.add(name)
            del self._taken[name]
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


def stage_share(report: Report) -> float:
    """Which share of its stage a trial has done, in (0, 1]."""
    return float(report["stage_epoch"] / report["stage_epochs"])


def trial_share(trial: TrialRecord, report: Report) -> float:
    """Which share of the whole trial is done, in (0, 1]: each stage counts the same, since how
    long the later ones will be is only known when they start."""
    stages = len(METHODS[trial.method].stages)
    return float((report["stage"] + stage_share(report)) / stages)


def standard_error(report: Report) -> float | None:
    """Of the bias on `tune`, from its interval: the smaller the groups, the larger."""
    low, high = report["bias_interval"]
    return None if low is None or high is None else (high - low) / (2 * _TWO_SIDED)


@dataclass
class Window:
    """A trial's last few reports in its current stage, and the level they stand at."""

    stage: int = -1
    _biases: deque[float] = field(default_factory=lambda: deque(maxlen=_SMOOTH))
    _performances: deque[float] = field(default_factory=lambda: deque(maxlen=_SMOOTH))
    sparsity: float = 0.0
    error: float | None = None  # standard error of the last bias

    def take(self, report: Report) -> None:
        if report["stage"] != self.stage:
            self.stage = report["stage"]
            self._biases.clear()
            self._performances.clear()
        self._biases.append(worst_if_unknown(report))
        self._performances.append(report["performance"] or 0.0)  # None: not estimable
        self.sparsity = report["sparsity"]
        self.error = standard_error(report)

    @property
    def bias(self) -> float:
        return float(median(self._biases))

    @property
    def performance(self) -> float:
        return float(median(self._performances))


def worst_if_unknown(report: Report) -> float:
    """The bias; 1 where it could not be estimated or means nothing: a network no better than a
    constant one is perfectly fair and worth nothing."""
    known = report["beats_trivial"] and report["bias"] is not None
    return float(report["bias"]) if known else 1.0


def feasible_candidate(report: Report) -> bool:
    """Whether the report's weights were kept and may enter a front."""
    return bool(report["candidate"] and report["feasible"] and report["beats_trivial"])


Points = NDArray[np.float64]  # (n, 2 or 3), larger is better: performance, -bias, sparsity


def point_of(report: Report, *, sparsity: bool) -> Points:
    """The report's place, as one row (2 or 3,)."""
    values = [report["performance"], -report["bias"]]
    return np.array([*values, report["sparsity"]] if sparsity else values, dtype=np.float64)


def beaten(points: Points, by: Points) -> NDArray[np.bool_]:
    """Mask (n,) of `points` that some row of `by` equals or exceeds in every column."""
    exceeded: NDArray[np.bool_] = np.all(by[None] >= points[:, None], axis=2)
    return np.asarray(np.any(exceeded, axis=1))


def undominated(points: Points) -> Points:
    """The rows that no other row equals or exceeds in every column; of equal rows the first."""
    kept = points[:0]
    for point in points:
        if not beaten(point[None], kept)[0]:
            kept = np.concatenate([kept[~beaten(kept, point[None])], point[None]])
    return kept


class FeasiblePoints:
    """The feasible candidates of each trial under way, beaten or not."""

    def __init__(self, columns: int) -> None:
        self._columns = columns
        self._points: dict[str, list[Points]] = {}

    def add(self, trial: str, point: Points) -> None:
        self._points.setdefault(trial, []).append(point)

    def of(self, trial: str) -> Points:
        """The trial's points (n, 2 or 3), oldest first."""
        own = self._points.get(trial, [])
        return np.array(own).reshape(len(own), self._columns)

    def __contains__(self, trial: object) -> bool:
        """Whether the trial has a feasible candidate to keep."""
        return trial in self._points

    def remove(self, trial: str) -> None:
        """Forgets a trial that has ended."""
        self._points.pop(trial, None)

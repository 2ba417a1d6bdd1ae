"""What all policies of our own share: they take over reports one by one, and smooth them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from statistics import median
from typing import Any

from search.record import TrialRecord
from search.schedulers.policy import Verdict
from trainables.methods import METHODS

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

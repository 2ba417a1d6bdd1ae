"""Successive halving that asks for fairness first.

A policy of our own. At certain points of a trial, its rungs, it is ranked among the trials that
came there before, and goes on if it is among the best.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import deque
from dataclasses import dataclass, field

import numpy as np

from search.journal.candidates import is_feasible
from search.journal.record import TrialRecord
from search.schedulers.policy import Stopping, Verdict
from search.schedulers.watch import (
    FeasiblePoints,
    Points,
    RecentReports,
    WatchingPolicy,
    point_of,
    round_of,
    stage_share,
    trial_share,
    undominated,
)
from trainables.evaluation.report import Report


class BiasHalving(WatchingPolicy):
    """Lets the best third go on at each rung: feasible trials first, then those of low bias.

    Rungs lie at shares of the last stage, whatever a method's length: earlier stages say little
    about bias. Each method is ranked for itself. Of the trials that fall behind, those with a
    feasible candidate finish early and keep it, the others are stopped.

    A trial that prunes in rounds is ranked among those that have removed about as many weights
    when they reach the rung. Where sparsity is an objective, one with a feasible candidate goes
    on: its later rounds leave sparser networks, which a rung does not see.
    """

    RUNGS = (0.05, 0.15, 0.45)  # shares of the last stage
    KEEP = 1 / 3

    def __init__(self, stopping: Stopping) -> None:
        super().__init__()
        self._sparsity = stopping.sparsity
        self._feasible = FeasiblePoints(2 + stopping.sparsity)
        self._rungs: dict[tuple[str, int], list[Rung]] = {}  # by method and `halvings`
        self._climbs: dict[str, _Climb] = {}  # by trial

    def _report(self, trial: TrialRecord, report: Report) -> Verdict | None:
        if not report["final_stage"]:
            return None
        if is_feasible(report):
            self._feasible.add(trial.trial, point_of(report, sparsity=self._sparsity))
        climb = self._climbs.setdefault(trial.trial, _Climb())
        climb.recent.take(report)
        self._climb(trial, climb, report)
        if not climb.behind or report["last"]:
            return None
        keeps = trial.trial in self._feasible
        at = f"{'early, ' if keeps else ''}at {100 * trial_share(trial, report):.0f} %"
        return Verdict(f"{at}: behind two thirds of the trials", keeps)

    def _climb(self, trial: TrialRecord, climb: _Climb, report: Report) -> None:
        """Ranks the trial at every rung that it has reached since its last report."""
        share, in_rounds = stage_share(report), round_of(report) is not None
        rivals = trial.method, halvings(report["sparsity"]) if in_rounds else 0
        rungs = self._rungs.setdefault(rivals, [Rung(self.KEEP) for _ in self.RUNGS])
        while climb.next_rung < len(self.RUNGS) and share >= self.RUNGS[climb.next_rung]:
            points = undominated(self._feasible.of(trial.trial))
            behind = not rungs[climb.next_rung].passes(points, climb.recent.bias)
            grows_sparser = in_rounds and self._sparsity and len(points) > 0
            climb.behind = behind and not grows_sparser
            climb.next_rung += 1

    def _end(self, trial: TrialRecord) -> None:
        self._climbs.pop(trial.trial, None)
        self._feasible.remove(trial.trial)


def halvings(sparsity: float) -> int:
    """How often the kept weights were halved, rounded down: 0 below a sparsity of .5, 1 below .75;
    at most 20."""
    return int(-np.log2(max(1 - sparsity, 2**-20)))


class Rung:
    """Ranks trials by what they were like when they reached this rung.

    Feasible trials come before infeasible ones, and infeasible ones are ranked by their bias (Deb,
    IEEE Transactions on Evolutionary Computation 2002). A feasible trial is behind those trials
    that dominate all of its points. A trial is ranked at once, among those that came before it
    (asynchronous halving: Li et al., MLSys 2020).
    """

    RECENT = 512  # feasible trials that a new one is compared with: so its time stays bounded

    def __init__(self, keep: float) -> None:
        """`keep` is the share of trials that goes on."""
        self._keep = keep
        self._biases: list[float] = []  # of infeasible trials, rising
        self._feasible = 0  # how many trials
        self._recent: deque[Points] = deque(maxlen=self.RECENT)  # points of feasible trials

    def __len__(self) -> int:
        return len(self._biases) + self._feasible

    def passes(self, points: Points, bias: float) -> bool:
        """Adds a trial and tells whether it is among the best `keep` of all so far.

        `points` (n, 2 or 3) are its feasible points; where there are none, its `bias` counts.
        """
        if len(points):
            before = self._dominating(points)
            self._recent.append(points)
            self._feasible += 1
        else:
            before = self._feasible + bisect_left(self._biases, bias)
            insort(self._biases, bias)
        return before < max(1.0, self._keep * len(self))

    def _dominating(self, points: Points) -> float:
        """How many feasible trials dominate all of these points.

        It is counted among the recent ones and scaled up to all.
        """
        if not self._recent:
            return 0.0
        sizes = [len(own) for own in self._recent]
        stacked = np.concatenate(self._recent)
        exceeds = (stacked[:, None] >= points[None]).all(axis=2)  # (theirs, mine)
        starts = np.cumsum([0, *sizes[:-1]])
        by_trial = np.logical_or.reduceat(exceeds, starts, axis=0).all(axis=1)
        return float(by_trial.mean() * self._feasible)


@dataclass
class _Climb:
    """How far a trial has got."""

    recent: RecentReports = field(default_factory=RecentReports)
    next_rung: int = 0
    behind: bool = False  # at the rung before that

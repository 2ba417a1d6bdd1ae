"""Successive halving that asks for fairness first.

A policy of our own: a rung ranks feasible trials before infeasible ones, the feasible by
non-domination, the others by bias, and lets the best share go on.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import deque
from dataclasses import dataclass, field

import numpy as np

from search.journal.record import TrialRecord
from search.schedulers.policy import Stopping, Verdict
from search.schedulers.watch import (
    FeasiblePoints,
    Points,
    Report,
    Watching,
    Window,
    feasible_candidate,
    point_of,
    stage_share,
    trial_share,
    undominated,
)


class Rung:
    """Ranks trials by what they were like when they reached this rung.

    Feasible ones come before infeasible ones, these by their bias (Deb's rule, IEEE Trans. Evol.
    Comp. 2002); a feasible one is behind all those that dominate each of its points. Asynchronous:
    a trial is judged at once, by those that came before it (Li et al., MLSys 2020).
    """

    RECENT = 512  # feasible trials that a new one is compared with, so that time stays bounded

    def __init__(self, keep: float) -> None:
        """`keep` is the share of trials that goes on."""
        self._keep = keep
        self._biases: list[float] = []  # of infeasible trials, rising
        self._feasible = 0
        self._recent: deque[Points] = deque(maxlen=self.RECENT)

    def __len__(self) -> int:
        return len(self._biases) + self._feasible

    def passes(self, points: Points, bias: float) -> bool:
        """Whether a trial with these feasible points (n, 2 or 3), or without any and with this
        bias, is among the best `keep`; it is on record from now on."""
        if len(points):
            before = self._dominating(points)
            self._recent.append(points)
            self._feasible += 1
        else:
            before = self._feasible + bisect_left(self._biases, bias)
            insort(self._biases, bias)
        return before < max(1.0, self._keep * len(self))

    def _dominating(self, points: Points) -> float:
        """How many feasible trials dominate all of these points; projected where only recent ones
        were looked at."""
        if not self._recent:
            return 0.0
        sizes = [len(one) for one in self._recent]
        stacked = np.concatenate(self._recent)
        exceeds = (stacked[:, None] >= points[None]).all(axis=2)  # (theirs, mine)
        starts = np.cumsum([0, *sizes[:-1]])
        by_trial = np.logical_or.reduceat(exceeds, starts, axis=0).all(axis=1)
        return float(by_trial.mean() * self._feasible)


@dataclass
class _Climb:
    """How far a trial has got."""

    window: Window = field(default_factory=Window)
    rung: int = 0  # the next one
    behind: bool = False  # at the last one


class BiasHalving(Watching):
    """Successive halving, constraint first: feasible before infeasible, then by non-domination.

    Rungs lie at shares of the last stage, whatever a method's length: what stages before it report
    says little about bias. Methods are ranked apart. At each rung the best third goes on; of the
    others, those with a feasible candidate finish early and keep it, the rest is stopped.
    """

    RUNGS = (0.05, 0.15, 0.45)  # shares of the last stage
    KEEP = 1 / 3

    def __init__(self, stopping: Stopping) -> None:
        super().__init__()
        self._sparsity = stopping.sparsity
        self._feasible = FeasiblePoints(2 + stopping.sparsity)
        self._rungs: dict[str, list[Rung]] = {}
        self._climbs: dict[str, _Climb] = {}

    def _report(self, trial: TrialRecord, report: Report) -> Verdict | None:
        if not report["final_stage"]:
            return None
        if feasible_candidate(report):
            self._feasible.add(trial.trial, point_of(report, sparsity=self._sparsity))
        climb = self._climbs.setdefault(trial.trial, _Climb())
        climb.window.take(report)
        self._climb(trial, climb, stage_share(report))
        if not climb.behind or report["last"]:
            return None
        keeps = trial.trial in self._feasible
        at = f"{'early, ' if keeps else ''}at {100 * trial_share(trial, report):.0f} %"
        return Verdict(f"{at}: behind two thirds of the trials", keeps)

    def _climb(self, trial: TrialRecord, climb: _Climb, share: float) -> None:
        """Takes the trial past every rung that it has now reached."""
        rungs = self._rungs.setdefault(trial.method, [Rung(self.KEEP) for _ in self.RUNGS])
        while climb.rung < len(self.RUNGS) and share >= self.RUNGS[climb.rung]:
            points = undominated(self._feasible.of(trial.trial))
            climb.behind = not rungs[climb.rung].passes(points, climb.window.bias)
            climb.rung += 1

    def _end(self, trial: TrialRecord) -> None:
        self._climbs.pop(trial.trial, None)
        self._feasible.remove(trial.trial)

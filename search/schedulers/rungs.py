"""One rung of constraint-first, non-dominated successive halving: who got there, who goes on."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import deque

import numpy as np

from search.schedulers.feasible import Points


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

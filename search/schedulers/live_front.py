"""The front of a search under way: which trials hold a feasible candidate that nobody beats."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from search.schedulers.watch import Report

Points = NDArray[np.float64]  # (n, 2 or 3), larger is better: performance, -bias, sparsity


def point_of(report: Report, *, sparsity: bool) -> Points:
    """The report's place, as one row (2 or 3,)."""
    values = [report["performance"], -report["bias"]]
    return np.array([*values, report["sparsity"]] if sparsity else values, dtype=np.float64)


def beaten(points: Points, by: Points) -> NDArray[np.bool_]:
    """Mask (n,) of `points` that some row of `by` equals or exceeds in every column."""
    exceeded: NDArray[np.bool_] = np.all(by[None] >= points[:, None], axis=2)
    return np.asarray(np.any(exceeded, axis=1))


class LiveFront:
    """Non-dominated feasible candidates of trials that run or finished, with their owners.

    A trial on the front must not be stopped, for stopped trials enter no front; so what a stopped
    trial leaves is dominated by others. A failed trial's points are taken back.
    """

    def __init__(self, columns: int) -> None:
        self.points: Points = np.empty((0, columns))
        self._owners: list[str] = []
        self._held: dict[str, int] = {}  # owner -> its points on the front
        self._all: dict[str, list[Points]] = {}  # trial -> its feasible points, beaten or not

    def add(self, trial: str, point: Points) -> None:
        self._all.setdefault(trial, []).append(point)
        self._insert(trial, point)

    def holds(self, trial: str) -> bool:
        """Whether the trial has a point on the front."""
        return trial in self._held

    def of(self, trial: str) -> Points:
        """The trial's own feasible points (n, 2 or 3), oldest first."""
        own = self._all.get(trial, [])
        return np.array(own).reshape(len(own), self.points.shape[1])

    def __len__(self) -> int:
        """How many trials are on the front."""
        return len(self._held)

    def remove(self, trial: str) -> None:
        """Forgets a trial that was stopped or failed."""
        self._all.pop(trial, None)
        if trial in self._held:
            self.points, self._owners, self._held = self.points[:0], [], {}
            for owner, points in self._all.items():
                for point in points:
                    self._insert(owner, point)

    def _insert(self, trial: str, point: Points) -> None:
        if beaten(point[None], self.points)[0]:
            return
        stay = ~beaten(self.points, point[None])
        self.points = np.concatenate([self.points[stay], point[None]])
        self._owners = [o for o, s in zip(self._owners, stay, strict=True) if s] + [trial]
        self._held = {}
        for owner in self._owners:
            self._held[owner] = self._held.get(owner, 0) + 1

"""What trials have to keep: their feasible candidates as points where larger is better."""

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

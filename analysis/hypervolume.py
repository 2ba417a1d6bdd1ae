"""Hypervolume: the share of the box between a reference and an ideal point that a front covers."""

from bisect import bisect_left
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from analysis.pareto import non_dominated


def hypervolume(points: ArrayLike, reference: ArrayLike, ideal: ArrayLike) -> float:
    """Exact covered share, in [0, 1], of the box spanned by `reference` (d,) and `ideal` (d,).

    `points` is (n, d) with d = 2 or 3. Directions follow from the box: a column whose ideal lies
    below its reference is minimised. Points that do not beat the reference in every column count
    nothing; what exceeds the ideal is clipped to it; rows with NaN count nothing.
    (Zitzler and Thiele, IEEE Trans. Evol. Comp. 1999, "size of the space covered".)
    """
    return _covered(_scaled(points, reference, ideal))


class GrowingHypervolume:
    """Keeps the front of the points seen so far and the share of the box that it covers."""

    def __init__(self, reference: ArrayLike, ideal: ArrayLike) -> None:
        self._reference, self._ideal = _box(reference, ideal)
        self.restart([])

    def restart(self, points: Sequence[ArrayLike]) -> None:
        """Forget all points but these, each (d,)."""
        table = np.array(points, dtype=np.float64).reshape(-1, len(self._reference))
        self._front = _scaled(table, self._reference, self._ideal)
        self.value = _covered(self._front)

    def add(self, point: ArrayLike) -> float:
        """Take one point (d,); returns the covered share with it."""
        scaled = _scaled(np.asarray(point)[None], self._reference, self._ideal)
        if not len(scaled) or (self._front >= scaled).all(axis=1).any():
            return self.value
        # What the point adds: its own box less the part of it that is covered already.
        overlap = np.minimum(self._front, scaled)
        self.value += float(scaled.prod()) - _covered(overlap)
        surviving = self._front[(self._front > scaled).any(axis=1)]
        self._front = np.concatenate([surviving, scaled])
        return self.value


def _box(
    reference: ArrayLike, ideal: ArrayLike
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    low = np.asarray(reference, dtype=np.float64)
    high = np.asarray(ideal, dtype=np.float64)
    if low.shape != high.shape or low.shape not in ((2,), (3,)):
        raise ValueError(
            f"hypervolume: reference and ideal must both have 2 or 3 entries, "
            f"got shapes {low.shape} and {high.shape}"
        )
    if not np.isfinite([low, high]).all() or (low == high).any():
        raise ValueError(
            f"hypervolume: reference and ideal must be finite and differ in every entry, "
            f"got {low.tolist()} and {high.tolist()}"
        )
    return low, high


def _scaled(points: ArrayLike, reference: ArrayLike, ideal: ArrayLike) -> NDArray[np.float64]:
    """Rows that count, with the reference at 0 and the ideal at 1 in every column."""
    low, high = _box(reference, ideal)
    table = np.asarray(points, dtype=np.float64)
    if not table.size:
        table = table.reshape(0, len(low))
    if table.ndim != 2 or table.shape[1] != len(low):
        raise ValueError(
            f"hypervolume: points must have {len(low)} columns, got shape {table.shape}"
        )
    scaled = np.minimum((table - low) / (high - low), 1.0)
    return scaled[(scaled > 0).all(axis=1)]  # NaN compares false, so such rows drop out here


def _covered(scaled: NDArray[np.float64]) -> float:
    """Measure of the union of the boxes from the origin to each row (n, 2 or 3)."""
    if not len(scaled):
        return 0.0
    front = scaled[non_dominated(scaled, (True,) * scaled.shape[1])]
    return _area(front) if front.shape[1] == 2 else _volume(front)


def _area(front: NDArray[np.float64]) -> float:
    """Area under a staircase of mutually non-dominated rows (n, 2)."""
    steps = front[np.argsort(-front[:, 0])]  # x falls, so y rises
    rises = np.diff(steps[:, 1], prepend=0.0)
    return float(steps[:, 0] @ rises)


def _volume(front: NDArray[np.float64]) -> float:
    """Volume under rows (n, 3): slabs between falling heights, each as large as the staircase of
    the rows at least that high (Fonseca et al., CEC 2006, the three-dimensional sweep)."""
    by_height = front[np.argsort(-front[:, 2], kind="stable")]
    next_height = np.append(by_height[1:, 2], 0.0)
    stairs = _Staircase()
    total = 0.0
    for (x, y, height), below in zip(by_height.tolist(), next_height.tolist(), strict=True):
        stairs.add(x, y)
        total += stairs.area * (height - below)
    return total


class _Staircase:
    """Area of a growing union of rectangles from the origin; O(log n) to find the place."""

    def __init__(self) -> None:
        self._x: list[float] = []  # rising; the matching y fall
        self._y: list[float] = []
        self.area = 0.0

    def add(self, x: float, y: float) -> None:
        end = bisect_left(self._x, x)
        covered = self._y[end] if end < len(self._x) else 0.0
        if covered >= y:
            return
        # Walk left over the corners that the new one swallows, adding strip by strip.
        stop = end + 1 if end < len(self._x) and self._x[end] == x else end
        start, right = end, x
        while start > 0 and self._y[start - 1] <= y:
            start -= 1
            self.area += (right - self._x[start]) * (y - covered)
            right, covered = self._x[start], self._y[start]
        left = self._x[start - 1] if start > 0 else 0.0
        self.area += (right - left) * (y - covered)
        self._x[start:stop] = [x]
        self._y[start:stop] = [y]

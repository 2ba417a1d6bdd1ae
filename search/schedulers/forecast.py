"""What may still become of a trial: the later courses of completed ones, put where it stands now.

After the idea of freeze-thaw optimisation (Swersky, Snoek and Adams, arXiv:1406.3896, 2014), with
completed trials in place of a parametric curve.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from search.schedulers.feasible import Points, undominated

Floats = NDArray[np.float64]
POINTS = 8  # that a later course is kept by
RECENT = 256  # peers that are kept, so that time stays bounded
NEAREST = 20  # of them whose courses are looked at, or a third of all


def summarised(later: Points) -> Points:
    """`POINTS` rows for a later course (n, 2 or 3): its non-dominated ones, thinned out evenly
    where they are more, padded with -inf where they are fewer.

    Whatever is dominated now stays so when all of the course is shifted.
    """
    best = undominated(later)
    best = best[np.argsort(best[:, 1])]
    if len(best) > POINTS:
        best = best[np.linspace(0, len(best) - 1, POINTS).round().astype(int)]
    padded = np.full((POINTS, later.shape[1]), -np.inf)
    padded[: len(best)] = best
    return padded


class Peers:
    """Completed trials of one method at one place: where each stood, and its course after that."""

    def __init__(self, columns: int) -> None:
        """`columns` is 2 or 3: performance, -bias and, where it is an objective, sparsity."""
        self._total = 0  # added so far; the last RECENT are kept, in a ring
        self._names = [""] * RECENT
        self._levels = np.zeros((RECENT, columns))
        self._courses = np.zeros((RECENT, POINTS, columns))
        self._unread: dict[int, Points] = {}  # whole courses, summarised when first asked for
        self._later = np.zeros((RECENT, columns))  # medians of the courses; NaN where empty
        self._left = np.zeros(RECENT)
        self._weights = np.zeros(RECENT)

    def add(self, name: str, level: Points, later: Points, left: float, weight: float) -> None:
        """A trial that stood at `level` (2 or 3,), took the points `later` (n, 2 or 3) after that,
        was charged `left` samples for them and stands for `weight` trials."""
        at = self._total % RECENT
        self._total += 1
        self._names[at], self._left[at], self._weights[at] = name, left, weight
        self._levels[at], self._unread[at] = level, later
        self._later[at] = np.median(later, axis=0) if len(later) else np.nan

    def __len__(self) -> int:
        return min(self._total, RECENT)

    @property
    def left(self) -> float:
        """Mean samples to the end."""
        return float(self._left[: len(self)].mean())

    def courses_from(self, level: Points) -> tuple[Floats, Floats, list[str]]:
        """The courses that a trial at `level` may take (n, POINTS, 2 or 3), with weights (n,) and
        the names of those whose courses they were.

        Those of the peers nearest to it, each shifted by the part of the difference between them
        that lasts, as the regression of later values on the level tells, column by column.
        """
        for at, later in self._unread.items():
            self._courses[at] = summarised(later)
        self._unread.clear()
        levels = self._levels[: len(self)]
        lasting = self._slopes()
        distance = lasting * (levels - level) / (levels.std(axis=0) + 1e-6)
        nearest = np.argsort((distance**2).sum(axis=1), kind="stable")
        nearest = nearest[: max(NEAREST, len(levels) // 3)]
        shifts = lasting * (level - levels[nearest])
        names = [self._names[index] for index in nearest]
        return self._courses[nearest] + shifts[:, None], self._weights[nearest], names

    def _slopes(self) -> Floats:
        """How much of a difference in level is left later on, in [0, 1], by column; 1 where the
        levels do not differ enough to say."""
        known = ~np.isnan(self._later[: len(self), 0])
        later, levels = self._later[: len(self)][known], self._levels[: len(self)][known]
        if len(levels) < 3:
            return np.ones(levels.shape[1])
        weights = self._weights[: len(self)][known] / self._weights[: len(self)][known].sum()
        x, y = levels - weights @ levels, later - weights @ later
        spread = weights @ x**2
        slopes = np.divide(
            weights @ (x * y), spread, out=np.ones_like(spread), where=spread > 1e-9
        )
        return np.asarray(np.clip(slopes, 0.0, 1.0))

"""The 95 % ellipse of points in a plane, under a t-distribution.

Figure 3 of Lin, Kim, Joo (FairGRAPE, ECCV 2022) draws such ellipses "assuming multivariate
t-distribution", which is what the stat_ellipse of R's ggplot2 says of itself. So ours are as it
draws them: five degrees of freedom, location and scatter by maximum likelihood, a radius by the
F-distribution. (With many points they hold fewer than 95 % of them.)
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

DEGREES = 5.0  # of freedom of the t-distribution
_STEPS, _CLOSE = 1000, 1e-10


@dataclass(frozen=True)
class Ellipse:
    """An ellipse in the units of its points."""

    centre: tuple[float, float]
    width: float  # whole length of the first axis
    height: float  # of the second, which is the shorter one
    angle: float  # of the first axis against the horizontal one, in degrees


def t_ellipse(points: NDArray[np.float64], level: float = 0.95) -> Ellipse | None:
    """The ellipse of points (n, 2); None for fewer than four, or where they lie on a line.

    Its radius is sqrt(2 F), F the quantile `level` of the F-distribution with 2 and n - 1 degrees
    of freedom, in units of the fitted scatter.
    """
    if len(points) < 4:
        return None
    fitted = fit_t(points)
    if fitted is None:
        return None
    centre, scatter = fitted
    sizes, axes = np.linalg.eigh(scatter)  # ascending
    radius = math.sqrt(2 * stats.f.ppf(level, 2, len(points) - 1))
    angle = math.degrees(math.atan2(axes[1, 1], axes[0, 1]))
    return Ellipse(
        (float(centre[0]), float(centre[1])),
        2 * radius * math.sqrt(sizes[1]),
        2 * radius * math.sqrt(sizes[0]),
        (angle + 90.0) % 180.0 - 90.0,
    )


def fit_t(
    points: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.float64]] | None:
    """Location (2,) and scatter (2, 2) of a t-distribution with `DEGREES`, by likelihood.

    Each step weights points by their distance, and takes weighted means. None where the scatter
    shrinks to a line.
    """
    rows, axes = points.shape
    spread = points.std(axis=0)
    if not spread.min() > 0:
        return None
    scaled = (points - points.mean(axis=0)) / spread  # so that no axis is far smaller
    centre, scatter = scaled.mean(axis=0), np.cov(scaled.T, bias=True)
    for _ in range(_STEPS):
        if np.linalg.eigvalsh(scatter)[0] < 1e-9:
            return None
        away = scaled - centre
        distances = (away @ np.linalg.inv(scatter) * away).sum(axis=1)
        weights = (DEGREES + axes) / (DEGREES + distances)
        moved = weights @ scaled / weights.sum()
        away = scaled - moved
        grown = (weights[:, None] * away).T @ away / rows
        change = max(abs(moved - centre).max(), abs(grown - scatter).max())
        centre, scatter = moved, grown
        if change < _CLOSE:
            break
    return centre * spread + points.mean(axis=0), scatter * np.outer(spread, spread)

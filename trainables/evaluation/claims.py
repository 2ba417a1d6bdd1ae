"""What may be claimed from a test split: "the true bias lies below the tolerance".

A claim is a rejected null hypothesis, "the true bias is at least the tolerance". Its p-value comes
from rates on that bound (`contrasts`) or, where a measure or the rows allow none, from the same
bootstrap as the intervals. Several claims are made at once, and Holm's procedure
(Scandinavian Journal of Statistics, 1979) keeps the probability that any of them is false below
the error rate, whatever their dependence. The same rows may be opened again: the k-th opening has
2^-k of the error rate, so that all openings together, however many, stay below it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from trainables.evaluation.contrasts import MakeContrasts, normal_p_value_of, p_value_of
from trainables.evaluation.counts import Counts
from trainables.evaluation.intervals import (
    RESAMPLES,
    BootstrapEstimate,
    estimate,
    resamples_for,
)
from trainables.evaluation.measures import Measure, find_measure

Weights = Literal["front", "half", "chosen"]
# How the error rate is shared out among the points that were named.
WEIGHTS: dict[Weights, str] = {
    "front": "every point alike",
    "half": "half of it for the chosen point, the rest for the others alike",
    "chosen": "all of it for the chosen point; the others are tested if it passes",
}
_ROUNDING = 1e-12
_HALVINGS = 12
_STEP = 0.02  # of the distance from the estimate


@dataclass(frozen=True, eq=False)
class Evidence:
    """What a test split shows of one bias."""

    measure: Measure
    counts: Counts
    found: BootstrapEstimate
    seed: int

    @property
    def point(self) -> float:
        """The estimate; NaN where there is none."""
        return self.found.point

    def p_value(self, tolerance: float) -> float:
        """Of "the true bias is at least `tolerance`"; 1 where the estimate is not below it."""
        make = _contrasts(self.measure, self.counts)
        if make is None:
            return p_value(self.found, tolerance)
        if np.isnan(self.point) or self.point >= tolerance:
            return 1.0
        contrasts = make(self.counts.n_groups, tolerance)
        return p_value_of(*self._rows, contrasts, self.seed)

    @property
    def _rows(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Positives and rows (groups, rates) of each rate that the measure is about."""
        table = self.measure.reduce(self.counts.table)
        return table[..., 1], np.asarray(table.sum(-1), dtype=np.int64)

    def upper(self, level: float) -> float:
        """The true bias lies below with probability `level`: the smallest tolerance at which the
        claim would pass at 1 - `level`, or hardly above it; NaN where there is no estimate."""
        make = _contrasts(self.measure, self.counts)
        if make is None or np.isnan(self.point):
            return self.found.upper(level)
        limit = self.measure.limit
        high = self._upper_by_normal(make, 1 - level)
        while self.p_value(high) > 1 - level:
            if high >= limit:
                return limit
            high = min(limit, high + _STEP * max(high - self.point, 1e-2))
        return high

    def _upper_by_normal(self, make: MakeContrasts, error_rate: float) -> float:
        """Where the claim would pass if cells had normal tails: close, and without a draw."""
        low, high = self.point, self.measure.limit
        for _ in range(_HALVINGS):
            middle = (low + high) / 2
            contrasts = make(self.counts.n_groups, middle)
            if normal_p_value_of(*self._rows, contrasts) > error_rate:
                low = middle
            else:
                high = middle
        return high


def evidence(name: str, counts: Counts, smallest: float, seed: int = 0) -> Evidence:
    """About the bias called `name`, for claims at error rates of `smallest` and more."""
    measure = find_measure(name)
    drawn = _contrasts(measure, counts) is None  # else only the estimate itself is needed
    found = estimate(name, counts, seed, resamples_for(1 - 2 * smallest) if drawn else RESAMPLES)
    return Evidence(measure, counts, found, seed)


def _contrasts(measure: Measure, counts: Counts) -> MakeContrasts | None:
    """None where p-values are bootstrapped: errors of copies of one object go together."""
    return None if counts.pairs is not None else measure.contrasts


def p_value(estimate: BootstrapEstimate, tolerance: float) -> float:
    """Of "the true bias is at least `tolerance`", by bootstrap, from an estimate on test.

    An estimate this far below the tolerance needs an error that large, in one direction: errors
    are symmetric, so half of the draws that deviate so much count. 1 where the estimate is not
    below the tolerance, or there is none. The errors of a ratio are those of its logarithm.
    """
    if tolerance <= 0:
        raise ValueError(f"p_value: tolerance must be positive, got {tolerance}")
    if np.isnan(estimate.point) or estimate.point >= tolerance:
        return 1.0
    draws = len(estimate.deviations)
    room = estimate.below(tolerance) - _ROUNDING  # equal sizes count, however they were rounded
    as_large = draws - int(np.searchsorted(estimate.deviations, room))
    return (1 + as_large) / (2 * (draws + 1))


def level_of_opening(error_rate: float, opening: int) -> float:
    """The error rate of the `opening`-th look (from 1) at the same rows: error_rate * 2^-opening.

    Over all openings it adds up to less than `error_rate`. That holds where what is named later
    was not chosen by what earlier openings showed.
    """
    if opening < 1:
        raise ValueError(f"level_of_opening: openings count from 1, got {opening}")
    return error_rate * 2.0**-opening


def shares_of(weights: Weights, points: int, chosen: int | None) -> NDArray[np.float64]:
    """(points,) the share of the error rate that each point is tested at first; they add up to 1.

    With "chosen" the others have none until the chosen one has passed. Where none is chosen, or
    the chosen one is alone, all are alike.
    """
    if chosen is None or points == 1 or weights == "front":
        return np.full(points, 1.0 / points)
    own = 0.5 if weights == "half" else 1.0
    shares = np.full(points, (1 - own) / (points - 1))
    shares[chosen] = own
    return shares


def certified(
    p_values: Sequence[float], level: float, weights: Weights = "front", chosen: int | None = None
) -> NDArray[np.bool_]:
    """(points,) which of the null hypotheses are rejected; any true one with at most `level`.

    Holm's procedure with weights: the point with the smallest p / share is rejected where p is at
    most `level` times its share of what is left, then it leaves its share to the others, until one
    fails. Shares of 0 (see `shares_of`) become alike once the chosen point has passed.
    """
    p = np.asarray(p_values, dtype=np.float64)
    rejected = np.zeros(len(p), dtype=bool)
    shares = shares_of(weights, len(p), chosen) if len(p) else p
    while (left := ~rejected).any():
        if shares[left].sum() == 0:
            shares = left / left.sum()
        share = np.where(left, shares, 0.0)
        ratio = np.divide(p, share, out=np.full(len(p), np.inf), where=share > 0)
        first = int(ratio.argmin())
        if p[first] > level * share[first] / share.sum():
            break
        rejected[first] = True
    return rejected


def smallest_level(level: float, points: int) -> float:
    """The smallest level that any of `points` points is tested at by any weights of `WEIGHTS`.

    "half" gives the others half of what is shared by all but one.
    """
    return level / max(points, 2 * (points - 1), 1)

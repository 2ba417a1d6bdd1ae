"""Biases as the largest of linear functions of rates, and the exact test that this allows.

A gap of two rates lies below a tolerance if and only if it does so in either direction; the mean
of two absolute gaps, if the mean of the gaps does so with any signs; the largest gap, if each
does. So most biases are below the tolerance if and only if each of some linear functions of the
groups' rates, `Contrasts`, is below a bound. "The true bias is at least the tolerance" is then a
union of null hypotheses, one for each contrast, and it is rejected where all of them are: its
p-value is their largest (intersection-union test; Berger, Technometrics, 1982).

The p-value of one contrast is the probability to see one so small if the truth lay on its bound,
at those rates there that make what was seen most likely (the constrained maximum likelihood
estimate of Farrington and Manning, Statistics in Medicine, 1990, with exact binomial cells in
place of a normal tail). Unlike errors that are drawn around what was seen, those of a rate of 1 in
a small cell are as large as the hypothesis makes them. It is summed exactly for two cells. For
more it is drawn, by importance sampling: however small, it is known to a few percent. The claim's
error rate keeps its level to within a tenth down to groups of 8 rows.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations, permutations, product

import numpy as np
from numpy.typing import NDArray

_ROUNDING = 1e-12
_CLOSE = 1e-2  # contrasts whose normal p-value is smaller by this factor cannot have the largest
_DRAWS = 20_000  # of a contrast of more than two cells: its p-value is right to 2 %
_FAR = 40.0  # a tilt of log odds that leaves no other outcome
_STEPS = 60  # halvings of the interval of a Lagrange multiplier

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Contrasts:
    """The bias is below the tolerance if and only if each contrast is below its bound."""

    weights: Floats  # (k, groups, rates of one group)
    bounds: Floats  # (k,)


MakeContrasts = Callable[[int, float], Contrasts]  # of so many groups, at a tolerance


def gaps(signs: Sequence[Sequence[float]]) -> MakeContrasts:
    """Of any pair of groups, the gap of each row of `signs` (k, rates), weights of the rates."""

    def made(groups: int, tolerance: float) -> Contrasts:
        of_pair = np.asarray(signs, dtype=np.float64)
        weights = []
        for first, second in combinations(range(groups), 2):
            pair = np.zeros((len(of_pair), groups, of_pair.shape[1]))
            pair[:, first], pair[:, second] = of_pair, -of_pair
            weights.append(pair)
        both = np.concatenate(weights)
        return Contrasts(both, np.full(len(both), tolerance))

    return made


def gaps_of_any_sign(rates: int, weight: float) -> MakeContrasts:
    """Of any pair of groups, the sum of `weight` times the absolute gaps of so many rates."""
    return gaps([[weight * sign for sign in each] for each in product((1, -1), repeat=rates)])


def ratios(groups: int, tolerance: float) -> Contrasts:
    """The smaller rate of any two groups is more than 1 - tolerance times the larger one."""
    weights = np.zeros((groups * (groups - 1), groups, 1))
    for place, (small, large) in enumerate(permutations(range(groups), 2)):
        weights[place, small], weights[place, large] = -1.0, 1.0 - tolerance
    return Contrasts(weights, np.zeros(len(weights)))


def p_value_of(
    positives: NDArray[np.int64],
    cells: NDArray[np.int64],
    contrasts: Contrasts,
    seed: int = 0,
) -> float:
    """Of "some contrast is not below its bound", from `positives` (groups, rates) of `cells` rows.

    1 where one is not below it as seen. Cells without rows must have no weight.
    """
    positives, cells, weights, seen = _seen(positives, cells, contrasts)
    if (seen >= contrasts.bounds - _ROUNDING).any():
        return 1.0
    on_bound = constrained(positives, cells, weights, contrasts.bounds)
    by_normal = _by_normal(seen, cells, weights, on_bound, contrasts.bounds)
    largest = 0.0
    for place in np.flatnonzero(by_normal >= _CLOSE * by_normal.max()):
        used = weights[place] != 0
        cell = cells[used], on_bound[place, used], weights[place, used]
        if used.sum() == 2:
            p = _summed(*cell, seen[place])
        else:
            p = _drawn(*cell, seen[place], np.random.default_rng(seed))
        largest = max(largest, p)
    return largest


def _summed(cells: NDArray[np.int64], rates: Floats, weights: Floats, seen: float) -> float:
    """The probability that the contrast of two binomial cells (2,) is at most `seen`."""
    from scipy import special  # here alone: who lists measures need not wait for it

    (n, m), x = cells, np.arange(cells[0] + 1)
    chosen = special.gammaln(n + 1) - special.gammaln(x + 1) - special.gammaln(n - x + 1)
    of_first = np.exp(chosen + special.xlogy(x, rates[0]) + special.xlog1py(n - x, -rates[0]))
    limit = m * (seen - weights[0] * x / n) / weights[1]  # of the second cell's positives
    if weights[1] > 0:
        at_most, rate = np.floor(limit + m * _ROUNDING), rates[1]
    else:  # as many negatives
        at_most, rate = m - np.ceil(limit - m * _ROUNDING), 1 - rates[1]
    of_second = np.where(at_most < 0, 0.0, special.bdtr(np.clip(at_most, 0, m), m, rate))
    return min(1.0, float(of_first @ of_second))


def _drawn(
    cells: NDArray[np.int64],
    rates: Floats,
    weights: Floats,
    seen: float,
    generator: np.random.Generator,
) -> float:
    """The probability that the contrast of binomial cells (k,) is at most `seen`.

    Tables are drawn from exponentially tilted rates, at which the contrast is `seen` in the mean,
    and weighted by how much less likely they are at `rates` (Siegmund, Annals of Statistics,
    1976): half of all draws count, be the probability ever so small.
    """
    from scipy import special  # here alone, as above

    step = weights / cells  # of the contrast, for one positive more
    odds = special.logit(rates)

    def tilted(tilt: float) -> Floats:
        return np.asarray(special.expit(odds + tilt * step))

    low, high = -_FAR / np.abs(step).min(), 0.0
    for _ in range(_STEPS):
        middle = (low + high) / 2
        low, high = (low, middle) if tilted(middle) @ weights > seen else (middle, high)
    tilt = (low + high) / 2
    drawn = generator.binomial(cells, tilted(tilt), (_DRAWS, len(cells))) @ step
    tilted_mass = np.logaddexp(special.log_expit(-odds), special.log_expit(odds) + tilt * step)
    likelihoods = np.exp(cells @ tilted_mass - tilt * drawn[drawn <= seen + _ROUNDING])
    return min(1.0, float(likelihoods.sum() / _DRAWS))


def normal_p_value_of(
    positives: NDArray[np.int64], cells: NDArray[np.int64], contrasts: Contrasts
) -> float:
    """About `p_value_of`, without a draw: with a normal tail in place of binomial cells."""
    positives, cells, weights, seen = _seen(positives, cells, contrasts)
    on_bound = constrained(positives, cells, weights, contrasts.bounds)
    return float(_by_normal(seen, cells, weights, on_bound, contrasts.bounds).max())


def _seen(
    positives: NDArray[np.int64], cells: NDArray[np.int64], contrasts: Contrasts
) -> tuple[NDArray[np.int64], NDArray[np.int64], Floats, Floats]:
    """Positives and rows (cells,), the weights (k, cells), and what each contrast is as seen."""
    cells, positives = cells.reshape(-1), positives.reshape(-1)
    weights = contrasts.weights.reshape(len(contrasts.bounds), -1)
    return positives, cells, weights, weights @ (positives / np.maximum(cells, 1))


def _by_normal(
    seen: Floats, cells: NDArray[np.int64], weights: Floats, on_bound: Floats, bounds: Floats
) -> Floats:
    """(k,) the p-value of each contrast by a normal tail."""
    from scipy.special import ndtr  # here alone: who lists measures need not wait for it

    variances = (weights**2 * on_bound * (1 - on_bound) / np.maximum(cells, 1)).sum(1)
    return np.asarray(ndtr((seen - bounds) / np.sqrt(np.maximum(variances, _ROUNDING))))


def constrained(
    positives: NDArray[np.int64], cells: NDArray[np.int64], weights: Floats, bounds: Floats
) -> Floats:
    """(k, cells): the most likely rates with `weights` (k, cells) @ rates = `bounds` (k,).

    Of each cell (x - n p) / (p (1 - p)) is the Lagrange multiplier times its weight, which is a
    quadratic equation in p with one root in [0, 1]. The contrast falls as the multiplier grows.
    """
    x, n = positives.astype(np.float64), cells.astype(np.float64)

    def rates(multiplier: Floats) -> Floats:
        c = multiplier[:, None] * weights
        root = np.sqrt(np.maximum((n + c) ** 2 - 4 * c * x, 0.0))
        from_below = np.divide(2 * x, n + c + root, out=np.zeros_like(c), where=n + c + root > 0)
        # for n + c < 0 the same root, without a difference of nearly equal numbers
        from_above = np.divide(n + c - root, 2 * c, out=from_below.copy(), where=c < 0)
        return np.clip(np.where(n + c > 0, from_below, from_above), 0.0, 1.0)

    reach = 1e9 * (1.0 + n.max())
    low, high = np.full(len(bounds), -reach), np.full(len(bounds), reach)
    for _ in range(_STEPS):
        middle = (low + high) / 2
        too_large = (weights * rates(middle)).sum(1) > bounds
        low, high = np.where(too_large, middle, low), np.where(too_large, high, middle)
    return rates((low + high) / 2)

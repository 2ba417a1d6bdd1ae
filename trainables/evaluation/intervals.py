"""How well counts determine a bias or a performance: bootstrap intervals, by explicit seeds.

A percentile of resampled absolute values or maxima is biased upwards. So the bootstrap works on
the rates that a measure is computed from. Each measure has a seminorm `deviation` that bounds how
far its bias can be from the true one: |bias - true bias| <= deviation(rates - true rates). The
deviations of resampled rates from the rates seen are computed, q is their quantile, and the
interval is bias +- q, cut at 0. It covers the truth at least as often as asked for, near zero as
elsewhere. By symmetry of the errors the upper end alone misses at most half as often as the
interval. So does the lower end of a performance, and of a bias far from 0. Near 0 it does not: an
error in either direction makes the estimate larger than the true bias, so that the lower end alone
misses as often as the interval.

Rows are drawn from smoothed counts: each cell (group, label) gets one row more, shared by its
predictions, so that a rate of 0 or 1 in a small cell is not read as certainty. Measures of rates
within cells are drawn with the sizes of the cells fixed, all others with only the number of rows
fixed. Disparate impact is a ratio, and its errors are taken of its logarithm.

Rows may come as pairs, such as the colour and the grey copy of one image. Then pairs are drawn,
and the tables of both groups are those of the drawn pairs. How many are drawn of each kind of pair
is Poisson distributed: three times as fast as a fixed total, and without a difference to rates.
Copies that are mostly treated alike tell more about gaps between the groups than independent rows
would. They tell less about a performance: they are two rows, but one object. Smoothing adds four
pairs in all, so that no disagreement in n pairs is not read as certainty: two whose copies agree
and two whose copies do not, spread over the kinds that the measure tells apart. For accuracies
that is one for each direction of disagreement (Bonett & Price, Journal of Educational and
Behavioral Statistics, 2012); with less, upper bounds of small one-sided gaps fail too often.
Counts of binary scores keep no pairs: their rows count as independent.

A measure that compares with the dense net sees two decisions on each row, which go together in
the same way. Rows are drawn with both of their decisions. What counts is how often the two
disagree on which is right. So each group gets four rows more: one for each way of being right or
wrong, hence one for each direction of disagreement (Bonett & Price, as above). Copies of one image
count as independent rows here.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainables.evaluation.counts import Counts
from trainables.evaluation.measures import MEASURES, Measure, find_measure
from trainables.evaluation.rates import Rates, Tables
from trainables.evaluation.trivial import is_trivial, trivial_performance

RESAMPLES = 1000
BEYOND = 20  # draws that lie outside an interval at least

Interval = tuple[float, float]


@dataclass(frozen=True)
class BootstrapEstimate:
    """A bias or performance, and how far the resampled ones lie from it."""

    point: float  # NaN: not estimable
    deviations: NDArray[np.float64]  # (resamples,) sorted
    limit: float  # neither the point nor an end of the interval is larger
    log_of: float | None = None  # for a ratio: the finite -log(ratio) that the errors belong to

    def interval(self, level: float = 0.95) -> Interval:
        """Two-sided; NaN where the point is not estimable."""
        if not 0 < level < 1:
            raise ValueError(f"interval: level must lie in (0, 1), got {level}")
        if np.isnan(self.point):
            return float("nan"), float("nan")
        # the smallest draw that at least `level` of the draws do not exceed
        q = float(self.deviations[int(np.ceil(level * len(self.deviations))) - 1])
        if self.log_of is None:
            return max(0.0, self.point - q), min(self.limit, self.point + q)
        low, high = max(0.0, self.log_of - q), self.log_of + q
        # the smoothed ratio must not shut out the one that was seen
        return min(-float(np.expm1(-low)), self.point), max(-float(np.expm1(-high)), self.point)

    def below(self, tolerance: float) -> float:
        """How far the estimate lies below a tolerance (at most 1), in the unit of `deviations`."""
        if self.log_of is None:
            return tolerance - self.point
        return (np.inf if tolerance >= 1 else -float(np.log1p(-tolerance))) - self.log_of

    def upper(self, level: float = 0.95) -> float:
        """The true value lies below with probability `level`: a one-sided bound."""
        return self.interval(2 * level - 1)[1]

    def lower(self, level: float = 0.95) -> float:
        """The lower end of the interval at 2 `level` - 1.

        A performance lies above with probability `level`, and so does a bias that is far from 0
        beside its error. A bias near 0 lies above with probability 2 `level` - 1 at least.
        """
        return self.interval(2 * level - 1)[0]


def estimate(
    name: str, counts: Counts, seed: int = 0, resamples: int = RESAMPLES
) -> BootstrapEstimate:
    """The bias, or the performance, called `name`."""
    measure = find_measure(name)
    tables = measure.tables_of(counts)
    if tables is None:  # the dense net's decisions are not known
        return BootstrapEstimate(float("nan"), np.array([np.nan]), measure.limit)
    point = measure.bias(tables) if measure.compares_groups else measure.compute(tables)
    if np.isnan(point):
        return BootstrapEstimate(float("nan"), np.array([np.nan]), measure.limit)
    centre, errors = _errors(measure, counts, measure.reduce(tables), resamples, seed)
    if measure.kind == "ratio":
        log_of = float(measure.deviation(centre)) if point == 1 else -float(np.log1p(-point))
    else:
        log_of = None
    sizes = measure.deviation(errors)
    sizes = np.sort(np.where(np.isnan(sizes), np.inf, sizes))  # a draw without rates may be any
    return BootstrapEstimate(float(point), sizes, measure.limit, log_of)


def _errors(
    measure: Measure, counts: Counts, table: Tables, resamples: int, seed: int
) -> tuple[Rates, Rates]:
    """The rates of the smoothed `table`, reduced already, and (resamples, ...) how far resampled
    ones lie from them; of a ratio both are logarithms."""
    centre, drawn = _resample(measure, counts, table, resamples, seed)
    if measure.kind == "ratio":
        logs = np.log(measure.rates(_smoothed(table)))
        return logs, np.log(measure.rates(_smoothed(drawn))) - logs
    rates = measure.rates(centre)
    return rates, measure.rates(drawn) - rates


def chance_of_claim(
    name: str, counts: Counts, tolerance: float, level: float, rows: float, seed: int = 0
) -> float:
    """The probability that a network with these `counts` on tune can be certified on test.

    `rows` is how many rows test has for each of tune, `level` the one-sided error rate of the
    claim. What test will show is what tune showed, less tune's own error, plus test's: two
    independent errors of the same law, test's smaller by the square root of `rows`. The claim
    needs it below the tolerance by the size that test's errors exceed at `level`. 0 where the bias
    is not estimable.
    """
    measure = find_measure(name)
    tables = measure.tables_of(counts)
    if tables is None or np.isnan(measure.bias(tables)):
        return 0.0
    table = measure.reduce(tables)
    draws = resamples_for(1 - 2 * level)
    centre, errors = _errors(measure, counts, table, draws, seed)
    scale = rows**-0.5
    sizes = np.sort(measure.deviation(errors))
    beyond = scale * sizes[int(np.ceil((1 - 2 * level) * draws)) - 1]
    shift = np.random.default_rng(seed).permutation(draws)
    seen = centre + errors + scale * errors[shift]
    if measure.kind == "ratio":
        return float((measure.deviation(seen) + beyond <= -np.log1p(-tolerance)).mean())
    return float((np.abs(measure.value(seen)) + beyond <= tolerance).mean())


def resamples_for(level: float) -> int:
    """1000, or for a level close to 1 so many that 20 draws lie outside the interval."""
    beyond = 1 - level
    return max(RESAMPLES, int(np.ceil(BEYOND / beyond))) if 0 < beyond < 1 else RESAMPLES


def bias_interval(name: str, counts: Counts, level: float = 0.95, seed: int = 0) -> Interval:
    """A two-sided interval of a bias; NaN where the bias is not estimable."""
    if not find_measure(name).compares_groups:
        raise ValueError(f"{name}: is a performance and has no bias")
    return estimate(name, counts, seed, resamples_for(level)).interval(level)


def simultaneous_level(level: float, points: int) -> float:
    """The level of each of `points` intervals at which all hold at once (Bonferroni)."""
    if points < 1:
        raise ValueError(f"simultaneous_level: needs at least one point, got {points}")
    return 1.0 - (1.0 - level) / points


def beats_trivial(name: str, counts: Counts, performance: BootstrapEstimate) -> bool:
    """Whether a performance, estimated from `counts`, is clearly better than any constant one.

    The 95 % lower bound lies above the best that a constant prediction has, and no prediction is
    given to more than 99 % of the rows: a few odd rows make a constant classifier significantly,
    but not usefully, better.
    """
    return performance.lower() > trivial_performance(name, counts) and not is_trivial(counts)


def performance_se(name: str, counts: Counts, seed: int = 0) -> float:
    """The standard error of a performance; NaN where it is not estimable.

    By the binomial formula for a rate or a mean of rates, by the bootstrap for the worst group
    and for pairs.
    """
    measure, table = find_measure(name), counts.table
    if measure.compares_groups:
        raise ValueError(f"{name}: is a bias, not a performance")
    if np.isnan(measure.compute(table)):
        return float("nan")
    if name == "worst_group_accuracy" or counts.pairs is not None:
        _, drawn = _resample(measure, counts, measure.reduce(table), RESAMPLES, seed)
        return float(np.nanstd(measure.compute(drawn), ddof=1))
    rates = measure.rates(table)[0]
    rows = table.sum((0, 2)) if name == "balanced_accuracy" else np.array([table.sum()])
    return float(np.sqrt((rates * (1 - rates) / rows).sum()) / len(rates))


def _smoothed(tables: Tables) -> NDArray[np.float64]:
    """Tables with one row more in every cell that has rows, shared by the predictions."""
    filled = tables.sum(-1, keepdims=True) > 0
    return np.asarray(tables + filled / tables.shape[-1], dtype=np.float64)


def _smoothed_changes(tables: Tables) -> NDArray[np.float64]:
    """Tables (..., groups, 1, 2, 2) with a row more of each kind in every group that has rows."""
    return np.asarray(tables + (tables.sum((-1, -2), keepdims=True) > 0), dtype=np.float64)


def _resample(
    measure: Measure, counts: Counts, table: Tables, resamples: int, seed: int
) -> tuple[NDArray[np.float64], NDArray[Any]]:
    """The smoothed `table`, reduced already, and (resamples, ...) tables drawn from it."""
    generator = np.random.default_rng(seed)
    if counts.pairs is not None and not measure.against_dense:
        return _resample_pairs(measure, counts.pairs, resamples, generator)
    smoothed = _smoothed_changes(table) if measure.against_dense else _smoothed(table)
    if measure.within_cells:  # all of these are binary: each cell is one binomial draw
        cells = _rows(table.sum(-1))
        rates = np.where(cells > 0, smoothed[..., 1] / (cells + 1), 0.0)
        positives = generator.binomial(cells, rates, size=(resamples, *cells.shape))
        return smoothed, np.stack([cells - positives, positives], axis=-1)
    shares = smoothed.reshape(-1) / smoothed.sum()
    rows = generator.multinomial(_rows(table.sum()), shares, size=resamples)
    return smoothed, rows.reshape(resamples, *table.shape)


def _rows(rows: NDArray[Any]) -> NDArray[np.int64]:
    """Numbers of rows, which expected counts add up to but for rounding."""
    return np.asarray(np.rint(rows), dtype=np.int64)


def _resample_pairs(
    measure: Measure, pairs: NDArray[np.int64], resamples: int, generator: np.random.Generator
) -> tuple[NDArray[np.float64], NDArray[Any]]:
    """What `_resample` returns, from pairs (labels, predictions, predictions)."""
    kinds = _pair_kinds(measure.name, len(pairs))
    mass = np.bincount(kinds.of_cell, weights=pairs.reshape(-1)) + kinds.added
    expected = mass * (pairs.sum() / mass.sum())
    drawn = generator.poisson(expected, size=(resamples, len(mass))).astype(np.float64)
    shape = kinds.tables.shape[1:]
    tables = kinds.tables.reshape(len(mass), -1)
    return (mass @ tables).reshape(shape), (drawn @ tables).reshape(resamples, *shape)


@dataclass(frozen=True)
class _PairKinds:
    """The kinds of pairs that a measure tells apart."""

    of_cell: NDArray[np.int64]  # (labels ** 3,) the kind of each (label, prediction, prediction)
    tables: NDArray[np.float64]  # (kinds, ...) reduced tables of a single pair
    added: NDArray[np.float64]  # (kinds,) pairs for smoothing


@cache
def _pair_kinds(name: str, n_labels: int) -> _PairKinds:
    reduce = MEASURES[name].reduce
    one_row = np.eye(n_labels**2, dtype=np.int8).reshape(-1, 1, n_labels, n_labels)
    reduced = reduce(one_row).reshape(n_labels**2, -1)
    row = np.unique(reduced, axis=0, return_inverse=True)[1].reshape(n_labels, n_labels)
    pair = row[:, :, None] * (row.max() + 1) + row[:, None, :]
    _, first, of_cell = np.unique(pair, return_index=True, return_inverse=True)
    label, left, right = np.unravel_index(first, pair.shape)
    tables = np.zeros((len(first), 2, n_labels, n_labels))
    each = np.arange(len(first))
    tables[each, 0, label, left] = 1
    tables[each, 1, label, right] = 1
    agree = row[label, left] == row[label, right]
    added = np.where(agree, 2 / agree.sum(), 2 / (~agree).sum())
    return _PairKinds(of_cell.reshape(-1), reduce(tables), added)


def resample(
    histogram: NDArray[np.int64], resamples: int, generator: np.random.Generator
) -> NDArray[np.int64]:
    """(resamples, groups, labels, bins): as many rows drawn anew from all rows, with replacement.

    A multinomial draw over the bins that hold rows has the same law as drawing rows.
    """
    filled = np.flatnonzero(histogram)
    rows = histogram.reshape(-1)[filled]
    drawn = np.zeros((resamples, histogram.size), dtype=np.int64)
    drawn[:, filled] = generator.multinomial(rows.sum(), rows / rows.sum(), size=resamples)
    return drawn.reshape(resamples, *histogram.shape)

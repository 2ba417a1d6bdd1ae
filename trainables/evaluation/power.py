"""Before a search: could a network without any bias be certified on so many rows of test?

A claim (`claims`) needs an estimate that lies below the tolerance by the size `q` of the errors at
the level it is tested at. The estimate of a perfectly fair network is nothing but an error itself.
So both follow from one distribution, the sizes of errors of a perfectly fair network: it is
certified where its error is at most tolerance - q. For the gap of two rates, whose errors are
normal with standard error s, this is tolerance <= z s: never; tolerance = (z + 1.282) s: in 80 %,
with z = z(1 - level). The sizes are drawn and not computed from s, so that other measures, more
groups, small cells and copies of images have their own. For more or fewer rows they are drawn
again: errors shrink with the square root of the rows only where cells are large. Of copies that
nearly always agree a few rows show next to nothing, however rarely they were seen to differ.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from trainables.evaluation.counts import Counts
from trainables.evaluation.intervals import estimate, resamples_for
from trainables.evaluation.pairs import tables_of_pairs

ENOUGH = 0.8  # the power that is asked for
DRAWS = 20_000  # so that the power is right to half a percent
_MOST_ROWS = 1e12
_ROUNDING = 1e-9
_CLOSE = 1.05  # a number of rows is known when both ends of where it lies are so close


@dataclass(frozen=True, eq=False)
class Power:
    """What a test split of `rows` rows can show of a network whose true bias is 0."""

    bias: str
    fair: Counts  # that network's, on these rows
    level: float  # the one-sided error rate of the claim
    sizes: NDArray[np.float64]  # (draws,) sorted; errors of the bias. Of a ratio: of its logarithm
    ratio: bool = False
    seed: int = 0

    @property
    def rows(self) -> int:
        return self.fair.total

    @property
    def beyond(self) -> float:
        """The size that an error in one direction exceeds with probability `level`."""
        return self._quantile(1 - 2 * self.level)

    @property
    def certifiable_above(self) -> float:
        """A perfectly fair network of such rates is not certified at this tolerance or below."""
        return self._as_tolerance(self.beyond)

    def tolerance_for(self, power: float = ENOUGH) -> float:
        """The smallest tolerance at which a fair network is certified with probability `power`."""
        return self._as_tolerance(self.beyond + self._quantile(power))

    def at(self, tolerance: float) -> float:
        """The probability that a perfectly fair network is certified at `tolerance`."""
        room = self._as_size(tolerance) - self.beyond
        if np.isnan(room):  # a cell is empty
            return 0.0
        return float(np.searchsorted(self.sizes, room, side="right") / len(self.sizes))

    def rows_for(self, tolerance: float, power: float = ENOUGH) -> int | None:
        """How many rows of test, shared out alike, that power needs, to a few percent; None where
        none are enough."""
        needed = self.beyond + self._quantile(power)
        if not np.isfinite(needed):
            return None

        def enough(rows: float) -> bool:
            return self.with_rows(int(np.ceil(rows))).at(tolerance) >= power

        # right where errors shrink with the square root of the rows
        guess = max(self.rows * (needed / self._as_size(tolerance)) ** 2, self.fair.cells.size)
        step, low, high = _CLOSE**4, guess, guess
        if enough(guess):
            while low > 1 and enough(low / step):
                low, step = low / step, step**2
            low, high = low / step, low
        else:
            while not enough(high * step):
                if high > _MOST_ROWS:
                    return None
                high, step = high * step, step**2
            low, high = high, high * step
        while high > low * _CLOSE:
            middle = (low * high) ** 0.5
            low, high = (low, middle) if enough(middle) else (middle, high)
        return int(np.ceil(high))

    def with_rows(self, rows: int) -> Power:
        """The same split with about so many rows, shared out alike."""
        cells = np.rint(self.fair.cells * (rows / self.rows)).astype(np.int64)
        return power_of(self.bias, fair_like(self.fair, cells), self.level, self.seed)

    def _quantile(self, level: float) -> float:
        return float(self.sizes[max(0, int(np.ceil(level * len(self.sizes))) - 1)])

    def _as_tolerance(self, size: float) -> float:
        return -float(np.expm1(-size)) if self.ratio else size

    def _as_size(self, tolerance: float) -> float:
        return -float(np.log1p(-tolerance)) if self.ratio else tolerance


def power_of(bias: str, fair: Counts, level: float, seed: int = 0) -> Power:
    """The power of claims about `bias` at `level`, where a fair network has the counts `fair`.

    `fair` are those of a network that treats all groups alike (see `fair_counts`), on as many rows
    as test has. Raises ValueError where `level` is no probability below a half.
    """
    if not 0 < level < 0.5:
        raise ValueError(f"power: level must lie in (0, 0.5), got {level}")
    draws = max(DRAWS, resamples_for(1 - 2 * level))
    found = estimate(bias, fair, seed, draws)
    return Power(bias, fair, level, found.deviations, found.log_of is not None, seed)


def fair_counts(cells: NDArray[np.int64], shares: NDArray[np.float64]) -> Counts:
    """What a network that treats all groups alike would decide for `cells` (groups, labels) rows.

    Each group has `shares` (labels, predictions) of the predictions, each row of which adds up to
    1, as nearly as whole rows can. A network beside the dense net is the dense net itself: it has
    changed nothing.
    """
    labels = cells.shape[1]
    if shares.shape != (labels, labels) or not np.allclose(shares.sum(1), 1):
        raise ValueError(
            f"fair_counts: shares must be {(labels, labels)} with rows that add up to 1, "
            f"got {shares.tolist()}"
        )
    exact = cells[:, :, None] * shares[None]
    ends = np.rint(exact.cumsum(-1)).astype(np.int64)  # so that the rows of a cell are kept
    table = np.diff(ends, axis=-1, prepend=0)
    return Counts(table, beside_dense=table[:, :, None, :] * np.eye(labels, dtype=np.int64))


def fair_like(counts: Counts, cells: NDArray[np.int64]) -> Counts:
    """`fair_counts` for a network that is right as often as the one with `counts`, of any split.

    Where its rows come as pairs of copies, the network mistakes as many copies for something else,
    but those of either group alike, and as many pairs as the first group has `cells` are counted.
    Pairs whose copies are treated otherwise may be few: none of them is lost by rounding.
    """
    if counts.pairs is None:
        table = counts.table.sum(0)
        return fair_counts(cells, table / np.maximum(table.sum(1, keepdims=True), 1))
    alike = counts.pairs * (cells[0].sum() / counts.pairs.sum())
    alike = (alike + alike.transpose(0, 2, 1)) / 2
    agree = np.eye(len(alike), dtype=bool)[None]
    upper = np.triu(np.ones_like(agree[0]), 1)[None]
    some = _whole(np.where(upper, alike, 0), int(np.ceil((upper * alike).sum() - _ROUNDING)))
    differ = some + some.transpose(0, 2, 1)
    same = _whole(np.where(agree, alike, 0), max(0, int(cells[0].sum() - differ.sum())))
    return Counts(tables_of_pairs(same + differ), same + differ)


def _whole(parts: NDArray[np.float64], total: int) -> NDArray[np.int64]:
    """Whole numbers that add up to `total`, as near to `parts` as can be (largest remainders)."""
    if not parts.any():
        return np.zeros(parts.shape, dtype=np.int64)
    scaled = parts.reshape(-1) * (total / parts.sum())
    whole = np.floor(scaled + _ROUNDING).astype(np.int64)
    largest = np.argsort(whole - scaled, kind="stable")
    whole[largest[: total - whole.sum()]] += 1
    return np.asarray(whole.reshape(parts.shape))


def half_right_shares(labels: int) -> NDArray[np.float64]:
    """(labels, predictions): half of each label right, the rest spread over the others: the worst
    case for the errors of rates."""
    shares = np.full((labels, labels), 0.5 / max(1, labels - 1))
    np.fill_diagonal(shares, 0.5)
    return shares

"""From a network's outputs, row by row, to counts."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from trainables.evaluation.counts import (
    BINS,
    THRESHOLDS,
    Counts,
    ExpectedCounts,
    ScoreCounts,
)
from trainables.evaluation.pairs import count_pairs


def bins_of(scores: NDArray[np.float64]) -> NDArray[np.int64]:
    """(n,) number of thresholds strictly below each score, 0 to 1000."""
    # A threshold is k / 1000, so the place is known but for rounding: faster than to search it.
    near = np.ceil(scores * (BINS - 1)).astype(np.int64)
    near -= (near > 0) & (THRESHOLDS[near - 1] >= scores)
    near += (near < BINS) & (THRESHOLDS[np.minimum(near, BINS - 1)] < scores)
    return near


@dataclass(frozen=True, eq=False)
class Cells:
    """The cell of each row, made once where rows are counted again and again.

    A cell is a group and a label, and a decision of the dense net where that is known.
    """

    of_rows: NDArray[np.int64]  # (n,)
    shape: tuple[int, ...]  # (groups, labels) or (groups, labels, the dense net's decisions)

    @classmethod
    def of(
        cls,
        rows: int,
        labels: ArrayLike,
        groups: ArrayLike,
        n_groups: int,
        n_labels: int,
        dense: ArrayLike | None = None,
    ) -> Cells:
        """`labels`, `groups` and the predictions of the `dense` net are (rows,)."""
        axes = {"group": (groups, n_groups), "label": (labels, n_labels)}
        if dense is not None:
            axes["dense prediction"] = (dense, n_labels)
        return cls(_places(axes, (rows,)), tuple(size for _, size in axes.values()))

    def count_scores(self, scores: NDArray[np.float64]) -> ScoreCounts:
        """The histogram of scores (n,) in [0, 1] of a binary task."""
        if scores.shape != self.of_rows.shape:
            rows = self.of_rows.shape
            raise ValueError(f"count: scores must have shape {rows}, got {scores.shape}")
        if not (scores.min(initial=0) >= 0 and scores.max(initial=0) <= 1):  # NaN is not, either
            outside = ~((scores >= 0) & (scores <= 1))
            raise ValueError(f"count: scores must lie in [0, 1], got {scores[outside][0]}")
        return ScoreCounts.of_counted(self._count(bins_of(scores), BINS))

    def count_predictions(self, predictions: ArrayLike) -> Counts:
        """The table of predictions (n,) that are already decided."""
        n_labels = self.shape[1]
        found = _places({"prediction": (predictions, n_labels)}, self.of_rows.shape)
        return Counts.of_counted(self._count(found, n_labels))

    def _count(self, outcomes: NDArray[np.int64], size: int) -> NDArray[np.int64]:
        """(*shape, size) rows by cell and outcome (n,)."""
        shape = (*self.shape, size)
        flat = self.of_rows * size + outcomes
        return np.bincount(flat, minlength=math.prod(shape)).reshape(shape)


def count(
    scores: ArrayLike,
    labels: ArrayLike,
    groups: ArrayLike,
    n_groups: int,
    units: ArrayLike | None = None,
    dense: ArrayLike | None = None,
) -> Counts | ScoreCounts:
    """Counts of raw scores by (group, label).

    Scores (n,) in [0, 1] are those of the positive class and become a `ScoreCounts`; scores
    (n, classes) are decided by argmax, the first of equals, and become `Counts`, with pairs where
    two groups hold one row of each of the `units` (n,). The predictions of the `dense` net (n,)
    are kept beside them.
    """
    values = np.asarray(scores, dtype=np.float64)
    if values.ndim == 1:
        return count_scores(values, labels, groups, n_groups, dense)
    if values.ndim != 2 or values.shape[1] < 2:
        raise ValueError(f"count: scores must be (n,) or (n, classes), got {values.shape}")
    if not np.isfinite(values).all():
        raise ValueError("count: scores must be finite, got NaN or infinity")
    predictions, n_labels = values.argmax(axis=1), values.shape[1]
    counts = count_predictions(predictions, labels, groups, n_groups, n_labels, dense)
    if units is None or n_groups != 2:
        return counts
    pairs = count_pairs(predictions, labels, groups, units, n_labels)
    return Counts(counts.table, pairs, counts.beside_dense)


def count_scores(
    scores: NDArray[np.float64],
    labels: ArrayLike,
    groups: ArrayLike,
    n_groups: int,
    dense: ArrayLike | None = None,
) -> ScoreCounts:
    """The histogram of scores (n,) in [0, 1] of a binary task."""
    return Cells.of(len(scores), labels, groups, n_groups, 2, dense).count_scores(scores)


def count_predictions(
    predictions: ArrayLike,
    labels: ArrayLike,
    groups: ArrayLike,
    n_groups: int,
    n_labels: int,
    dense: ArrayLike | None = None,
) -> Counts:
    """The table of predictions (n,) that are already decided."""
    rows = len(np.asarray(predictions))
    cells = Cells.of(rows, labels, groups, n_groups, n_labels, dense)
    return cells.count_predictions(predictions)


def count_expected(
    probabilities: NDArray[np.float64],
    labels: NDArray[np.int64],
    groups: NDArray[np.int64],
    n_groups: int,
    dense: NDArray[np.int64],
) -> ExpectedCounts:
    """What is to be expected of predictions of a binary task that are drawn by lot: positive with
    `probabilities` (n,). The predictions of the `dense` net (n,) are kept beside them."""
    outside = ~((probabilities >= 0) & (probabilities <= 1))  # also true for NaN
    if outside.any():
        raise ValueError(
            f"count: probabilities must lie in [0, 1], got {probabilities[outside][0]}"
        )
    cells = (groups * 2 + labels) * 2 + dense
    size = n_groups * 4
    positives = np.bincount(cells, probabilities, size)
    table = np.stack([np.bincount(cells, minlength=size) - positives, positives], axis=-1)
    beside = np.maximum(table, 0.0).reshape(n_groups, 2, 2, 2)  # rounding: a sum of ones
    return ExpectedCounts(beside.sum(axis=2), beside_dense=beside)


def histogram(axes: Mapping[str, tuple[ArrayLike, int]]) -> NDArray[np.int64]:
    """Counts of index arrays (n,), each given with its size: one axis each, in this order."""
    shape = tuple(size for _, size in axes.values())
    flat = _places(axes, np.shape(axes["prediction"][0]))
    return np.bincount(flat, minlength=math.prod(shape)).reshape(shape)


def _places(axes: Mapping[str, tuple[ArrayLike, int]], rows: tuple[int, ...]) -> NDArray[np.int64]:
    """(n,) where each row lies in a flat array of these axes, each of index arrays and a size."""
    flat = np.zeros(rows, dtype=np.int64)
    for name, (given, size) in axes.items():
        values = np.asarray(given)
        if values.ndim != 1 or values.shape != rows:
            raise ValueError(f"count: {name}s must have shape {rows}, got {values.shape}")
        if values.dtype.kind not in "iub":
            raise ValueError(f"count: {name}s must be whole numbers, got {values.dtype}")
        if values.size and (values.min() < 0 or values.max() >= size):
            raise ValueError(
                f"count: {name}s lie in [0, {size}), got {values.min()} to {values.max()}"
            )
        flat = flat * size + values.astype(np.int64)
    return flat

"""Classifiers that give everybody the same prediction: perfectly fair, and worth nothing."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from trainables.evaluation.counts import Counts, ScoreCounts
from trainables.evaluation.measures import find_measure

NEARLY_ALL = 0.99  # above this share of one prediction a classifier is flagged as trivial


def prediction_shares(counts: Counts) -> list[float]:
    """The share of the rows that gets each prediction; NaN without rows."""
    predicted = counts.table.sum(axis=(0, 1))
    if not predicted.sum():
        return [float("nan")] * counts.n_labels
    return [float(share) for share in predicted / predicted.sum()]


def is_trivial(counts: Counts) -> bool:
    """More than 99 % of the rows get one and the same prediction (Savani et al. 2020)."""
    return max(prediction_shares(counts)) > NEARLY_ALL


def trivial_performance(name: str, counts: Counts | ScoreCounts) -> float:
    """The best performance that a constant prediction has on these rows."""
    cells = counts.cells
    return _best_constant(name, cells.shape, cells.dtype.str, cells.tobytes())


@lru_cache(maxsize=64)  # a split's rows are the same for every network
def _best_constant(name: str, shape: tuple[int, ...], kind: str, rows: bytes) -> float:
    """`rows` (groups, labels) are of the type `kind`: whole, or expected."""
    cells = np.frombuffer(rows, kind).reshape(shape)
    constants = np.eye(shape[1], dtype=np.int64)  # row c: all mass on prediction c
    tables = cells[None, :, :, None] * constants[:, None, None, :]
    return float(find_measure(name).compute(tables).max())

"""Classifiers that give everybody the same prediction: perfectly fair, and worth nothing."""

from __future__ import annotations

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
    constants = np.eye(counts.n_labels, dtype=np.int64)  # row c: all mass on prediction c
    tables = cells[None, :, :, None] * constants[:, None, None, :]
    return float(find_measure(name).compute(tables).max())

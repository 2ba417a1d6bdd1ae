"""Balancing debias over group x label: large cells are capped, weights do the rest."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

CAP = 3  # a cell of debias may keep this many times the rows of the rarest one
MEAN_SHARE = 0.5  # and, however rare that is, this share of the mean size of the cells


def cap_cells(cells: NDArray[np.int64], generator: np.random.Generator) -> NDArray[np.int64]:
    """Sorted positions of the rows to keep; `cells` (n,) is the cell of each row."""
    present, counts = np.unique(cells, return_counts=True)
    cap = max(CAP * int(counts.min()), round(MEAN_SHARE * len(cells) / len(present)))
    order = np.lexsort((generator.random(len(cells)), cells))
    ordered = cells[order]
    rank = np.arange(len(cells)) - np.searchsorted(ordered, ordered)  # inside the cell
    return np.sort(order[rank < cap])


def balance_weights(cells: NDArray[np.int64]) -> NDArray[np.float32]:
    """(n,) weights of mean 1 that give each cell present the same total."""
    _, cell, counts = np.unique(cells, return_inverse=True, return_counts=True)
    return (len(cells) / (len(counts) * counts[cell])).astype(np.float32)

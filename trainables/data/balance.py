"""Balancing debias over group x label: large cells are capped, weights do the rest."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

CAP = 3  # no cell of debias keeps more than this many times the rows of the rarest
CAP_FLOOR = 100  # rows that a cell may keep however rare the rarest is


def cap_cells(cells: NDArray[np.int64], generator: np.random.Generator) -> NDArray[np.int64]:
    """Sorted positions of the rows to keep; `cells` (n,) is the cell of each row."""
    cap = max(CAP * int(np.unique(cells, return_counts=True)[1].min()), CAP_FLOOR)
    order = np.lexsort((generator.random(len(cells)), cells))
    ordered = cells[order]
    rank = np.arange(len(cells)) - np.searchsorted(ordered, ordered)  # inside the cell
    return np.sort(order[rank < cap])


def balance_weights(cells: NDArray[np.int64]) -> NDArray[np.float32]:
    """(n,) weights of mean 1 that give each cell present the same total."""
    _, cell, counts = np.unique(cells, return_inverse=True, return_counts=True)
    return (len(cells) / (len(counts) * counts[cell])).astype(np.float32)

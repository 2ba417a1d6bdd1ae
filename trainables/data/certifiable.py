"""The smallest tolerance that a split of a given size can certify."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from trainables.evaluation.counts import Counts
from trainables.evaluation.intervals import bias_interval


def smallest_tolerance(bias: str, cells: NDArray[np.int64]) -> float:
    """The upper end of the 95 % interval of `bias` for decisions that are fair and half right.

    `cells` (groups, labels) is how many rows the split has. A tolerance below this cannot be told
    from chance, whatever the network. Rows count as independent, so copies of one image make it
    pessimistic. Raises ValueError for a measure that is unknown or no bias of such a task.
    """
    return bias_interval(bias, Counts(half_right(cells)))[1]


def half_right(cells: NDArray[np.int64]) -> NDArray[np.int64]:
    """(groups, labels, predictions): half of each cell right, the rest spread over the others."""
    groups, labels = cells.shape
    wrong = cells - cells // 2
    table = np.zeros((groups, labels, labels), dtype=np.int64)
    for label in range(labels):
        table[:, label, label] = cells[:, label] // 2
        for place, other in enumerate(k for k in range(labels) if k != label):
            table[:, label, other] = (wrong[:, label] + place) // (labels - 1)
    return table

"""The smallest tolerance that a split of a given size can certify."""

from __future__ import annotations

import itertools
import math

import numpy as np
from numpy.typing import NDArray

Z95 = 1.959964  # two-sided 95 %
POSITIVE = 1


def smallest_tolerance(bias: str, counts: NDArray[np.int64]) -> float:
    """The 95 % half width of `bias` when nothing is unfair and all rates are one half.

    `counts` is `(groups, labels)`. A tolerance below this cannot be told from chance on this
    split. With more than two groups it is that of the worst pair. A normal approximation that
    takes cells as independent: copies of one image make it somewhat pessimistic.
    """
    return max(
        _half_width(bias, counts[[first, second]])
        for first, second in itertools.combinations(range(len(counts)), 2)
    )


def _half_width(bias: str, counts: NDArray[np.int64]) -> float:
    """For two groups; a rate of one half over n rows has the variance 1 / (4 n)."""
    with np.errstate(divide="ignore"):
        per_label = (0.25 / counts).sum(axis=0)  # variance of the gap in each label's rate
        overall = float((0.25 / counts.sum(axis=1)).sum())  # and of the gap over all rows
    positive = float(per_label[POSITIVE])
    match bias:
        case "spd" | "accuracy" | "worst_group_accuracy" | "bias_amplification":
            variance = overall
        case "accuracy_std":  # half of the gap between two groups
            variance = overall / 4
        case "di":  # on the log ratio: (1 - p) / (p n) = 1 / n
            variance = 4 * overall
        case "eod":
            variance = positive
        case "aod" | "abs_aod" | "deo_mean" | "balanced_accuracy":  # a mean over labels
            variance = float(per_label.mean()) / counts.shape[1]
        case "deo_sum":
            variance = float(per_label.sum())
        case _:  # deo_max, and any other measure: the worst label
            variance = float(per_label.max())
    return Z95 * math.sqrt(variance)

"""Average precision of each group, from histograms of scores.

It is the sum over thresholds of (recall - recall before) * precision, as scikit-learn has it.
Scores are kept in 1001 bins, and those of one bin count as equal.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from trainables.evaluation.by_group import PerGroup, class_of_groups
from trainables.evaluation.counting import bins_of, histogram
from trainables.evaluation.counts import BINS, ScoreCounts
from trainables.evaluation.rates import mean_over_existing, ratio


@dataclass(frozen=True, eq=False)
class ClassScores:
    """Scores of each class against the rest, counted: (groups, classes, 2, 1001).

    The third axis says whether a row's label is the class. Beside `ScoreCounts`, which holds the
    scores of class 1 of a binary task, this is what more classes need.
    """

    histogram: NDArray[np.int64]

    def __post_init__(self) -> None:
        shape = self.histogram.shape
        if len(shape) != 4 or shape[1] < 2 or shape[2:] != (2, BINS):
            raise ValueError(f"ClassScores: needs shape (groups, classes, 2, {BINS}), got {shape}")

    def regroup(self, mapping: Sequence[int] | NDArray[np.int64]) -> Self:
        """Adds up groups: `mapping[old]` is the new group, -1 leaves the old one out."""
        new = np.asarray(mapping)
        summed = np.zeros((int(new.max()) + 1, *self.histogram.shape[1:]), dtype=np.int64)
        np.add.at(summed, new[new >= 0], self.histogram[new >= 0])
        return type(self)(summed)


def count_class_scores(
    scores: ArrayLike, labels: ArrayLike, groups: ArrayLike, n_groups: int
) -> ClassScores:
    """The scores (n, classes), in [0, 1], of rows with `labels` (n,) and `groups` (n,)."""
    values = np.asarray(scores, dtype=np.float64)
    if values.ndim != 2 or not ((values >= 0) & (values <= 1)).all():
        raise ValueError(f"class scores: must be (n, classes) in [0, 1], got {values.shape}")
    truth = np.asarray(labels)
    return ClassScores(
        np.stack(
            [
                histogram(
                    {
                        "group": (groups, n_groups),
                        "label": ((truth == label).astype(np.int64), 2),
                        "prediction": (bins_of(values[:, label]), BINS),
                    }
                )
                for label in range(values.shape[1])
            ],
            axis=1,
        )
    )


def average_precisions(scores: ScoreCounts | ClassScores) -> PerGroup:
    """(groups,) average precision; NaN where a group has no rows that are told apart.

    Of a binary task that of class 1. Of more classes the mean over the classes that a group has
    rows of, each against the rest. Where groups are the classes themselves, that of the class,
    over everybody's rows.
    """
    if isinstance(scores, ScoreCounts):
        return _average_precision(scores.histogram)
    counted = scores.histogram
    if (classes := class_of_groups(counted[:, :, 1].sum(-1))) is not None:
        return _average_precision(counted.sum(0))[classes]
    return mean_over_existing(_average_precision(counted))


def _average_precision(counted: NDArray[np.int64]) -> NDArray[np.float64]:
    """(...) of histograms (..., 2, bins); NaN without positives or without negatives."""
    falling = counted[..., ::-1]
    positives, rows = falling[..., 1, :], falling.sum(-2)
    found = positives.cumsum(-1)
    precision = ratio(found, rows.cumsum(-1))
    total = counted[..., 1, :].sum(-1)
    summed = np.where(positives > 0, precision * positives, 0.0).sum(-1)
    both = (total > 0) & (counted[..., 0, :].sum(-1) > 0)
    return np.where(both, ratio(summed, total), np.nan)

"""Rates per group, and how far the rates of groups lie apart.

Everything works on stacks of tables: leading axes are kept.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

Tables = NDArray[Any]  # (..., groups, labels, predictions), whole or weighted counts
# (..., groups, labels, the dense net's predictions, predictions)
TablesBesideDense = NDArray[Any]
Rates = NDArray[np.float64]  # (..., groups, rates of one group); NaN where there are no rows
PerTable = NDArray[np.float64]  # (...), one number per table of the stack


def ratio(part: NDArray[Any], whole: NDArray[Any]) -> NDArray[np.float64]:
    """part / whole, NaN where `whole` is 0 (or NaN)."""
    exists = whole > 0
    if exists.all():  # nearly always, and twice as fast
        return np.asarray(part / whole, dtype=np.float64)
    if part.shape != whole.shape:
        part, whole, exists = np.broadcast_arrays(part, whole, exists)
    result = np.full_like(part, np.nan, dtype=np.float64)  # laid out as `part` is
    np.divide(part, whole, out=result, where=exists)
    return result


def summed(values: NDArray[Any], *axes: int) -> NDArray[Any]:
    """The sum over trailing axes, given from the last one on, as -1, -2.

    Over an axis of a few entries numpy's own takes ten times as long as their additions.
    """
    for done, axis in enumerate(axes):
        after: Any = (slice(None),) * (-1 - axis - done)
        count = values.shape[axis + done]
        if count <= 4:
            at: list[Any] = [(..., i, *after) for i in range(count)]
            values = sum((values[i] for i in at[1:]), start=values[at[0]])
        else:
            values = np.moveaxis(values, axis + done, 0).sum(0)
    return values


def selection_rates(tables: Tables) -> Rates:
    """P(prediction = 1 | group); (..., groups, 1)."""
    return ratio(summed(tables[..., 1], -1), summed(tables, -1, -2))[..., None]


def true_positive_rates(tables: Tables) -> Rates:
    """P(prediction = 1 | label = 1, group); (..., groups, 1)."""
    return error_rates(tables)[..., 1:]


def error_rates(tables: Tables) -> Rates:
    """FPR and TPR of each group; (..., groups, 2)."""
    return ratio(tables[..., 1], summed(tables, -1))


def average_odds(tables: Tables) -> Rates:
    """(FPR + TPR) / 2 of each group; (..., groups, 1)."""
    rates = error_rates(tables)
    return np.asarray(summed(rates, -1)[..., None] / rates.shape[-1])


def group_accuracies(tables: Tables) -> Rates:
    """P(prediction = label | group); (..., groups, 1)."""
    return ratio(summed(_correct(tables), -1), summed(tables, -1, -2))[..., None]


def pooled_accuracy(tables: Tables) -> Rates:
    """P(prediction = label) over everybody; (..., 1, 1)."""
    return group_accuracies(_pooled(tables))


def pooled_recalls(tables: Tables) -> Rates:
    """P(prediction = label | label) over everybody; (..., 1, labels)."""
    pooled = _pooled(tables)
    return ratio(_correct(pooled), summed(pooled, -1))


def group_shares(tables: Tables) -> Rates:
    """The share of each group among those predicted a class; (..., groups, classes)."""
    predicted = tables.sum(-2)  # (..., groups, classes)
    return ratio(predicted, predicted.sum(-2, keepdims=True))


def accuracy_losses(tables: TablesBesideDense) -> Rates:
    """By how much each group's accuracy lies below that of the dense net; (..., groups, 1)."""
    was_right = np.diagonal(tables, axis1=-3, axis2=-2).sum((-1, -2))
    is_right = np.diagonal(tables, axis1=-3, axis2=-1).sum((-1, -2))
    return ratio(was_right - is_right, tables.sum((-1, -2, -3)))[..., None]


def excess_losses(tables: TablesBesideDense) -> Rates:
    """How much more accuracy each group has lost than everybody; (..., groups, 1)."""
    return accuracy_losses(tables) - accuracy_losses(tables.sum(-4, keepdims=True))


def _pooled(tables: Tables) -> Tables:
    """All groups as one; (..., 1, labels, predictions)."""
    return np.asarray(summed(tables, -3)[..., None, :, :])


def _correct(tables: Tables) -> NDArray[Any]:
    """Rows whose prediction is their label; (..., groups, labels)."""
    return np.asarray(np.diagonal(tables, axis1=-2, axis2=-1))


@cache
def _pairs(groups: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    return np.triu_indices(groups, 1)


def _pair_gaps(rates: Rates) -> NDArray[np.float64]:
    """|difference| of every pair of groups; (..., pairs, rates)."""
    first, second = _pairs(rates.shape[-2])
    return np.abs(rates[..., first, :] - rates[..., second, :])


# Smaller tables that some rates can still be computed from: a bootstrap draws fewer cells.


def as_counted(tables: Tables) -> Tables:
    """All of it."""
    return tables


def without_labels(tables: Tables) -> Tables:
    """(..., groups, 1, predictions): enough for selection rates and shares."""
    return np.asarray(tables.sum(-2, keepdims=True))


def recalled_or_not(tables: Tables) -> Tables:
    """(..., 1, labels, labels) with all wrong predictions of a label as one: for recalls."""
    pooled = _pooled(tables)
    right = _correct(pooled)
    label = np.arange(pooled.shape[-1])
    result = np.zeros_like(pooled)
    result[..., label, label] = right
    result[..., label, label - 1] = summed(pooled, -1) - right
    return np.asarray(result)


def right_or_wrong(tables: Tables) -> Tables:
    """(..., groups, 2, 2) with right and wrong predictions as one label's: for accuracies."""
    right = summed(_correct(tables), -1)
    wrong = summed(tables, -1, -2) - right
    label = np.stack([right, wrong], axis=-1)
    return np.stack([label, np.zeros_like(label)], axis=-2)


def changed_or_not(tables: TablesBesideDense) -> TablesBesideDense:
    """(..., groups, 1, 2, 2), right before wrong, as one label's: for losses of accuracy."""
    by_label = np.diagonal(tables, axis1=-3, axis2=-2)  # where the dense net is right
    both = np.diagonal(by_label, axis1=-2, axis2=-1).sum(-1)
    was_right = by_label.sum((-1, -2))
    is_right = np.diagonal(tables, axis1=-3, axis2=-1).sum((-1, -2))
    neither = tables.sum((-1, -2, -3)) - was_right - is_right + both
    right = np.stack([both, was_right - both], axis=-1)
    wrong = np.stack([is_right - both, neither], axis=-1)
    return np.stack([right, wrong], axis=-2)[..., None, :, :]


# Seminorms f of rates: f(x + y) <= f(x) + f(y). A bias is one of them, applied to the rates. The
# same one bounds the error of an estimate: |f(estimate) - f(truth)| <= f(estimate - truth).


def largest_gap(rates: Rates) -> PerTable:
    """The largest gap of any pair in any rate."""
    return np.asarray(_pair_gaps(rates).max((-1, -2)))


def largest_summed_gap(rates: Rates) -> PerTable:
    """The largest of the pairs' gaps, summed over the rates."""
    return np.asarray(_pair_gaps(rates).sum(-1).max(-1))


def largest_mean_gap(rates: Rates) -> PerTable:
    """The largest of the pairs' gaps, averaged over the rates."""
    return np.asarray(_pair_gaps(rates).mean(-1).max(-1))


def sample_deviation(rates: Rates) -> PerTable:
    """Sample standard deviation (ddof = 1) of one rate over the groups."""
    return np.asarray(rates[..., 0].std(-1, ddof=1))


def mean_largest_change(rates: Rates) -> PerTable:
    """The largest |rate| over the groups, averaged over the rates that exist."""
    return mean_over_existing(np.abs(rates).max(-2))


def largest_change(rates: Rates) -> PerTable:
    """The largest |rate|."""
    return np.asarray(np.abs(rates).max((-1, -2)))


def mean_change(rates: Rates) -> PerTable:
    """|mean of all rates|."""
    return np.asarray(np.abs(rates.mean((-1, -2))))


def mean_over_existing(values: NDArray[np.float64]) -> PerTable:
    """Mean over the last axis of the entries that are not NaN; NaN where all are."""
    exists = ~np.isnan(values)
    return ratio(np.where(exists, values, 0.0).sum(-1), exists.sum(-1))

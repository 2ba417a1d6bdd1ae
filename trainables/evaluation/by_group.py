"""What a network is worth in each group: the figures behind a bias, as functions of counts.

FairGRAPE (Lin, Kim, Joo, ECCV 2022) reports accuracies, and false negative and false positive
rates with their changes as shares of the dense net's rates; its supplement reports average
precision and PIE. A value is NaN where a group has no rows to estimate it from, or where it
compares with the dense net and that net's decisions are not known.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from trainables.evaluation.counts import Counts
from trainables.evaluation.rates import (
    TablesBesideDense,
    accuracy_losses,
    group_accuracies,
    mean_over_existing,
    ratio,
)

PerGroup = NDArray[np.float64]  # (groups,)


def accuracy(counts: Counts) -> PerGroup:
    """The share of each group's rows that is decided right."""
    return group_accuracies(counts.table)[:, 0]


def accuracy_drop(counts: Counts) -> PerGroup:
    """By how much each group's accuracy lies below the dense net's."""
    return _beside_dense(counts, lambda tables: accuracy_losses(tables)[:, 0])


def pie(counts: Counts) -> PerGroup:
    """The share of all rows of each group that the dense net has right and this one wrong.

    Such rows are pruning identified exemplars (Hooker et al., What do compressed deep neural
    networks forget?, arXiv:1911.05248).
    """
    return _beside_dense(counts, _identified)


def fnr(counts: Counts) -> PerGroup:
    """The false negative rate of each group.

    Of two classes it is the rate of class 1, the positive one. Of more it is the mean over the
    classes, each against the rest, that the group has rows of. Where groups are the classes
    themselves, it is that of the class, over everybody's rows.
    """
    return _error_rates(counts.table)[:, 0]


def fpr(counts: Counts) -> PerGroup:
    """The false positive rate of each group, of the classes that `fnr` is of."""
    return _error_rates(counts.table)[:, 1]


def fnr_change(counts: Counts) -> PerGroup:
    """(FNR - the dense net's FNR) / the dense net's FNR, in each group."""
    return _beside_dense(counts, lambda tables: _changes(tables)[:, 0])


def fpr_change(counts: Counts) -> PerGroup:
    """(FPR - the dense net's FPR) / the dense net's FPR, in each group."""
    return _beside_dense(counts, lambda tables: _changes(tables)[:, 1])


BY_GROUP: dict[str, Callable[[Counts], PerGroup]] = {
    "accuracy": accuracy,
    "accuracy_drop": accuracy_drop,
    "fnr": fnr,
    "fpr": fpr,
    "fnr_change": fnr_change,
    "fpr_change": fpr_change,
    "pie": pie,
}


def values_by_group(counts: Counts) -> dict[str, list[float | None]]:
    """Every value of `BY_GROUP`, one for each group; None where it is not estimable."""
    return {name: as_json(value(counts)) for name, value in BY_GROUP.items()}


def values_of_everybody(counts: Counts) -> dict[str, float | None]:
    """The same of all groups together."""
    everybody = counts.regroup(np.zeros(counts.n_groups, dtype=np.int64))
    return {name: values[0] for name, values in values_by_group(everybody).items()}


def as_json(values: PerGroup) -> list[float | None]:
    """JSON types: None for NaN, which JSON does not have."""
    return [None if np.isnan(value) else float(value) for value in values]


def class_of_groups(cells: NDArray[np.int64]) -> NDArray[np.int64] | None:
    """(groups,) the class that each group is, where groups are the classes: a race task by race.

    That is where each group of the cells (groups, labels) holds rows of one label alone, which no
    other group has. None otherwise.
    """
    label = np.asarray(cells.argmax(axis=1), dtype=np.int64)
    alone = bool(((cells > 0).sum(axis=1) == 1).all())
    return label if alone and np.array_equal(np.sort(label), np.arange(cells.shape[1])) else None


def _beside_dense(counts: Counts, value: Callable[[TablesBesideDense], PerGroup]) -> PerGroup:
    if counts.beside_dense is None:
        return np.full(counts.n_groups, np.nan)
    return value(counts.beside_dense)


def _identified(tables: TablesBesideDense) -> PerGroup:
    by_label = np.diagonal(tables, axis1=-3, axis2=-2)  # where the dense net is right
    still = np.diagonal(by_label, axis1=-2, axis2=-1).sum(-1)
    return ratio(by_label.sum((-1, -2)) - still, tables.sum((-1, -2, -3)))


def _changes(tables: TablesBesideDense) -> NDArray[np.float64]:
    """(groups, 2) normalised changes of FNR and FPR; NaN where the dense net's rate is 0."""
    before, after = _error_rates(tables.sum(-1)), _error_rates(tables.sum(-2))
    return ratio(after - before, before)


def _error_rates(table: NDArray[np.int64]) -> NDArray[np.float64]:
    """(groups, 2) FNR and FPR of a table (groups, labels, predictions)."""
    if (classes := class_of_groups(table.sum(-1))) is not None:
        return np.asarray(_one_against_rest(table.sum(0, keepdims=True))[0][classes])
    rates = _one_against_rest(table)
    return rates[:, 1] if table.shape[1] == 2 else mean_over_existing(np.swapaxes(rates, 1, 2))


def _one_against_rest(table: NDArray[np.int64]) -> NDArray[np.float64]:
    """(groups, classes, 2) FNR and FPR of each class against the rest."""
    rows, predicted = table.sum(-1), table.sum(-2)
    right = np.diagonal(table, axis1=-2, axis2=-1)
    others = rows.sum(-1, keepdims=True) - rows
    return np.stack([ratio(rows - right, rows), ratio(predicted - right, others)], axis=-1)

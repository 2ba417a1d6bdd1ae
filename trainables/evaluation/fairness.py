"""One measure of plain arrays, for use outside of a search."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from trainables.evaluation.counting import count_predictions
from trainables.evaluation.measures import find_measure


def measure(
    name: str,
    y_true: ArrayLike,
    y_pred: ArrayLike,
    group: ArrayLike,
    dense: ArrayLike | None = None,
) -> float:
    """The measure `name` of decided predictions.

    `y_true`, `y_pred` and `group` are (n,), of any type that can be sorted. Sorted, the last of
    two labels is the positive one, and the first group is group 0, the unprivileged one. For two
    groups signed measures are group 0 - group 1. A measure that compares with the dense net needs
    the predictions of the `dense` one too. NaN where a rate has no rows to be estimated from.
    """
    chosen = find_measure(name)
    truth, predicted, groups = np.asarray(y_true), np.asarray(y_pred), np.asarray(group)
    columns = {"y_true": truth, "y_pred": predicted, "group": groups}
    if chosen.against_dense:
        if dense is None:
            raise ValueError(f"measure: {name} compares with the dense net: dense must be given")
        columns["dense"] = np.asarray(dense)
    for column, values in columns.items():
        if values.shape != truth.shape or values.ndim != 1 or values.size == 0:
            raise ValueError(
                f"measure: {column} must be ({truth.size},), not empty, got shape {values.shape}"
            )
        if (values != values).any():  # only NaN differs from itself
            raise ValueError(f"measure: {column} must not hold NaN")
    outputs = [predicted, *([columns["dense"]] if chosen.against_dense else [])]
    classes = _classes(truth, *outputs)
    names, indices = np.unique(groups, return_inverse=True)
    truth, *outputs = (np.searchsorted(classes, values) for values in (truth, *outputs))
    counts = count_predictions(outputs[0], truth, indices, len(names), len(classes), *outputs[1:])
    return float(chosen.compute(np.asarray(chosen.tables_of(counts))))


def _classes(*columns: NDArray[np.generic]) -> NDArray[np.generic]:
    """The sorted classes; 0 and 1 where no other value occurs, even if one of them is missing."""
    classes = np.unique(np.concatenate(columns))
    if classes.dtype.kind in "iufb" and np.isin(classes, (0, 1)).all():
        return np.array([0, 1])
    if len(classes) < 2:
        raise ValueError(f"measure: needs at least two labels, got only {classes[0].item()!r}")
    return classes

"""Rows that come as two copies of one object, one in each of two groups, are counted as pairs.

The predictions of the two copies go together. Tables by group do not say so, and thus not how
little two groups differ (colour and grey copies of one image, Wang et al. CVPR 2020), nor how few
objects there are.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray


def count_pairs(
    predictions: ArrayLike, labels: ArrayLike, groups: ArrayLike, units: ArrayLike, n_labels: int
) -> NDArray[np.int64] | None:
    """Pairs by (label, prediction of group 0's copy, prediction of group 1's copy) of rows (n,).

    None where the rows are not pairs. They are if every unit has one row in group 0, one in group
    1, no others, and a single label.
    """
    columns = [np.asarray(c) for c in (units, groups, labels, predictions)]
    rows = columns[0].shape
    if len(rows) != 1 or any(column.shape != rows for column in columns):
        shapes = [column.shape for column in columns]
        raise ValueError(f"count_pairs: all columns need the same shape (n,), got {shapes}")
    if rows[0] == 0 or rows[0] % 2:
        return None
    order = np.lexsort((columns[1], columns[0]))  # by unit, then by group
    unit, group, label, prediction = (column[order].reshape(-1, 2) for column in columns)
    complete = (unit[:, 0] == unit[:, 1]).all() and (group == [0, 1]).all()
    if not complete or (label[:, 0] != label[:, 1]).any():
        return None  # a unit with four rows fails as well: its groups are sorted 0, 0, 1, 1
    shape = (n_labels,) * 3
    flat = np.ravel_multi_index((label[:, 0], prediction[:, 0], prediction[:, 1]), shape)
    return np.bincount(flat, minlength=n_labels**3).reshape(shape)


def tables_of_pairs(pairs: NDArray[Any]) -> NDArray[Any]:
    """Tables (..., 2, labels, predictions) of pairs (..., labels, predictions, predictions)."""
    return np.stack([pairs.sum(-1), pairs.sum(-2)], axis=-3)


def checked_pairs(pairs: NDArray[Any], table: NDArray[np.int64]) -> NDArray[np.int64]:
    """A copy of `pairs` that nobody can write to; ValueError unless it counts `table`'s rows."""
    given = np.asarray(pairs)
    labels = table.shape[-1]
    if given.dtype.kind not in "iu" or given.shape != (labels,) * 3 or len(table) != 2:
        raise ValueError(
            f"Counts: pairs must be whole numbers of shape {(labels,) * 3} for 2 groups, "
            f"got {given.dtype} of shape {given.shape} for {len(table)} groups"
        )
    array = given.astype(np.int64)
    if array.min() < 0:
        raise ValueError(f"Counts: pairs cannot be negative, got {array.min()}")
    tables = tables_of_pairs(array)
    if not np.array_equal(tables, table):
        off = int(np.abs(tables - table).sum())
        raise ValueError(f"Counts: pairs must add up to the table, got {off} rows that differ")
    array.setflags(write=False)
    return array

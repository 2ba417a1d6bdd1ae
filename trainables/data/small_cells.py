"""Small cells: groups too small to estimate a rate for are merged or left out, by name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from trainables.evaluation.measures import find_measure

SmallCells = Literal["merge", "drop"]
# What must have min_cell rows where rates are estimated: each label of each group, or each group.
MinCellOf = Literal["cells", "groups"]


def min_cell_of(*measures: str) -> MinCellOf:
    """Cells for a measure of rates within cells, such as aod; for others groups are enough.

    So a group that is a label (accuracy of genders, judged by gender) can be compared by accuracy,
    where some cells are empty by construction.
    """
    return "cells" if any(find_measure(name).within_cells for name in measures) else "groups"


@dataclass(frozen=True, eq=False)
class Resolved:
    """The groups that are compared after the small ones were merged or left out."""

    names: tuple[str, ...]
    mapping: NDArray[np.int64]  # (original groups,) new group, -1 where left out
    notes: tuple[str, ...]


def resolve_small_cells(
    grouping: str,
    names: Sequence[str],
    classes: Sequence[str],
    counts: Mapping[str, NDArray[np.int64]],
    *,
    min_cell: int,
    policy: SmallCells = "merge",
    of: MinCellOf = "cells",
) -> Resolved:
    """Applies the rule to `counts`, which hold `(groups, labels)` rows for each split.

    A group with a cell (group x label) under `min_cell` on any of the splits is small; or, where
    the rule is one of "groups", a group that itself has fewer rows than that. With
    "merge" all small groups become one, which is left out if it is still small; with "drop" each
    is left out. Raises ValueError where fewer than two groups remain.
    """
    if policy not in ("merge", "drop"):
        raise ValueError(f"small_cells: must be 'merge' or 'drop', got {policy!r}")
    reasons = {
        index: reason
        for index in range(len(names))
        if (reason := _why_small([index], classes, counts, min_cell, of))
    }
    small, large = list(reasons), [i for i in range(len(names)) if i not in reasons]
    mapping = np.full(len(names), -1, dtype=np.int64)
    mapping[large] = np.arange(len(large))
    resolved_names = [names[index] for index in large]
    merged_reason = _why_small(small, classes, counts, min_cell, of)
    merge = policy == "merge" and len(small) > 1 and merged_reason is None
    notes = []
    if merge:
        mapping[small] = len(large)
        resolved_names.append(" + ".join(names[index] for index in small))
    if small:
        fate = "merged into one group" if merge else "left out"
        listed = "; ".join(f"{names[index]!r} ({reasons[index]})" for index in small)
        notes.append(f"{grouping}: groups under min_cell={min_cell} were {fate}: {listed}")
    if policy == "merge" and len(small) > 1 and not merge:
        notes.append(f"{grouping}: these groups are too small even together ({merged_reason})")
    if len(resolved_names) < 2:
        of_what = " of every label" if of == "cells" else ""
        raise ValueError(
            f"{grouping}: at least two groups must have min_cell={min_cell} rows{of_what} "
            f"on {', '.join(counts)}, got {resolved_names} "
            "(compare coarser groups or lower min_cell); "
            f"{'; '.join(notes)}"
        )
    return Resolved(tuple(resolved_names), mapping, tuple(notes))


def _why_small(
    members: Sequence[int],
    classes: Sequence[str],
    counts: Mapping[str, NDArray[np.int64]],
    min_cell: int,
    of: MinCellOf,
) -> str | None:
    """What the group made of `members` has too few rows of; None if it is large enough."""
    if of == "groups":
        total, split = min(
            (int(table[list(members)].sum()), split) for split, table in counts.items()
        )
        return None if total >= min_cell else f"{total} rows on {split}"
    rows, split, label = min(
        (int(table[list(members)].sum(axis=0)[label]), split, label)
        for split, table in counts.items()
        for label in range(len(classes))
    )
    if rows >= min_cell:
        return None
    return f"label {classes[label]!r} has {rows} rows on {split}"

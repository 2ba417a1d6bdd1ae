"""Which candidates are on a front, and which of them is chosen."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from analysis.hypervolume import hypervolume
from analysis.pareto import choose, closest, constrained_front, non_dominated
from trainables.corrections import CORRECTIONS, KINDS

Row = Mapping[str, Any]  # values on tune and `needs_group`
Flags = NDArray[np.bool_]


def group_at_prediction(facts: Mapping[str, Any]) -> bool:
    """Whether a point that needs the group may be chosen, by a run's `experiment` event.

    So it is where the run says so, or where its own correction needs the group.
    """
    named = CORRECTIONS[facts["correction"]["name"]].needs_group
    return bool(named or facts.get("group_at_prediction", False))  # unknown to older journals


def needs_group(report: Mapping[str, Any]) -> bool:
    """Whether the decision of a report needs the group of whoever it is about."""
    return bool(KINDS[report["decision"]["kind"]].needs_group)


def non_dominated_of(
    values: NDArray[np.float64], by_group: Flags, *, group_allowed: bool
) -> Flags:
    """(n,) which of `values` (n, 2 or 3: performance, bias, sparsity) are on a front; `by_group`
    says which need the group.

    To need the group is a cost of its own where it is not allowed: such a point hides only its
    like, never one that could be chosen.
    """
    maximise = [True, False, True][: values.shape[1]]
    if group_allowed:
        return non_dominated(values, maximise)
    without = np.flatnonzero(constrained_front(values, maximise, ~by_group))
    needing = np.flatnonzero(constrained_front(values, maximise, by_group))
    kept = np.zeros(len(values), dtype=bool)
    kept[without] = True
    # None of `needing` hides another of them, and of equal points the first one stays: what is
    # missing of them behind `without` is hidden by a point that does not need the group.
    together = np.concatenate([without, needing])
    kept[needing] = non_dominated(values[together], maximise)[len(without) :]
    return kept


@dataclass(frozen=True)
class Selection:
    """What rows come to; by their numbers."""

    places: list[int]  # on the front, best performance first
    chosen: int | None
    volume: float  # hypervolume of those on the front that could be chosen
    volume_with_group: float  # of all that are on the front


def select(
    rows: Sequence[Row], reference: tuple[float, ...], *, sparsity: bool, group_allowed: bool
) -> Selection:
    """The front of `rows`, which of it is chosen, and its hypervolume.

    Rows that need the group are shown; only where it is allowed are they chosen, and only there
    the hypervolume counts them. Without a feasible row: the closest ones, none chosen, and 0.
    """
    if not rows:
        return Selection([], None, 0.0, 0.0)
    performance = column(rows, "performance")
    bias, removed = column(rows, "bias"), column(rows, "sparsity")
    eligible = flags(rows, "beats_trivial")
    feasible = eligible & flags(rows, "feasible")
    if not feasible.any():
        return Selection(closest(performance, bias, eligible).tolist(), None, 0.0, 0.0)
    by_group = flags(rows, "needs_group")
    size = 2 + sparsity
    values = np.column_stack([performance, bias, removed][:size])
    on_front = np.zeros(len(rows), dtype=bool)
    on_front[feasible] = non_dominated_of(
        values[feasible], by_group[feasible], group_allowed=group_allowed
    )
    could = on_front & (group_allowed | ~by_group)
    box = reference[:size], [1.0, 0.0, 1.0][:size]
    volume = hypervolume(values[could], *box)
    return Selection(
        places=sorted(np.flatnonzero(on_front).tolist(), key=lambda i: -performance[i]),
        chosen=chosen_of(rows, on_front, sparsity=sparsity, group_allowed=group_allowed),
        volume=volume,
        volume_with_group=(
            volume if could.sum() == on_front.sum() else hypervolume(values[on_front], *box)
        ),
    )


def chosen_of(
    rows: Sequence[Row], feasible: Flags, *, sparsity: bool, group_allowed: bool
) -> int | None:
    """The row that is handed over; None where no feasible one may be."""
    return choose(
        column(rows, "performance"),
        column(rows, "performance_se"),
        column(rows, "bias"),
        column(rows, "sparsity") if sparsity else None,
        feasible & (group_allowed | ~flags(rows, "needs_group")),
    )


def column(rows: Sequence[Row], key: str) -> NDArray[np.float64]:
    """(n,) values, NaN where they are not estimable."""
    return np.array([math.nan if row[key] is None else row[key] for row in rows], dtype=np.float64)


def flags(rows: Sequence[Row], key: str) -> Flags:
    """(n,) yes or no."""
    return np.array([row[key] for row in rows], dtype=bool)

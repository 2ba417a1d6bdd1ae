"""Which candidates are on a front, and which of them is chosen."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from analysis.front import constrained_front
from analysis.hypervolume import hypervolume
from analysis.select import choose, closest
from trainables.corrections import CORRECTIONS

Row = Mapping[str, Any]  # values on tune and `needs_group`
Flags = NDArray[np.bool_]


def group_at_prediction(facts: Mapping[str, Any]) -> bool:
    """Whether a point that needs the group may be chosen, by a run's `experiment` event.

    So it is where the run says so, or where its own correction needs the group.
    """
    named = CORRECTIONS[facts["correction"]["name"]].needs_group
    return bool(named or facts.get("group_at_prediction", False))  # unknown to older journals


def axes_of(
    values: NDArray[np.float64], needs_group: Flags, *, group_allowed: bool
) -> tuple[NDArray[np.float64], list[bool]]:
    """`values` (n, 2 or 3: performance, bias, sparsity) and which of them are maximised.

    To need the group is a cost of its own where it is not allowed: such a point dominates only its
    like, so that it never hides one that could be chosen.
    """
    maximise = [True, False, True][: values.shape[1]]
    if group_allowed or needs_group.all() or not needs_group.any():
        return values, maximise
    return np.column_stack([values, needs_group]), [*maximise, False]


def select(
    rows: Sequence[Row], reference: tuple[float, ...], *, sparsity: bool, group_allowed: bool
) -> tuple[list[int], int | None, float]:
    """Which rows are on the front, best performance first, which is chosen, its hypervolume.

    Rows that need the group are chosen only where it is allowed; the hypervolume counts them in
    any case. Without a feasible candidate: the closest ones, none chosen, and 0.
    """
    if not rows:
        return [], None, 0.0
    performance = column(rows, "performance")
    bias, removed = column(rows, "bias"), column(rows, "sparsity")
    eligible = flags(rows, "beats_trivial")
    feasible = eligible & flags(rows, "feasible")
    if not feasible.any():
        return closest(performance, bias, eligible).tolist(), None, 0.0
    needs_group = flags(rows, "needs_group")
    size = 2 + sparsity
    values = np.column_stack([performance, bias, removed][:size])
    on_front = constrained_front(
        *axes_of(values, needs_group, group_allowed=group_allowed), feasible
    )
    volume = hypervolume(values[on_front], reference[:size], [1.0, 0.0, 1.0][:size])
    chosen = chosen_of(rows, feasible & on_front, sparsity=sparsity, group_allowed=group_allowed)
    order = sorted(np.flatnonzero(on_front).tolist(), key=lambda i: -performance[i])
    return order, chosen, volume


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

"""Which candidates are on a front, and which of them is chosen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypedDict

import numpy as np
from numpy.typing import NDArray

from analysis.hypervolume import hypervolume
from analysis.pareto import choose, closest, constrained_front, non_dominated

IDEAL = (1.0, 0.0, 1.0)  # performance, bias, sparsity: where the hypervolume's box ends
Flags = NDArray[np.bool_]


class Row(TypedDict):
    """What a candidate is selected by: its values on tune. None: not estimable."""

    performance: float | None
    performance_se: float | None
    bias: float | None
    sparsity: float
    feasible: bool
    beats_trivial: bool
    needs_group: bool


@dataclass(frozen=True)
class Selection:
    """What becomes of rows; they go by their numbers."""

    on_front: list[int]  # best performance first
    chosen: int | None
    hypervolume: float  # of those on the front that could be chosen
    hypervolume_with_group: float  # of all that are on the front


def select(
    rows: Sequence[Row], reference: Sequence[float], *, sparsity: bool, group_allowed: bool
) -> Selection:
    """The front of `rows`, which of it is chosen, and its hypervolume.

    Rows that need the group are shown; only where it is allowed are they chosen, and only there
    the hypervolume counts them. Without a feasible row: the closest ones, none chosen, and 0.
    """
    if not rows:
        return Selection([], None, 0.0, 0.0)
    performance, bias = column(rows, "performance"), column(rows, "bias")
    eligible = flags(rows, "beats_trivial")
    feasible = eligible & flags(rows, "feasible")
    if not feasible.any():
        return Selection(closest(performance, bias, eligible).tolist(), None, 0.0, 0.0)
    needs_group = flags(rows, "needs_group")
    axes = 2 + sparsity
    values = np.column_stack([performance, bias, column(rows, "sparsity")][:axes])
    on_front = np.zeros(len(rows), dtype=bool)
    on_front[feasible] = front_of(
        values[feasible], needs_group[feasible], group_allowed=group_allowed
    )
    could_be_chosen = on_front & (group_allowed | ~needs_group)
    box = reference[:axes], IDEAL[:axes]
    volume = hypervolume(values[could_be_chosen], *box)
    return Selection(
        on_front=sorted(np.flatnonzero(on_front).tolist(), key=lambda i: -performance[i]),
        chosen=chosen_of(rows, on_front, sparsity=sparsity, group_allowed=group_allowed),
        hypervolume=volume,
        hypervolume_with_group=(
            volume
            if could_be_chosen.sum() == on_front.sum()
            else hypervolume(values[on_front], *box)
        ),
    )


def front_of(values: NDArray[np.float64], needs_group: Flags, *, group_allowed: bool) -> Flags:
    """Which rows of `values` (n, 2 or 3: performance, bias, sparsity) are on the front, (n,).

    Where the group may be used at prediction time (`group_allowed`), these are the rows that no
    other dominates. Where not, a row that needs it (`needs_group`, (n,)) cannot be chosen, so it
    never hides one that could be: such rows are compared with all, the others with one another
    alone.
    """
    maximise = [True, False, True][: values.shape[1]]
    if group_allowed:
        return non_dominated(values, maximise)
    on_front = constrained_front(values, maximise, ~needs_group)
    without = np.flatnonzero(on_front)
    needing = np.flatnonzero(constrained_front(values, maximise, needs_group))
    # Of equal rows the first stays, so those without the group are put first.
    together = values[np.concatenate([without, needing])]
    on_front[needing] = non_dominated(together, maximise)[len(without) :]
    return on_front


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


def column(
    rows: Sequence[Row], key: Literal["performance", "performance_se", "bias", "sparsity"]
) -> NDArray[np.float64]:
    """(n,) values, NaN where they are not estimable."""
    return np.array([np.nan if row[key] is None else row[key] for row in rows], dtype=np.float64)


def flags(rows: Sequence[Row], key: Literal["feasible", "beats_trivial", "needs_group"]) -> Flags:
    """(n,) yes or no."""
    return np.array([row[key] for row in rows], dtype=bool)

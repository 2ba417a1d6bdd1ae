"""A run judged by another group: small groups are merged or left out as in a search by it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from analysis.front_json import FrontObjective
from search.errors import UserError
from search.front.naming import Naming
from search.journal.candidates import group_at_prediction
from search.journal.events import Dense, Experiment
from trainables.corrections.threshold import Threshold
from trainables.data.grouping import Grouping
from trainables.data.small_cells import MinCellOf, SmallCells, resolve_small_cells
from trainables.evaluation.counts import counts_from_dict
from trainables.evaluation.objective import Objective


def view_by(
    facts: Experiment,
    dense: Dense,
    group: str,
    *,
    min_cell: int,
    small_cells: SmallCells = "merge",
    min_cell_of: MinCellOf = "cells",
) -> View:
    """The view by `group`; `facts` and `dense` are the events `experiment` and `dense`.

    A search by `group` looks at the rows of test too. Here they are sealed, and what was counted
    of the dense net on held_back (binary tasks) and tune has to do. Raises as `view_of_run` does.
    """
    as_searched, classes = view_of(facts), tuple(facts["classes"])
    splits = ("held_back", "tune") if len(classes) == 2 else ("tune",)
    try:
        grouping = Grouping.parse(group)
        values = {name: tuple(names) for name, names in facts["attributes"].items()}
        group = grouping.written(values)
        if group == facts["group"]:
            return as_searched
        by_group = grouping.of_crossing(values)
        cells = {
            split: counts_from_dict(dense["counts"][split]).regroup(by_group).cells
            for split in splits
        }
        names = grouping.names(values)
        resolved = resolve_small_cells(
            group,
            names,
            classes,
            cells,
            min_cell=min_cell,
            policy=small_cells,
            of=min_cell_of,
        )
    except ValueError as error:
        raise UserError(f"report: {error}") from error
    looked_at = (
        f"{group}: small are those with few rows on {' or '.join(splits)}, as this run drew them; "
        f"test stays sealed"
    )
    return replace(
        as_searched,
        crossing_to_group=resolved.mapping[by_group],
        group=group,
        group_names=resolved.names,
        reference=None,
        changed=True,
        naming=None,
        notes=(*resolved.notes, looked_at) if resolved.notes else (),
    )


@dataclass(frozen=True)
class View:
    """What counts are judged by: an objective and a grouping of the finest crossing."""

    objective: Objective
    sparsity: bool  # whether it is an objective
    crossing_to_group: NDArray[np.int64]
    group: str
    group_names: tuple[str, ...]
    crossing_priors: NDArray[np.float64]  # (crossings, labels), shares of train
    reference: tuple[float, ...] | None  # of the hypervolume; None: from the trivial performance
    group_allowed: bool  # whether a point that needs the group may be chosen
    changed: bool = False  # differs from what the search was run with: decisions are fitted anew
    # Which groups were merged or left out, unless the search did so; what else to know.
    notes: tuple[str, ...] = ()
    kept_for: tuple[float, float] | None = None  # lowest and highest tolerance; None: any
    naming: Naming | None = None  # by the chance of a certificate; None: by the margin
    beside: Threshold | None = None  # of a second decision, which is shown and never chosen by

    @property
    def priors(self) -> NDArray[np.float64]:
        """(groups, labels) shares of train, without the crossings that are left out."""
        groups = int(self.crossing_to_group.max()) + 1
        table: NDArray[np.float64] = np.zeros((groups, self.crossing_priors.shape[1]))
        kept = self.crossing_to_group >= 0
        np.add.at(table, self.crossing_to_group[kept], self.crossing_priors[kept])
        return np.asarray(table / table.sum())

    def described(self, reference: Sequence[float]) -> FrontObjective:
        """What front.json says of it; `reference` is where the hypervolume begins."""
        return {
            "performance": self.objective.performance,
            "bias": self.objective.bias,
            "tolerance": self.objective.tolerance,
            "margin": self.objective.margin,
            "sparsity": self.sparsity,
            "group": self.group,
            "groups": list(self.group_names),
            "reference": list(reference),
            "group_at_prediction": self.group_allowed,
        }

    def with_bias(self, bias: str | None, tolerance: float | None) -> View:
        """Another measure or tolerance; the margin keeps its share of the tolerance.

        A note says where trials have not kept candidates for such a tolerance.
        """
        old = self.objective
        new = tolerance if tolerance is not None else old.tolerance
        margin = old.margin * new / old.tolerance
        objective = Objective(old.performance, bias or old.bias, new, margin)
        return replace(
            self,
            objective=objective,
            reference=None,
            changed=True,
            naming=None,
            notes=(*self.notes, *self._not_kept_for(new)),
        )

    def _not_kept_for(self, tolerance: float) -> list[str]:
        low, high = self.kept_for or (0.0, 1.0)
        if low <= tolerance <= high:
            return []
        kept = f"the tolerance {low:g}" if low == high else f"tolerances from {low:g} to {high:g}"
        return [
            f"trials kept what {kept} might need: a front for {tolerance:g} may lack some "
            f"(the range is set by [objective] tolerances)"
        ]


def view_of(facts: Experiment) -> View:
    """The view that a run was searched with, from its `experiment` event."""
    return View(
        objective=Objective(**facts["objective"]),
        sparsity=facts["sparsity"],
        crossing_to_group=np.asarray(facts["crossing_to_group"], dtype=np.int64),
        group=facts["group"],
        group_names=tuple(facts["group_names"]),
        crossing_priors=np.asarray(facts["crossing_priors"], dtype=np.float64),
        reference=tuple(facts["reference"]),
        group_allowed=group_at_prediction(facts),
        kept_for=_kept_for(facts),
        naming=_naming(facts),
        beside=Threshold(facts["beside"]) if "beside" in facts else None,
    )


def _naming(facts: Experiment) -> Naming | None:
    named = facts.get("naming")
    if named is None:
        return None
    tolerance = facts["objective"]["tolerance"]
    return Naming(named["level"], named["rows"], tuple(named["biases"]), tolerance)


def _kept_for(facts: Experiment) -> tuple[float, float]:
    own = facts["objective"]["tolerance"]
    low, high = facts.get("tolerances", (own, own))
    return low, high

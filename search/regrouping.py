"""A run judged by another group: small groups are merged or left out as in a search by it."""

from __future__ import annotations

from dataclasses import replace

from search.errors import UserError
from search.front import View, view_of
from search.journal import Event
from search.run_folder import RunFolder
from trainables.data.grouping import Grouping
from trainables.data.small_cells import SmallCells, resolve_small_cells
from trainables.evaluation.counts import counts_from_dict


def view_of_run(folder: RunFolder, group: str | None = None) -> View:
    """The view that a run was searched with, or one by another group, under the rule for small
    groups of its config.

    Raises UserError where the group names an attribute that the data do not have, or where fewer
    than two groups are large enough.
    """
    facts = folder.facts()
    if group is None:
        return view_of(facts)
    section = folder.config().data
    return view_by(
        facts,
        folder.dense_event(),
        group,
        min_cell=section.min_cell,
        small_cells=section.small_cells,
    )


def view_by(
    facts: Event, dense: Event, group: str, *, min_cell: int, small_cells: SmallCells = "merge"
) -> View:
    """The view by `group`; `facts` and `dense` are the events `experiment` and `dense`.

    A search by `group` looks at the rows of test too. Here they are sealed, and what was counted
    of the dense net on held_back (binary tasks) and tune has to do. Raises as `view_of_run` does.
    """
    as_searched, classes = view_of(facts), tuple(facts["classes"])
    if group == facts["group"]:
        return as_searched
    splits = ("held_back", "tune") if len(classes) == 2 else ("tune",)
    try:
        grouping = Grouping.parse(group)
        values = {name: tuple(names) for name, names in facts["attributes"].items()}
        by_group = grouping.of_crossing(values)
        cells = {
            split: counts_from_dict(dense["counts"][split]).regroup(by_group).cells
            for split in splits
        }
        names = grouping.names(values)
        resolved = resolve_small_cells(
            group, names, classes, cells, min_cell=min_cell, policy=small_cells
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
        notes=(*resolved.notes, looked_at) if resolved.notes else (),
    )

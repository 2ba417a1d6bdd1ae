"""The front of a run under another tolerance, measure or grouping: judged anew from counts."""

from __future__ import annotations

from analysis.front_json import Front
from search.errors import UserError
from search.front.build import build_front
from search.front.judging import NotDefined
from search.front.view import View
from search.journal.journal import read_events
from search.runs.folder import RunFolder, view_of_run


def judged_anew(
    folder: RunFolder,
    *,
    tolerance: float | None = None,
    bias: str | None = None,
    group: str | None = None,
) -> tuple[View, Front]:
    """How the run is looked at, and its front as seen so; what is None stays as it was searched.

    Decisions are fitted anew from the counts, nothing is retrained. By another grouping, small
    groups are merged or left out as in a search by it, and by the measure. Raises UserError for a
    tolerance, a measure or a grouping that does not exist, or that the run's data are too few for.
    """
    facts = folder.facts()
    view = view_of_run(folder, group, bias)
    try:
        if tolerance is not None or bias is not None:
            view = view.with_bias(bias, tolerance)
            view.objective.check_classes(len(facts["classes"]))
    except ValueError as error:
        raise UserError(f"report: {error}") from error
    try:
        return view, build_front(facts, read_events(folder.journal), view)
    except NotDefined as error:  # not even the dense net can be judged so
        raise UserError(f"report: {error}") from error

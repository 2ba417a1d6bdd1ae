"""What counts are worth as a view sees them: decisions fitted on held-back rows, then judged."""

from __future__ import annotations

from analysis.front_json import BesideValues, PointValues
from search.front.view import View
from search.journal.events import Dense, ReferenceFacts, ReportEvent
from trainables.corrections.decision import Correction, Decision
from trainables.corrections.threshold import Threshold
from trainables.evaluation.counts import Counts, ScoreCounts, counts_from_dict
from trainables.evaluation.report import evaluate

Counted = Dense | ReportEvent | ReferenceFacts  # has counts of held_back and tune


class NotDefined(ValueError):
    """A correction cannot be fitted for the groups that are looked at."""


def fitted(report: Counted, view: View, correction: Correction, seed: int) -> Decision:
    """The correction fitted on debias' held-back part. Raises NotDefined where it cannot be."""
    held_back = counts_from_dict(report["counts"]["held_back"]).regroup(view.crossing_to_group)
    try:
        return correction.fit(held_back, view.objective, view.priors, seed)
    except ValueError as error:
        raise NotDefined(str(error)) from error


def values_of(
    counts: Counts | ScoreCounts,
    decision: Decision | None,
    view: View,
    *,
    sparsity: float,
    level: float = 0.95,
) -> PointValues:
    """Performance, bias, their intervals and every measure of counts at the finest crossing.

    Without a `decision` they are counts of predictions already.
    """
    if decision is not None:
        decided = decision.decide_by_group(counts, view.crossing_to_group)
    elif isinstance(counts, Counts):
        decided = counts.regroup(view.crossing_to_group)
    else:
        raise ValueError("front: scores need a decision to be judged by")
    return {**evaluate(decided, view.objective, level=level), "sparsity": sparsity}


def tune_values(report: Dense | ReportEvent, decision: Decision, view: View) -> PointValues:
    """What a network is worth on tune."""
    counts = counts_from_dict(report["counts"]["tune"])
    return values_of(counts, decision, view, sparsity=report["sparsity"])


def by_second(
    report: Dense | ReportEvent, view: View, second: Threshold, seed: int
) -> BesideValues:
    """The second decision of a candidate, whose whole counts say all of it."""
    decision = fitted(report, view, second, seed)
    tune = tune_values(report, decision, view)
    return {"decision": decision.to_dict(), "tune": tune, "test": None}

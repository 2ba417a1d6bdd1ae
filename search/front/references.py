"""What a front is compared with: the unrepaired dense net, and models that no trial has made.

They are judged from their counts as candidates are, and are none: nothing of them is on the front,
in its hypervolume, or chosen.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from analysis.front_json import PointValues, Reference
from search.front.judging import Counted, NotDefined, by_second, fitted, values_of
from search.front.view import View
from search.journal.events import Dense, Experiment, ReferenceFacts, References
from trainables.corrections import decision_from_dict
from trainables.corrections.argmax import Argmax
from trainables.corrections.decision import Correction, Decision
from trainables.corrections.group_thresholds import GroupThresholds
from trainables.corrections.threshold import Threshold
from trainables.evaluation.counts import Counts, ScoreCounts, counts_from_dict

DENSE, BY_GROUP = "dense net", "group thresholds"


@dataclass(frozen=True)
class Compared:
    """A way to decide, and whose scores it decides."""

    label: str
    network: str  # DENSE or the model's name
    counts: Counted  # of held_back and tune
    decision: Decision | None  # None: the counts are of decisions
    fitted_for: str | None = None  # of what is drawn by lot

    def values(
        self, counts: Counts | ScoreCounts, view: View, *, level: float = 0.95
    ) -> PointValues:
        return values_of(counts, self.decision, view, sparsity=0.0, level=level)


def judged_references(
    dense: Dense, models: References | None, facts: Experiment, view: View
) -> list[Reference]:
    """The references of front.json, the dense net first. Raises NotDefined as `compared_with`."""
    references: list[Reference] = []
    for each in compared_with(dense, models, facts, view):
        tune = counts_from_dict(each.counts["counts"]["tune"])
        needs_group = each.decision is not None and bool(each.decision.needs_group)
        reference: Reference = {
            "label": each.label,
            "needs_group": needs_group,
            "tune": each.values(tune, view),
            "test": None,
        }
        if each.fitted_for is not None:
            reference |= {"randomised": True, "fitted_for": each.fitted_for}
        references.append(reference)
    if view.beside is not None:
        references[0]["beside"] = by_second(dense, view, view.beside, facts["seed"])
    return references


def compared_with(
    dense: Dense, models: References | None, facts: Experiment, view: View
) -> list[Compared]:
    """All references with their decisions, fitted on held-back rows for this view.

    Raises NotDefined where the dense net cannot be judged so; a model that cannot is left out.
    """
    found = [
        Compared(label, DENSE, dense, decision)
        for label, decision in decisions_of_dense(dense, facts, view).items()
    ]
    for model in [] if models is None else models["models"]:
        found += _of_model(model, facts, view)
    return found


def decisions_of_dense(dense: Dense, facts: Experiment, view: View) -> dict[str, Decision]:
    """How the unrepaired dense net is judged, by label: with its best threshold (or argmax), and
    for binary tasks with group thresholds, which is what can be had if the group may be used.
    Where the bias compares with the dense net, it is the decision that it compares with."""
    corrections: dict[str, Correction] = {DENSE: Argmax()}
    if len(facts["classes"]) == 2:
        corrections = {
            DENSE: Threshold(choose="balanced_accuracy"),
            f"{DENSE}, {BY_GROUP}": GroupThresholds(),
        }
    decisions = {
        label: fitted(dense, view, correction, facts["seed"])
        for label, correction in corrections.items()
    }
    if view.objective.against_dense and "decision" in dense:
        decisions[DENSE] = decision_from_dict(dense["decision"])
    return decisions


def _of_model(model: ReferenceFacts, facts: Experiment, view: View) -> Iterator[Compared]:
    """With the fair threshold, which is the search's own rule, and with group thresholds. Where
    no threshold is feasible on held-back rows, the best one stands for it, infeasible: a constant
    prediction would say nothing of the model."""
    name, seed = model["name"], facts["seed"]
    if "fitted_for" in model:
        group = "" if view.group == facts["group"] else f" by {facts['group']}"
        yield Compared(name, name, model, None, f"{model['fitted_for']}{group}")
        return
    try:
        one = fitted(model, view, Threshold(), seed)
        if one.trivial:
            one = fitted(model, view, Threshold(choose="balanced_accuracy"), seed)
        by_group = fitted(model, view, GroupThresholds(), seed)
    except NotDefined:
        return
    yield Compared(name, name, model, one)
    yield Compared(f"{name}, {BY_GROUP}", name, model, by_group)

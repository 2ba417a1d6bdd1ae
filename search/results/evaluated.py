"""What a confirmed front is worth on test, and what is claimed of it."""

from __future__ import annotations

from copy import deepcopy
from functools import cache
from typing import TypedDict

import numpy as np
from torch import nn

from analysis.front_json import (
    Certify,
    Front,
    FrontPoint,
    PointValues,
    Reference,
    SeedRow,
)
from search.front.judging import decided, values_of
from search.front.notes import Hidden, hidden
from search.front.references import DENSE, compared_with
from search.front.selection import Row, chosen_of
from search.front.view import View, view_of
from search.problem.dense_net import decision_of
from search.problem.problem import Problem
from search.problem.references import rows_of
from search.results.claims import claims_of
from search.runs.folder import RunFolder
from search.runs.reference_models import StoredReferences
from trainables.corrections import decision_from_dict
from trainables.evaluation.claims import level_of_opening, shares_of
from trainables.evaluation.counts import Counts, ScoreCounts
from trainables.evaluation.intervals import simultaneous_level
from trainables.evaluation.power import fair_like, power_of
from trainables.evaluation.report import DecisionDict, evaluate
from trainables.references.fitting import counted as counted_of_model
from trainables.trial.candidate_store import CandidateStore
from trainables.trial.workbench import Workbench

LEVEL = 0.95  # of all intervals together
Named = FrontPoint | SeedRow | Hidden


def evaluated_on_test(
    folder: RunFolder,
    problem: Problem,
    dense: nn.Module,
    front: Front,
    stored: StoredReferences,
    *,
    certify: Certify,
    opening: int,
) -> Front:
    """The front with test values for every point, seed, the dense net and the reference lines, and
    with a claim about each network that was named."""
    view = view_of(folder.facts())
    decision = decision_of(problem.correction, folder.dense_event())
    bench = Workbench.open(problem.prepared, dense, problem.objective, given_decision=decision)
    seeds, off_front = front.get("seeds", []), hidden(front)
    named: list[Named] = [*front["points"], *seeds, *([] if off_front is None else [off_front])]
    level = simultaneous_level(LEVEL, len(named) + 1 + len(front["references"]))
    of_seeds = {id(row) for row in seeds}

    @cache
    def counted(store: CandidateStore, candidate: str) -> Counts | ScoreCounts:
        return bench.count(store.load(candidate, deepcopy(dense)).net, "test")

    def on_test(each: Named, by: DecisionDict | None = None) -> Counts | None:
        """By the decision that it was stored with, or another one; None for a seed that left no
        candidate."""
        if each["candidate"] is None:
            return None
        store = folder.seeds.candidates if id(each) in of_seeds else folder.candidates
        decision = decision_from_dict(by or store.facts(each["candidate"])["decision"])
        return decided(counted(store, each["candidate"]), decision, view)

    def values(each: Named, counts: Counts | None) -> PointValues | None:
        if counts is None or each["tune"] is None:
            return None
        judged = evaluate(counts, view.objective, level=level)
        return {**judged, "sparsity": each["tune"]["sparsity"]}

    decisions = [on_test(each) for each in named]
    on_front = len(front["points"])
    chosen = next(place for place, point in enumerate(front["points"]) if point["chosen"])
    objective = problem.config.objective
    error_rate = level_of_opening(objective.error_rate_claims, opening)
    claims = claims_of(
        decisions,
        view.objective,
        level=error_rate,
        weights=certify,
        chosen=chosen,
        also=objective.also,
    )
    tests = [values(each, counts) for each, counts in zip(named, decisions, strict=True)]
    points: list[FrontPoint] = []
    for point, test, claim in zip(front["points"], tests, claims, strict=False):
        points.append({**point, "test": test, "claim": claim})
        if (second := point.get("beside")) is not None:
            by_second = values(point, on_test(point, second["decision"]))
            points[-1]["beside"] = {**second, "test": by_second}
    references = _references_on_test(folder, bench, view, front, stored, level)
    share = float(shares_of(certify, len(named), chosen)[chosen])
    confirmed: Front = {
        **front,
        "dense": {**front["dense"], "test": references[0]["test"]},
        "references": references,
        "points": points,
        "handed_over": _handed_over(points, view),
        "claims": {
            "error_rate": objective.error_rate_claims,
            "level": error_rate,
            "certify": certify,
            "also": list(objective.also),
            "named": len(named),
            **_what_it_would_take(
                decisions[chosen],
                view,
                share * level_of_opening(objective.error_rate_claims, opening + 1),
            ),
        },
    }
    if seeds:
        confirmed["seeds"] = [
            {**row, "test": test, "claim": claim}
            for row, test, claim in zip(seeds, tests[on_front:], claims[on_front:], strict=False)
        ]
    if best := front.get("without_group"):
        by_name = {
            each["candidate"]: test
            for each, test in zip(named, tests, strict=True)
            if id(each) not in of_seeds
        }
        confirmed["without_group"] = {**best, "test": by_name.get(best["candidate"] or "")}
    return confirmed


def _handed_over(points: list[FrontPoint], view: View) -> str | None:
    """The certified point that would be chosen if there were no others; None where there is none.

    It is chosen by what tune shows, as ever, so that no value on test but the certificate counts.
    """
    rows: list[Row] = [
        {
            "performance": point["tune"]["performance"],
            "performance_se": point["tune"]["performance_se"],
            "bias": point["tune"]["bias"],
            "sparsity": point["tune"]["sparsity"],
            "feasible": point["feasible"],
            "beats_trivial": point["feasible"],
            "needs_group": point["needs_group"],
        }
        for point in points
    ]
    certified = np.array([_is_certified(point) for point in points], dtype=bool)
    place = chosen_of(rows, certified, sparsity=view.sparsity, group_allowed=view.group_allowed)
    return None if place is None else points[place]["candidate"]


def _is_certified(point: FrontPoint) -> bool:
    claim = point.get("claim")
    return claim is not None and claim["verdict"] == "certified"


class _Needed(TypedDict):
    """Those keys of `Claims` that say what a certificate would take."""

    rows: int
    rows_for_power: int | None
    tolerance_for_power: float | None


def _what_it_would_take(chosen: Counts | None, view: View, level: float) -> _Needed:
    """For a fair network that is right as often as the chosen one, tested at `level`."""
    if chosen is None:
        raise ValueError("confirm: a chosen point has a candidate")
    power = power_of(view.objective.bias, fair_like(chosen, chosen.cells), level)
    tolerance = power.tolerance_for()
    return {
        "rows": chosen.total,
        "rows_for_power": power.rows_for(view.objective.tolerance),
        "tolerance_for_power": tolerance if np.isfinite(tolerance) else None,
    }


def _references_on_test(
    folder: RunFolder,
    bench: Workbench,
    view: View,
    front: Front,
    stored: StoredReferences,
    level: float,
) -> list[Reference]:
    """The front's reference lines with their values on test."""
    compared = compared_with(folder.dense_event(), stored.event, folder.facts(), view)
    by_label = {each.label: each for each in compared}

    @cache
    def counts_of(network: str) -> Counts | ScoreCounts:
        if network == DENSE:
            return bench.count(bench.dense, "test")
        rows, crossings = rows_of(bench, "test"), len(view.crossing_to_group)
        return counted_of_model(stored.models[network], rows, crossings)

    references: list[Reference] = []
    for reference in front["references"]:
        each = by_label[reference["label"]]
        counts = counts_of(each.network)
        references.append({**reference, "test": each.values(counts, view, level=level)})
        if (second := reference.get("beside")) is not None:
            decision = decision_from_dict(second["decision"])
            by_second = values_of(counts, decision, view, sparsity=0.0, level=level)
            references[-1]["beside"] = {**second, "test": by_second}
    return references

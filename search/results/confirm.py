"""Opens the test split once: names the front before, evaluates it with simultaneous intervals."""

from __future__ import annotations

from copy import deepcopy
from functools import cache
from pathlib import Path

import pandas as pd
from torch import nn

from analysis.front_json import Front, FrontPoint, PointValues, Reference, SeedRow
from analysis.front_table import chosen_point
from analysis.report.seeds import spread
from search.engine.experiment import reopened
from search.errors import UserError
from search.front.judging import values_of
from search.front.notes import Hidden, hidden, named_in
from search.front.references import DENSE, compared_with
from search.front.view import View, view_of
from search.journal.events import ConfirmStart, Event, Experiment, Listener
from search.journal.journal import Journal
from search.journal.opening_ledger import record_opening
from search.problem.dense_net import decision_of
from search.problem.problem import Problem
from search.problem.references import rows_of
from search.problem.start_network import Build
from search.results.seeds import seed_rows
from search.runs.folder import RunFolder
from search.runs.intact import check_candidates
from search.runs.reference_models import StoredReferences, stored_references
from search.tracking import mirror
from trainables.corrections import decision_from_dict
from trainables.data import FairData
from trainables.evaluation.counts import Counts, ScoreCounts
from trainables.evaluation.intervals import simultaneous_level
from trainables.evaluation.report import DecisionDict
from trainables.references.fitting import counted as counted_of_model
from trainables.trial.candidate_store import CandidateStore
from trainables.trial.workbench import Workbench

LEVEL = 0.95  # of all intervals together


def confirm(
    path: Path | str,
    *,
    data: FairData | pd.DataFrame | None = None,
    model: nn.Module | Build | None = None,
    seeds: int = 0,
    address: str | None = None,
    trust_code: bool = False,
    listener: Listener | None = None,
) -> Front:
    """Evaluates the front of a run on the sealed test split and stores what it finds.

    With `seeds`, the chosen settings are first trained again with so many other seeds (on the Ray
    cluster at `address`, or on this machine); their candidates are named and evaluated along with
    the front, and `seeds` and `spread` of the front say how they fared.

    The front's `opening` says the how-manieth opening of these test rows it was, from 1. A second
    call returns what the first one stored; seeds that it adds have values on tune alone, since
    test is opened once. With nothing feasible nothing is opened.
    Raises UserError where the run is not complete or its test rows have changed, and, without
    `trust_code`, where it is somebody else's and names code.
    """
    folder = RunFolder(Path(path))
    stored = folder.confirmation()
    if stored is not None and len(stored.get("seeds", ())) >= seeds:
        return stored
    if folder.config().search.recording:
        raise UserError(f"confirm: {path} is a recording, which counted the test rows all along")
    front, facts = stored or folder.front(), folder.facts()
    chosen = chosen_point(front)
    if chosen is None:
        return front
    problem, dense = reopened(
        folder, folder.config(), data, model, "confirm", trust_code=trust_code
    )
    check_candidates(folder, named_in(front), "confirm")
    stored_models = stored_references(folder, "confirm")
    if seeds:
        rows = seed_rows(folder, problem, chosen, seeds, address=address, listener=listener)
        known = front.get("seeds", [])
        front = {**front, "seeds": [*known, *rows[len(known) :]]}
    if stored is not None:
        return folder.save_front(_with_spread(front), confirmed=True)
    opening = _announce(folder, front, chosen, facts, stored_models)
    evaluated = _evaluated(folder, problem, dense, front, stored_models)
    confirmed: Front = {**_with_spread(evaluated), "opening": opening}
    folder.save_front(confirmed, confirmed=True)
    _append(folder, {"event": "confirm", "opening": opening})
    if problem.config.tracking.enabled:
        mirror.sync(folder.path, problem.config.tracking.uri)
    return confirmed


def _announce(
    folder: RunFolder,
    front: Front,
    chosen: FrontPoint,
    facts: Experiment,
    stored: StoredReferences,
) -> int:
    """Writes down what will be looked at, then the opening itself, before anything is opened."""
    named: ConfirmStart = {
        "event": "confirm_start",
        "front": named_in(front),
        "chosen": chosen["candidate"],
        "seeds": [row["candidate"] for row in front.get("seeds", [])],
    }
    if stored.event is not None:
        named["references"] = stored.event["digest"]
    _append(folder, named)
    seconds = [point.get("beside") for point in front["points"]]
    looked_at = [named, [second and second["decision"] for second in seconds]]
    return record_opening(facts["hashes"]["test"], facts["run"], facts["name"], looked_at)


def _append(folder: RunFolder, event: Event) -> None:
    journal = Journal(folder.path)
    journal.append(event)
    journal.close()


def _with_spread(front: Front) -> Front:
    return {**front, "spread": spread(front["seeds"])} if "seeds" in front else front


def _evaluated(
    folder: RunFolder, problem: Problem, dense: nn.Module, front: Front, stored: StoredReferences
) -> Front:
    """The front with test values for every point, seed, the dense net and the reference lines."""
    view = view_of(folder.facts())
    decision = decision_of(problem.correction, folder.dense_event())
    bench = Workbench.open(problem.prepared, dense, problem.objective, given_decision=decision)
    rows = front.get("seeds", [])
    off_front = hidden(front)
    together = len(front["points"]) + len(rows) + 1 + len(front["references"])
    together += off_front is not None
    level = simultaneous_level(LEVEL, together)

    @cache
    def counted(store: CandidateStore, candidate: str) -> Counts | ScoreCounts:
        return bench.count(store.load(candidate, deepcopy(dense)).net, "test")

    def on_test(
        store: CandidateStore,
        point: FrontPoint | SeedRow | Hidden,
        by: DecisionDict | None = None,
    ) -> PointValues | None:
        """By the decision that it was stored with, or another one; None for a seed that left no
        candidate."""
        candidate, tune = point["candidate"], point["tune"]
        if candidate is None or tune is None:
            return None
        chosen = decision_from_dict(by or store.facts(candidate)["decision"])
        counts, sparsity = counted(store, candidate), tune["sparsity"]
        return values_of(counts, chosen, view, sparsity=sparsity, level=level)

    points: list[FrontPoint] = []
    for point in front["points"]:
        test = on_test(folder.candidates, point)
        kept = _kept_promise(point, test, view)
        points.append({**point, "test": test, "kept_promise": kept})
        if (second := point.get("beside")) is not None:
            by_second = on_test(folder.candidates, point, second["decision"])
            points[-1]["beside"] = {**second, "test": by_second}
    seeds: list[SeedRow] = []
    for row in rows:
        test = on_test(folder.seeds.candidates, row)
        seeds.append({**row, "test": test, "kept_promise": _kept_promise(row, test, view)})
    references = _references_on_test(folder, bench, view, front, stored, level)
    confirmed: Front = {
        **front,
        "dense": {**front["dense"], "test": references[0]["test"]},
        "references": references,
        "points": points,
    }
    if best := front.get("without_group"):
        by_name = {point["candidate"]: point["test"] for point in points}
        if off_front is not None:
            by_name[off_front["candidate"]] = on_test(folder.candidates, off_front)
        confirmed["without_group"] = {**best, "test": by_name.get(best["candidate"] or "")}
    if seeds:
        confirmed["seeds"] = seeds
    return confirmed


def _kept_promise(point: FrontPoint | SeedRow, test: PointValues | None, view: View) -> bool:
    """Whether a point keeps the tolerance on test.

    What is not feasible on tune promised nothing that could be kept.
    """
    if test is None or test["bias"] is None:
        return False
    return bool(test["bias"] < view.objective.tolerance and point["feasible"])


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

"""Opens the test split for a whole table at once, after all of its training has ended."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from search.errors import UserError
from search.front.view import view_of
from search.journal.ledger import record_opening
from search.problem.problem import Problem, open_problem
from search.reproduce.choose import Chosen, chosen_trials
from search.reproduce.plan import Kind, Plan
from search.reproduce.runner import is_complete
from search.reproduce.table_state import TableState
from search.reproduce.tables import Column
from search.results.confirm import candidate_on_test, dense_on_test
from search.runs.folder import RunFolder
from trainables.trial.workbench import Workbench

COLUMNS_OF: tuple[Kind, ...] = ("published", "tuned")
_KEPT = ("performance", "bias", "sparsity", "measures", "prediction_shares")

Entry = dict[str, Any]  # of one row, one kind of settings and one seed
Entries = dict[str, dict[str, list[Entry]]]  # kind -> row -> entries by seed


@dataclass(frozen=True)
class _Run:
    """A search that has ended, and what stands for each of its methods."""

    kind: Kind
    seed: int
    folder: RunFolder
    chosen: list[Chosen]


def evaluated(plan: Plan, kinds: tuple[Kind, ...], state: TableState) -> dict[str, dict[str, Any]]:
    """Column -> its openings (the how-manieth of these test rows), objective, the performance of a
    constant prediction, and entries.

    Everything that will be looked at is written down before test is opened (`state.announce`).
    Raises UserError where a search has not ended, found nothing, or its data have changed.
    """
    runs = {column.name: list(_runs(plan, column, kinds)) for column in plan.table.columns}
    for name, of_column in runs.items():
        if not of_column:
            raise UserError(f"reproduce: the search that tunes {name} has found no network")
    state.announce(
        {
            name: [
                {"kind": run.kind, "seed": run.seed, "chosen": [asdict(one) for one in run.chosen]}
                for run in of_column
            ]
            for name, of_column in runs.items()
        }
    )
    return {
        column.name: _column(plan, column, runs[column.name], state)
        for column in plan.table.columns
    }


def _runs(plan: Plan, column: Column, kinds: tuple[Kind, ...]) -> Iterator[_Run]:
    for kind in COLUMNS_OF:
        for seed in plan.seeds if kind in kinds else ():
            folder = plan.folder(kind, column, seed)
            if kind == "tuned" and not folder.exists():
                continue  # no method had better settings than the published ones
            if not is_complete(folder):
                raise UserError(f"reproduce: {folder} has not ended; the same command goes on")
            run = RunFolder(folder)
            yield _Run(kind, seed, run, chosen_trials(run))


def _column(plan: Plan, column: Column, runs: list[_Run], state: TableState) -> dict[str, Any]:
    problem = open_problem(runs[0].folder.config())
    facts = runs[0].folder.facts()
    for run in runs:
        if run.folder.facts()["hashes"] != problem.prepared.hashes:
            raise UserError(f"reproduce: the data of {run.folder.path} have changed since it ran")
    names = _openings(state, column)
    counted = [record_opening(facts["hashes"]["test"], one, plan.table.name) for one in names]
    entries: Entries = {}
    for run in runs:
        _add(plan, run, problem, entries)
    return {
        "openings": counted,
        "data": facts["data"],
        "groups": facts["group_names"],
        "objective": facts["objective"],
        "trivial": facts["reference"][0],
        "rows_of_splits": facts["rows"],
        "entries": entries,
    }


def _openings(state: TableState, column: Column) -> list[str]:
    """A name in the ledger for each time that networks of the column were first looked at."""
    return [
        state.id if number == 1 else f"{state.id}-{number}"
        for number, opening in enumerate(state.openings, start=1)
        if column.name in opening["looked_at"]
    ]


def _add(plan: Plan, run: _Run, problem: Problem, entries: Entries) -> None:
    """The values of one run's networks on test."""
    view = view_of(run.folder.facts())
    dense = run.folder.dense(problem.untrained())
    bench = Workbench.open(problem.prepared, dense, problem.objective, device="cpu")
    by_method = {one.method: one for one in run.chosen}
    of_dense = dense_on_test(run.folder, bench, view)
    needs_group = {one["label"]: one["needs_group"] for one in run.folder.front()["references"]}
    tolerance = view.objective.tolerance
    for row in plan.table.rows:
        into = entries.setdefault((row.reference and "published") or run.kind, {})
        of_row = into.setdefault(row.name, [])
        if row.reference is not None:
            if row.reference in of_dense and run.seed not in {one["seed"] for one in of_row}:
                entry = _of_test(of_dense[row.reference], tolerance)
                of_row.append(
                    {
                        **{"seed": run.seed, "learns_from": "nothing", "settings": {}},
                        "needs_group": needs_group[row.reference],
                        **entry,
                    }
                )
        elif row.method in by_method:
            chosen = by_method[row.method]
            of_row.append({"seed": run.seed, **_of_chosen(chosen, run, bench, view, tolerance)})


def _of_chosen(
    chosen: Chosen, run: _Run, bench: Workbench, view: Any, tolerance: float
) -> Mapping[str, Any]:
    facts = {key: value for key, value in asdict(chosen).items() if key != "method"}
    if chosen.candidate is None or chosen.sparsity is None:
        return {**facts, "test": None, "kept": False}
    store = run.folder.candidates
    test = candidate_on_test(store, chosen.candidate, bench, view, chosen.sparsity)
    return {**facts, **_of_test(test, tolerance)}


def _of_test(test: Mapping[str, Any], tolerance: float) -> dict[str, Any]:
    kept = test["bias"] is not None and test["bias"] < tolerance
    return {"test": {key: test[key] for key in _KEPT}, "kept": kept}

"""Opens the test split for a whole table at once, after all of its training has ended."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass

from analysis.front_json import PointValues
from search.errors import UserError
from search.front.view import View, view_of
from search.journal.opening_ledger import record_opening
from search.problem.dense_net import decision_of
from search.problem.problem import Problem, open_problem
from search.reproduce.choose import ChosenNetwork, chosen_networks
from search.reproduce.plan import Plan
from search.reproduce.results import EvaluatedColumn
from search.reproduce.results_json import (
    SETTINGS_KINDS,
    ColumnFacts,
    Entries,
    SeedEntry,
    SettingsKind,
    ValuesOnTest,
)
from search.reproduce.runner import is_complete
from search.reproduce.table_state import TableState
from search.reproduce.tables import TableColumn
from search.results.confirm import candidate_on_test, dense_on_test
from search.runs.folder import RunFolder
from trainables.trial.workbench import Workbench


def evaluated(
    plan: Plan, kinds: tuple[SettingsKind, ...], state: TableState
) -> dict[str, EvaluatedColumn]:
    """All columns by name.

    Everything that will be looked at is written down before test is opened (`state.announce`).
    Raises UserError where a search has not ended, found nothing, or its data have changed.
    """
    searches = {
        column.name: list(_ended_searches(plan, column, kinds)) for column in plan.table.columns
    }
    for name, of_column in searches.items():
        if not of_column:
            raise UserError(f"reproduce: the search that tunes {name} has found no network")
    state.announce(
        {
            name: [
                {
                    "kind": search.kind,
                    "seed": search.seed,
                    "chosen": [asdict(network) for network in search.networks],
                }
                for search in of_column
            ]
            for name, of_column in searches.items()
        }
    )
    return {
        column.name: _column(plan, column, searches[column.name], state)
        for column in plan.table.columns
    }


@dataclass(frozen=True)
class _EndedSearch:
    """A search that has ended, and what stands for each of its methods."""

    kind: SettingsKind
    seed: int
    folder: RunFolder
    networks: list[ChosenNetwork]


def _ended_searches(
    plan: Plan, column: TableColumn, kinds: tuple[SettingsKind, ...]
) -> Iterator[_EndedSearch]:
    for kind in SETTINGS_KINDS:
        for seed in plan.seeds if kind in kinds else ():
            path = plan.folder(kind, column, seed)
            if kind == "tuned" and not path.exists():
                continue  # no method had better settings than the published ones
            if not is_complete(path):
                raise UserError(f"reproduce: {path} has not ended; the same command goes on")
            folder = RunFolder(path)
            yield _EndedSearch(kind, seed, folder, chosen_networks(folder))


def _column(
    plan: Plan, column: TableColumn, searches: Sequence[_EndedSearch], state: TableState
) -> EvaluatedColumn:
    first = searches[0].folder
    problem, facts = open_problem(first.config()), first.facts()
    for search in searches:
        if search.folder.facts()["hashes"] != problem.prepared.hashes:
            raise UserError(
                f"reproduce: the data of {search.folder.path} have changed since it ran"
            )
    test_rows = facts["hashes"]["test"]
    openings = [
        record_opening(test_rows, opening, plan.table.name) for opening in _openings(state, column)
    ]
    entries: Entries = {}
    for search in searches:
        _add(plan, search, problem, entries)
    about: ColumnFacts = {
        "openings": openings,
        "data": facts["data"],
        "groups": facts["group_names"],
        "objective": facts["objective"],
        "trivial": facts["reference"][0],
        "rows_of_splits": facts["rows"],
    }
    return EvaluatedColumn(about, entries)


def _openings(state: TableState, column: TableColumn) -> list[str]:
    """A name in the ledger for each time that networks of the column were first looked at."""
    return [
        state.id if number == 1 else f"{state.id}-{number}"
        for number, opening in enumerate(state.openings, start=1)
        if column.name in opening["looked_at"]
    ]


def _add(plan: Plan, search: _EndedSearch, problem: Problem, entries: Entries) -> None:
    """Adds what one search's networks are worth on test."""
    on_test = _OnTest(search, problem)
    networks = {network.method: network for network in search.networks}
    for row in plan.table.rows:
        # References are the same with all settings: they stand at the published ones.
        of_kind = entries.setdefault("published" if row.reference else search.kind, {})
        of_row = of_kind.setdefault(row.name, [])
        if row.reference is not None:
            known = {entry["seed"] for entry in of_row}
            if row.reference in on_test.references and search.seed not in known:
                of_row.append(on_test.reference(row.reference))
        elif row.method in networks:
            of_row.append(on_test.network(networks[row.method]))


class _OnTest:
    """One search's dense net and networks on test."""

    def __init__(self, search: _EndedSearch, problem: Problem) -> None:
        self._search = search
        self._view: View = view_of(search.folder.facts())
        dense = search.folder.dense(problem.untrained())
        self._bench = Workbench.open(
            problem.prepared,
            dense,
            problem.objective,
            device="cpu",
            given_decision=decision_of(problem.correction, search.folder.dense_event()),
        )
        self.references = dense_on_test(search.folder, self._bench, self._view)
        references = search.folder.front()["references"]
        self._needs_group = {line["label"]: line["needs_group"] for line in references}

    def reference(self, label: str) -> SeedEntry:
        """What stands for a reference line."""
        test = self.references[label]
        return {
            "seed": self._search.seed,
            "learns_from": "nothing",
            "settings": {},
            "needs_group": self._needs_group[label],
            "test": _values(test),
            "kept": self._kept(test),
        }

    def network(self, chosen: ChosenNetwork) -> SeedEntry:
        """What stands for a method."""
        test: PointValues | None = None
        if chosen.candidate is not None and chosen.sparsity is not None:
            store = self._search.folder.candidates
            test = candidate_on_test(
                store, chosen.candidate, self._bench, self._view, chosen.sparsity
            )
        return {
            "seed": self._search.seed,
            "settings": chosen.settings,
            "learns_from": chosen.learns_from,
            "needs_group": chosen.needs_group,
            "candidate": chosen.candidate,
            "epoch": chosen.epoch,
            "sparsity": chosen.sparsity,
            "tune": chosen.tune,
            "seconds": chosen.seconds,
            "failure": chosen.failure,
            "test": None if test is None else _values(test),
            "kept": test is not None and self._kept(test),
        }

    def _kept(self, test: PointValues) -> bool:
        return test["bias"] is not None and test["bias"] < self._view.objective.tolerance


def _values(test: PointValues) -> ValuesOnTest:
    return {
        "performance": test["performance"],
        "bias": test["bias"],
        "sparsity": test["sparsity"],
        "measures": test["measures"],
        "prediction_shares": test["prediction_shares"],
    }

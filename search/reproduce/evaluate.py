"""Opens the test split for a whole table at once, after all of its training has ended."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace

from analysis.notation import FULLER
from search.errors import UserError
from search.journal.opening_ledger import record_opening
from search.problem.problem import Problem, open_problem
from search.reproduce.certified import Shown, certify
from search.reproduce.choose import ChosenNetwork, chosen_networks
from search.reproduce.on_test import DENSE, OTHER_DENSE, Judged, OnTest
from search.reproduce.plan import Plan
from search.reproduce.results import EvaluatedColumn, spread
from search.reproduce.results_json import (
    SETTINGS_KINDS,
    ColumnFacts,
    Entries,
    Opening,
    SettingsKind,
)
from search.reproduce.runner import is_complete
from search.reproduce.table_state import ChosenRun, TableState
from search.reproduce.tables import BY_GROUP, TableColumn
from search.runs.folder import RunFolder
from search.runs.trust import trusted_config


def evaluated(
    plan: Plan, kinds: tuple[SettingsKind, ...], state: TableState
) -> dict[str, EvaluatedColumn]:
    """All columns by name.

    Everything that will be looked at is written down before test is opened (`state.announce`).
    Raises UserError where a search has not ended, found nothing, or its data have changed.
    """
    searches = {column.name: list(_ended_searches(plan, column, kinds)) for column in plan.columns}
    for name, of_column in searches.items():
        if not of_column:
            raise UserError(f"reproduce: the search that tunes {name} has found no network")
    state.announce({name: _announced(of_column) for name, of_column in searches.items()})
    return {
        column.name: _column(plan, column, searches[column.name], state) for column in plan.columns
    }


@dataclass(frozen=True)
class _EndedSearch:
    """A search that has ended, and the networks of it that stand in a column."""

    kind: SettingsKind
    seed: int
    folder: RunFolder
    networks: list[ChosenNetwork]


def _announced(searches: Sequence[_EndedSearch]) -> list[ChosenRun]:
    """What will be looked at in a column, by kind of settings and seed."""
    runs: dict[tuple[SettingsKind, int], list[ChosenNetwork]] = {}
    for search in searches:
        runs.setdefault((search.kind, search.seed), []).extend(search.networks)
    return [
        {"kind": kind, "seed": seed, "chosen": [asdict(network) for network in networks]}
        for (kind, seed), networks in runs.items()
    ]


def _ended_searches(
    plan: Plan, column: TableColumn, kinds: tuple[SettingsKind, ...]
) -> Iterator[_EndedSearch]:
    """The searches of the column whose networks this one has too, then its own."""
    trained = plan.trained(column)
    for source in plan.sources(column):
        own = source is column
        shown = own or not column.only_own
        rows = [row for name, row in plan.rows.items() if shown and (name in trained) == own]
        for kind in SETTINGS_KINDS:
            for seed in plan.seeds if kind in kinds else ():
                path = plan.folder(kind, source, seed)
                if kind == "tuned" and not path.exists():
                    continue  # no row had better settings than the published ones
                if not is_complete(path):
                    raise UserError(f"reproduce: {path} has not ended; the same command goes on")
                folder = RunFolder(path)
                yield _EndedSearch(kind, seed, folder, chosen_networks(folder, rows))


def _column(
    plan: Plan, column: TableColumn, searches: Sequence[_EndedSearch], state: TableState
) -> EvaluatedColumn:
    first = searches[0].folder
    facts = first.facts()
    own = plan.experiment(column) if column.networks_of else None
    problem = open_problem(own or trusted_config(first, "reproduce"))
    openings = [
        (
            record_opening(
                facts["hashes"]["test"], name, plan.table.name, state.named(opening, column)
            ),
            opening,
        )
        for name, opening in _openings(state, column)
    ]
    judged = Judged(problem, column.task, importance=plan.table.picture == "layers")
    entries: Entries = {}
    trivial = facts["reference"][0]
    two_seeds = any(row.reference == OTHER_DENSE for row in plan.table.rows)
    by_groups = bool(plan.table.quantities)
    shown: list[Shown] = []
    dense: dict[int, OnTest] = {}  # seed -> where its dense net is judged
    said: dict[int, list[str]] = {}  # seed -> notes; of the column's own search, where it has one
    for search in searches:
        other = _of_another_seed(search, searches) if two_seeds else None
        of_run = _problem_of(search)
        said[search.seed] = of_run.pruning_notes()
        on_test = OnTest(
            search.seed, search.folder, of_run, judged, by_group=by_groups, other=other
        )
        shown += _add(plan, search, on_test, entries)
        dense.setdefault(search.seed, on_test)
        if column.networks_of:  # the run had another grouping, maybe another task
            trivial = on_test.references[DENSE].values.get("trivial_performance") or trivial
    about: ColumnFacts = {
        "openings": [number for number, _ in openings],
        "data": facts["data"],
        "groups": list(problem.prepared.group_names),
        "objective": {
            "performance": problem.objective.performance,
            "bias": problem.objective.bias,
            "tolerance": problem.objective.tolerance,
            "margin": problem.objective.margin,
        },
        "trivial": trivial,
        "rows_of_splits": facts["rows"],
    }
    if pruning_notes := _by_seeds(said):
        about["pruning_notes"] = pruning_notes
    if column.networks_of is not None:
        about["networks_of"] = column.networks_of
    if (beside := problem.config.correction.beside) is not None:
        about["beside"] = beside
    if plan.table.quantities:
        about["quantities"] = quantities(plan.table.quantities, about["groups"])
    else:
        counts = next(iter(dense.values())).references[DENSE].counts
        about["claims"] = certify(shown, problem, openings, column.name, counts)
        best = spread([on_test.oracle for on_test in dense.values()])
        if best is not None:
            about["oracle"] = best
        if (fuller := FULLER.get(problem.objective.bias)) is not None:
            about["fuller"] = fuller
    return EvaluatedColumn(about, entries)


def quantities(declared: Sequence[str], groups: Sequence[str]) -> list[str]:
    """What a table declares, with a name of its own for each group: by_group.accuracy.White."""
    return [
        name
        for quantity in declared
        for name in (
            [f"{quantity}.{group}" for group in groups]
            if quantity.startswith(BY_GROUP)
            else [quantity]
        )
    ]


def _openings(state: TableState, column: TableColumn) -> list[tuple[str, Opening]]:
    """Each time that networks of the column were first looked at, and its name in the ledger."""
    return [
        (state.id if number == 1 else f"{state.id}-{number}", opening)
        for number, opening in enumerate(state.openings, start=1)
        if column.name in opening["looked_at"]
    ]


def _problem_of(search: _EndedSearch) -> Problem:
    """With the groups that it pruned by. Raises UserError where the data have changed since."""
    problem = open_problem(trusted_config(search.folder, "reproduce"))
    facts = search.folder.facts()
    if facts["hashes"] != problem.prepared.hashes:
        raise UserError(f"reproduce: the data of {search.folder.path} have changed since it ran")
    return replace(problem, pruning=search.folder.pruning_groups(facts))


def _by_seeds(said: Mapping[int, Sequence[str]]) -> list[str]:
    """Each note once; where not all seeds have it, with the seeds that do."""
    seeds_of: dict[str, list[int]] = {}
    for seed, notes in said.items():
        for note in notes:
            seeds_of.setdefault(note, []).append(seed)
    return [
        note if len(seeds) == len(said) else f"seed {', '.join(map(str, seeds))}: {note}"
        for note, seeds in seeds_of.items()
    ]


def _of_another_seed(search: _EndedSearch, searches: Sequence[_EndedSearch]) -> RunFolder | None:
    """The run of the next seed, of the first one after the last; None where there is one seed."""
    seeds = sorted({other.seed for other in searches})
    following = seeds[(seeds.index(search.seed) + 1) % len(seeds)]
    if following == search.seed:
        return None
    return next(other.folder for other in searches if other.seed == following)


def _add(plan: Plan, search: _EndedSearch, on_test: OnTest, entries: Entries) -> Iterator[Shown]:
    """Adds what one search's networks are worth on test; what it adds, with the counts."""
    networks: Mapping[str, list[ChosenNetwork]] = {
        row.name: [network for network in search.networks if network.row == row.name]
        for row in plan.table.rows
    }
    for row in plan.table.rows:
        # References are the same with all settings: they stand at the published ones.
        of_kind = entries.setdefault("published" if row.reference else search.kind, {})
        of_row = of_kind.setdefault(row.name, [])
        if row.reference is not None:
            known = {entry["seed"] for entry in of_row}
            if row.reference in on_test.references and search.seed not in known:
                entry, counts = on_test.reference(row.reference)
                of_row.append(entry)
                yield Shown(search.kind, search.seed, entry, counts)
        for network in networks[row.name]:
            entry, of_network = on_test.network(network)
            of_row.append(entry)
            yield Shown(search.kind, search.seed, entry, of_network)

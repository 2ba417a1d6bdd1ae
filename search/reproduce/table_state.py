"""`table.json`: what a table's folder was begun with, its time, and when its test was opened."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, NotRequired, TypedDict

from pydantic import ValidationError

from search.config.config import Config
from search.errors import UserError
from search.journal.journal import LOCK
from search.reproduce.plan import Options, Plan
from search.reproduce.results_json import Opening, SettingsKind
from search.reproduce.tables import Table, TableColumn
from search.runs.folder import write_json
from search.units import dotted

FILE = "table.json"
VERSION = 2  # of the definition
UNCHECKED = (
    "Begun before this command kept the definition of its tables: that all of it was run by the "
    "present one is not checked."
)
_OF_THE_MACHINE = {"folder", "resources", "tracking"}  # sections that change no figure


class TableFacts(TypedDict):
    """The file."""

    id: str  # 32 hex digits, for the ledger
    begun: float  # Unix seconds
    seconds: float  # of all searches so far
    asked: dict[str, Any]  # `table`, and the fields of Options
    # Missing in files of the first version, until they are opened again:
    notes: NotRequired[list[str]]
    openings: NotRequired[list[Opening]]  # oldest first
    definition: NotRequired[dict[str, Any]]  # see the function of that name


class ChosenRun(TypedDict):
    """What stands for each row in one column with one seed, as chosen.json names it."""

    kind: SettingsKind
    seed: int
    chosen: list[dict[str, Any]]  # `ChosenNetwork`, each as a dict


class TableState:
    """The file, read once and written whenever something of it changes."""

    def __init__(self, path: Path, facts: TableFacts) -> None:
        self._path, self._facts = path, facts

    @classmethod
    def open(cls, plan: Plan) -> TableState:
        """Begins a folder or goes on with it.

        Raises UserError where it was begun with other options or by another definition; more
        seeds may be asked for, all else would mix what is not comparable.
        """
        path = plan.out / FILE
        options = _as_json({"table": plan.table.name, **asdict(plan.options)})
        defined = definition(plan)
        if path.exists():
            facts = _stored(path)
            before = {"columns": [], **facts["asked"]}  # older ones could not be chosen
            allowed = {**before, "seeds": max(before["seeds"], options["seeds"])}
            _refuse_other(plan.out, allowed, options)
            stored = _of_this_version(facts.get("definition", defined))
            _refuse_other(plan.out, dotted(stored), dotted(defined))
            facts = {**facts, "asked": options, "definition": defined}
        else:
            facts = _new(plan, options, defined)
        state = cls(path, facts)
        state.save(facts["seconds"])
        return state

    @property
    def id(self) -> str:
        return self._facts["id"]

    @property
    def seconds(self) -> float:
        return float(self._facts["seconds"])

    @property
    def notes(self) -> list[str]:
        return list(self._facts["notes"])

    @property
    def openings(self) -> list[Opening]:
        """Oldest first."""
        return list(self._facts["openings"])

    def save(self, seconds: float) -> None:
        self._facts["seconds"] = round(seconds, 1)
        write_json(self._path, self._facts)

    def announce(self, chosen: Mapping[str, list[ChosenRun]]) -> None:
        """Writes down what will be looked at, by column, before test is opened.

        What an earlier file names already is no new opening. Each file stays as it is.
        """
        out, openings = self._path.parent, self._facts["openings"]
        rows = {method: row for row, method in self._facts["definition"]["rows"].items()}
        known: dict[tuple[str, SettingsKind, int], Any] = {}  # networks
        for opening in openings:
            known |= dict(_networks(_read(out / opening["file"]), rows))
        new: dict[str, dict[str, list[int]]] = {}
        for (column, kind, seed), networks in _networks(_as_json(chosen), rows):
            if known.get((column, kind, seed)) != networks:
                new.setdefault(column, {}).setdefault(kind, []).append(seed)
        if not new:
            return
        file = f"chosen-{len(openings) + 1}.json" if openings else "chosen.json"
        write_json(out / file, chosen)
        openings.append({"time": time.time(), "file": file, "looked_at": new})
        self.save(self.seconds)

    def named(self, opening: Opening, column: TableColumn) -> object:
        """What was written down of a column before an opening: the networks, as JSON."""
        return _read(self._path.parent / opening["file"]).get(column.name)


def definition(plan: Plan) -> dict[str, Any]:
    """What decides a table's figures besides its options: rows, and each column's experiment and
    published settings written out. Words, and what depends on the machine, are left out."""
    columns: dict[str, dict[str, Any]] = {}
    for column in plan.columns:
        columns[column.name] = {
            "experiment": _experiment(plan.experiment(column)),
            "published": plan.published(column),
        }
        if column.networks_of is not None:
            columns[column.name]["networks_of"] = column.networks_of
        if column.task is not None:
            columns[column.name]["task"] = column.task
    rows = {row.name: row.method or row.reference for row in plan.table.rows}
    networks = {row.name: row.network for row in plan.table.rows if row.network != "best"}
    tuned = [row.name for row in plan.table.tuned_rows]
    corrections = {row.name: dict(row.correction) for row in plan.table.rows if row.correction}
    defined: dict[str, Any] = _as_json(
        {
            **{"version": VERSION, "rows": rows, "networks": networks},
            **{"tuned": tuned, "columns": columns},
            **({"corrections": corrections} if corrections else {}),
        }
    )
    return defined


def _experiment(config: Config) -> dict[str, Any]:
    values = config.model_dump(mode="json", exclude_none=True)
    kept = {name: part for name, part in values.items() if name not in _OF_THE_MACHINE}
    kept["search"] = {k: v for k, v in kept["search"].items() if k != "concurrent"}
    return kept


def _of_this_version(stored: dict[str, Any]) -> dict[str, Any]:
    """A definition as this version would have written it.

    The first version kept settings by method, of which each row had another. What an experiment
    could not say then has its default.
    """
    defined = {
        **stored,
        "columns": {
            name: {**column, "experiment": _with_defaults(column["experiment"])}
            for name, column in stored["columns"].items()
        },
    }
    if stored.get("version") == VERSION:
        return defined
    rows = stored["rows"]
    columns = {
        name: {
            **column,
            "published": {
                row: column["published"][method]
                for row, method in rows.items()
                if method in column["published"]
            },
        }
        for name, column in defined["columns"].items()
    }
    tuned = [row for row, method in rows.items() if method in stored["tuned"]]
    return {
        **defined,
        **{"version": VERSION, "networks": {}, "tuned": tuned, "columns": columns},
    }


def _with_defaults(experiment: dict[str, Any]) -> dict[str, Any]:
    """A stored experiment with what it does not say; as it is, where it fits no more."""
    try:
        return dict(_as_json(_experiment(Config.model_validate(experiment))))
    except ValidationError:
        return experiment


def refuse_foreign(out: Path) -> None:
    """Raises UserError where `out` holds something else than a table."""
    if (out / FILE).exists() or not out.exists():
        return
    if any(path.name != LOCK for path in out.iterdir()):
        raise UserError(f"--out: must be a new folder or one of this command, got {out}")


def stored_options(out: Path, table: Table) -> Options | None:
    """What `out` was begun with, or None where it was not begun.

    Raises UserError where it holds another table.
    """
    path = out / FILE
    if not path.exists():
        return None
    asked = _read(path)["asked"]
    if asked.pop("table") != table.name:
        raise UserError(f"--out: {out} holds another table than {table.name}")
    rows, columns, changes = (tuple(asked.get(key, ())) for key in ("rows", "columns", "changes"))
    return replace(Options(**asked), rows=rows, columns=columns, changes=changes)


def _new(plan: Plan, options: dict[str, Any], defined: dict[str, Any]) -> TableFacts:
    begun = time.time()
    unique = f"{plan.table.name}{plan.out.resolve()}{begun}"
    return {
        "id": hashlib.sha256(unique.encode()).hexdigest()[:32],
        "begun": begun,
        "seconds": 0.0,
        "notes": [],
        "openings": [],
        "asked": options,
        "definition": defined,
    }


def _stored(path: Path) -> TableFacts:
    """The file's facts. Where it was begun before definitions and openings were kept, with a note
    and with the opening that its chosen.json tells of."""
    facts: TableFacts = _read(path)
    if "definition" in facts:
        return facts
    openings: list[Opening] = []
    first = path.parent / "chosen.json"
    if first.exists():
        looked_at: dict[str, dict[str, list[int]]] = {}
        for (column, kind, seed), _ in _networks(_read(first), {}):
            looked_at.setdefault(column, {}).setdefault(kind, []).append(seed)
        openings.append({"time": None, "file": first.name, "looked_at": looked_at})
    return {**facts, "notes": [UNCHECKED], "openings": openings}


def _networks(
    chosen: Mapping[str, list[ChosenRun]], rows: Mapping[str, str]
) -> Iterator[tuple[tuple[str, SettingsKind, int], Any]]:
    """(column, kind, seed) and each row's networks there, by their names and values on tune.

    `rows` by method, for files of the first version, which did not name them.
    """
    for column, runs in chosen.items():
        for run in runs:
            networks = {
                (
                    network.get("row", rows.get(network["method"], network["method"])),
                    network.get("round"),
                ): (network["candidate"], network["tune"])
                for network in run["chosen"]
            }
            yield (column, run["kind"], run["seed"]), networks


def _refuse_other(out: Path, old: Mapping[str, Any], new: Mapping[str, Any]) -> None:
    for key in dict.fromkeys((*old, *new)):
        before, now = old.get(key), new.get(key)
        if before != now:
            raise UserError(
                f"--out: {out} was begun with {key} = {before}, got {now}; another --out starts a "
                f"new table"
            )


def _as_json(values: Any) -> Any:
    """As it comes back from a file."""
    return json.loads(json.dumps(values))


def _read(path: Path) -> Any:
    return json.loads(path.read_text("utf-8"))

"""A table from its first search to its files; called again it goes on where it was."""

from __future__ import annotations

import hashlib
import json
import platform
import shlex
import time
from collections.abc import Callable
from dataclasses import asdict, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

from search.errors import UserError
from search.journal import Event
from search.reproduce.evaluate import evaluated
from search.reproduce.paper import paper_table
from search.reproduce.plan import TUNING_SEED, Kind, Options, Plan
from search.reproduce.results import Tuning, table_rows
from search.reproduce.runner import searches, train
from search.reproduce.tables import Table
from search.reproduce.write import write_table
from search.run_folder import write_json

KINDS: dict[str, tuple[Kind, ...]] = {"published": ("published",), "tuned": ("tuned",)}
BOTH: tuple[Kind, ...] = ("published", "tuned")
_PACKAGES = ("fairfront", "torch", "ray", "optuna", "numpy")


def reproduce(
    table: Table,
    options: Options,
    out: Path,
    *,
    only: str | None = None,
    tell: Callable[[Event], None] = lambda event: None,
) -> dict[str, Any]:
    """Runs what is missing of `table`, evaluates it on test and writes its files to `out`.

    Returns what results.json holds. Raises UserError where `out` was begun with other options:
    more seeds may be asked for, all else would mix what is not comparable.
    """
    kinds = BOTH if only is None else KINDS[only]
    plan = Plan(table.with_rows(options.rows), options, out)
    for column in plan.table.columns:
        plan.experiment(column)  # all of it is checked before anything is written
    state = _State.open(out, table.name, options)
    tell({"event": "table", "name": table.name, "searches": searches(plan, kinds)})
    begin, before = time.monotonic(), state.seconds

    def timed(event: Event) -> None:
        if event["event"] in ("step_end", "dense_end"):
            state.save(before + time.monotonic() - begin)
        tell(event)

    train(plan, kinds, timed)
    tell({"event": "evaluation"})
    columns = evaluated(plan, kinds, state.id)
    paper = None if table.paper is None else paper_table(table.paper)
    tuning = {
        column.name: Tuning(
            frozenset(plan.searchable(column)),
            frozenset(plan.tunable(column) if "tuned" in kinds else ()),
        )
        for column in plan.table.columns
    }
    results = {
        **{"table": table.name, "title": table.title},
        "command": _command(table, options, only),
        **{"quick": options.quick, "only": only, "changes": list(options.changes)},
        **{"seeds": list(plan.seeds), "trials": options.trials, "tuning_seed": TUNING_SEED},
        "seconds": state.seconds,
        "versions": {name: version(name) for name in _PACKAGES},
        "machine": f"{platform.machine()}, Python {platform.python_version()}",
        "caption": None if paper is None else paper.caption,
        "notes": [*table.notes, *(() if paper is None else paper.notes)],
        "columns": {
            name: {key: value for key, value in column.items() if key != "entries"}
            for name, column in columns.items()
        },
        "rows": table_rows(plan.table, paper, columns, tuning),
    }
    write_table(results, out)
    return results


def _command(table: Table, options: Options, only: str | None) -> str:
    """The command that makes this table, wherever its folder lies."""
    words = ["fairfront", "reproduce", table.name]
    if options.quick:
        words.append("--quick")
    usual = Options.of(table, quick=options.quick)
    for option, value, default in (
        ("--only", only, None),
        ("--seeds", options.seeds, usual.seeds),
        ("--trials", options.trials, usual.trials),
        ("--rows", ",".join(options.rows), ""),
    ):
        if value != default:
            words += [option, str(value)]
    for change in options.changes[len(usual.changes) :]:
        words += ["--set", change]
    return shlex.join(words)


class _State:
    """`table.json`: what the folder was begun with, and how long its searches took in all."""

    def __init__(self, path: Path, facts: dict[str, Any]) -> None:
        self._path, self._facts = path, facts

    @classmethod
    def open(cls, out: Path, name: str, options: Options) -> _State:
        path = out / "table.json"
        asked = json.loads(json.dumps({"table": name, **asdict(options)}))
        if not path.exists():
            if out.exists() and any(out.iterdir()):
                raise UserError(f"--out: must be a new folder or one of this command, got {out}")
            out.mkdir(parents=True, exist_ok=True)
            begun = time.time()
            identity = hashlib.sha256(f"{name}{out.resolve()}{begun}".encode()).hexdigest()[:32]
            state = cls(path, {"id": identity, "begun": begun, "seconds": 0.0, "asked": asked})
            state.save(0.0)
            return state
        facts = json.loads(path.read_text("utf-8"))
        for key, value in asked.items():
            old = facts["asked"][key]
            if old != value and not (key == "seeds" and value > old):
                raise UserError(
                    f"--out: {out} was begun with {key} = {old}, got {value}; another --out "
                    f"starts a new table"
                )
        state = cls(path, {**facts, "asked": asked})
        state.save(facts["seconds"])
        return state

    @property
    def id(self) -> str:
        return str(self._facts["id"])

    @property
    def seconds(self) -> float:
        return float(self._facts["seconds"])

    def save(self, seconds: float) -> None:
        self._facts["seconds"] = round(seconds, 1)
        write_json(self._path, self._facts)


def stored_options(out: Path, table: Table) -> Options | None:
    """What `out` was begun with, or None where it was not begun.

    Raises UserError where it holds another table.
    """
    path = out / "table.json"
    if not path.exists():
        return None
    asked = json.loads(path.read_text("utf-8"))["asked"]
    if asked.pop("table") != table.name:
        raise UserError(f"--out: {out} holds another table than {table.name}")
    return replace(Options(**asked), rows=tuple(asked["rows"]), changes=tuple(asked["changes"]))

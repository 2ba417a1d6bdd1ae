"""A table from its first search to its files; called again it goes on where it was."""

from __future__ import annotations

import platform
import re
import shlex
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any

from analysis.events import Event
from search.errors import UserError
from search.journal.journal import WriteLock
from search.reproduce.evaluate import evaluated
from search.reproduce.figure import figure_png
from search.reproduce.pages import markdown, page
from search.reproduce.paper import paper_table
from search.reproduce.plan import TUNING_SEED, Kind, Options, Plan, departures
from search.reproduce.results import Tuning, table_rows
from search.reproduce.runner import searches, train
from search.reproduce.table_state import TableState, refuse_foreign
from search.reproduce.tables import Table
from search.runs.folder import write_json


def write_table(results: Mapping[str, Any], out: Path) -> None:
    """Writes all of it; one figure for each column."""
    write_json(out / "results.json", results)
    figures = {}
    for column in results["columns"]:
        name = "figure-" + re.sub(r"[^A-Za-z0-9]+", "", column) + ".png"
        picture = figure_png(results, column)
        (out / name).write_bytes(picture)
        figures[column] = (name, picture)
    named = {column: name for column, (name, _) in figures.items()}
    (out / "table.md").write_text(markdown(results, named), encoding="utf-8")
    pictures = {column: picture for column, (_, picture) in figures.items()}
    (out / "table.html").write_text(page(results, pictures), encoding="utf-8")


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

    Returns what results.json holds. Raises UserError where `out` was begun with other options or
    by another definition (see TableState), and where another process writes it.
    """
    kinds = BOTH if only is None else KINDS[only]
    plan = Plan(table.with_rows(options.rows), options, out)
    _check(plan, kinds)
    refuse_foreign(out)
    with _written(out):
        state = TableState.open(plan)
        _trained(plan, kinds, state, tell)
        tell({"event": "evaluation"})
        columns = evaluated(plan, kinds, state)
        results = _results(plan, only, kinds, state, columns)
        write_table(results, out)
    return results


def _check(plan: Plan, kinds: tuple[Kind, ...]) -> None:
    """All of it is checked before anything is written."""
    for column in plan.table.columns:
        plan.fixed(column, 0, plan.published(column))
        if plan.tunable(column):
            plan.tuning(column)
        elif kinds == KINDS["tuned"]:
            rows = ", ".join(row.name for row in plan.table.rows)
            raise UserError(f"--only tuned: needs a row with something to tune, got {rows}")


@contextmanager
def _written(out: Path) -> Iterator[None]:
    """No other process writes the table meanwhile."""
    out.mkdir(parents=True, exist_ok=True)
    lock = WriteLock(out)
    try:
        yield
    finally:
        lock.release()


def _trained(
    plan: Plan, kinds: tuple[Kind, ...], state: TableState, tell: Callable[[Event], None]
) -> None:
    """Runs what is missing, and keeps its time."""
    tell({"event": "table", "name": plan.table.name, "searches": searches(plan, kinds)})
    begin, before = time.monotonic(), state.seconds

    def timed(event: Event) -> None:
        if event["event"] in ("step_end", "dense_end"):
            state.save(before + time.monotonic() - begin)
        tell(event)

    train(plan, kinds, timed)


def _results(
    plan: Plan,
    only: str | None,
    kinds: tuple[Kind, ...],
    state: TableState,
    columns: dict[str, dict[str, Any]],
) -> dict[str, Any]:
    """What results.json holds."""
    table, options = plan.table, plan.options
    departing = {column.name: departures(plan, column) for column in table.columns}
    paper = None if table.paper is None else paper_table(table.paper)
    tuning = {
        column.name: Tuning(
            frozenset(plan.searchable(column)),
            frozenset(plan.tunable(column) if "tuned" in kinds else ()),
        )
        for column in table.columns
    }
    return {
        **{"table": table.name, "title": table.title},
        "command": _command(table, options, only),
        **{"quick": options.quick, "only": only, "changes": list(options.changes)},
        **{"seeds": list(plan.seeds), "trials": options.trials, "tuning_seed": TUNING_SEED},
        "seconds": state.seconds,
        "versions": {name: version(name) for name in _PACKAGES},
        "machine": f"{platform.machine()}, Python {platform.python_version()}",
        "caption": None if paper is None else paper.caption,
        "notes": [*state.notes, *table.notes, *(() if paper is None else paper.notes)],
        "columns": {
            name: {key: value for key, value in column.items() if key != "entries"}
            for name, column in columns.items()
        },
        "openings": state.openings,
        "rows": table_rows(table, paper, columns, tuning, departing),
    }


def _command(table: Table, options: Options, only: str | None) -> str:
    """The command that makes this table, wherever its folder lies, quoted for a shell."""
    words = ["fairfront", "reproduce", table.file or table.name]
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

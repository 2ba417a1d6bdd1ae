"""A table from its first search to its files; called again it goes on where it was."""

from __future__ import annotations

import platform
import re
import shlex
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path

from search.errors import UserError
from search.journal.events import Told
from search.journal.journal import WriteLock
from search.reproduce.evaluate import evaluated
from search.reproduce.events import TableEvent, TableListener
from search.reproduce.figure import figure_png
from search.reproduce.pages.table_page import markdown, page
from search.reproduce.paper import paper_table
from search.reproduce.pictures import pictures
from search.reproduce.plan import TUNING_SEED, Options, Plan
from search.reproduce.results import EvaluatedColumn, Tuning, table_rows
from search.reproduce.results_json import SETTINGS_KINDS, SettingsKind, TableResults
from search.reproduce.runner import searches, train
from search.reproduce.table_state import TableState, refuse_foreign
from search.reproduce.tables import Table
from search.runs.folder import write_json

_KINDS: Mapping[str | None, tuple[SettingsKind, ...]] = {
    None: SETTINGS_KINDS,
    "published": ("published",),
    "tuned": ("tuned",),
}
_PACKAGES = ("fairfront", "torch", "ray", "optuna", "numpy")


def reproduce(
    table: Table,
    options: Options,
    out: Path,
    *,
    only: str | None = None,
    tune: bool = False,
    tell: TableListener = lambda event: None,
) -> TableResults:
    """Runs what is missing of `table`, evaluates it on test and writes its files to `out`.

    `tune` asks for tuned settings too where the table has published ones alone; `only` for one of
    both. Returns what results.json holds. Raises UserError where `out` was begun with other
    options or by another definition (see TableState), and where another process writes it.
    """
    usual = None if table.tunes or tune else "published"
    kinds = _KINDS[only or usual]
    plan = Plan.of(table, options, out)
    _check(plan, kinds)
    refuse_foreign(out)
    with _locked(out):
        state = TableState.open(plan)
        _train(plan, kinds, state, tell)
        tell({"event": "evaluation"})
        results = _results(plan, kinds, state, evaluated(plan, kinds, state))
        write_table(results, out)
    return results


def write_table(results: TableResults, out: Path) -> None:
    """Writes results.json, both pages, and the pictures: one for each column, or others."""
    write_json(out / "results.json", results)
    drawn = results.get("picture")
    if drawn is None:
        shown = {column: figure_png(results, column) for column in results["columns"]}
    else:
        shown = pictures(results, drawn)
    names = {heading: figure_name(heading) for heading in shown}
    for heading, picture in shown.items():
        (out / names[heading]).write_bytes(picture)
    (out / "table.md").write_text(markdown(results, names), encoding="utf-8")
    (out / "table.html").write_text(page(results, shown), encoding="utf-8")


def figure_name(heading: str) -> str:
    """The file of a picture, by its column or its own heading."""
    return "figure-" + re.sub(r"[^A-Za-z0-9]+", "", heading) + ".png"


def _check(plan: Plan, kinds: tuple[SettingsKind, ...]) -> None:
    """All of it is checked before anything is written."""
    plan.check(tunes="tuned" in kinds)
    for column in plan.columns:
        if kinds == ("tuned",) and not plan.tunable(column):
            rows = ", ".join(row.name for row in plan.table.rows)
            raise UserError(f"--only tuned: needs a row with something to tune, got {rows}")


@contextmanager
def _locked(out: Path) -> Iterator[None]:
    """No other process writes the table meanwhile."""
    out.mkdir(parents=True, exist_ok=True)
    lock = WriteLock(out)
    try:
        yield
    finally:
        lock.release()


def _train(
    plan: Plan, kinds: tuple[SettingsKind, ...], state: TableState, tell: TableListener
) -> None:
    """Runs what is missing, and keeps its time."""
    tell({"event": "table", "name": plan.table.name, "searches": searches(plan, kinds)})
    begin, before = time.monotonic(), state.seconds

    def timed(event: TableEvent | Told) -> None:
        if event["event"] in ("step_end", "dense_end"):
            state.save(before + time.monotonic() - begin)
        tell(event)

    train(plan, kinds, timed)


def _results(
    plan: Plan,
    kinds: tuple[SettingsKind, ...],
    state: TableState,
    columns: dict[str, EvaluatedColumn],
) -> TableResults:
    """What results.json holds."""
    table, options = plan.table, plan.options
    only = kinds[0] if len(kinds) == 1 else None
    departing = {column.name: plan.departures(column) for column in plan.columns}
    fair_tunings = {
        column.name: plan.fair_tunings(column) for column in plan.columns if only != "tuned"
    }
    paper = None if table.paper is None else paper_table(table.paper)
    tuning = {
        column.name: Tuning(
            frozenset(plan.searchable(column)),
            frozenset(plan.tunable(column) if "tuned" in kinds else ()),
        )
        for column in plan.columns
    }
    missing = [
        f"{column.name}: not run, {column.unavailable}"
        for column in table.columns
        if column.unavailable is not None
    ]
    results: TableResults = {
        "table": table.name,
        "title": table.title,
        "command": _command(table, options, only),
        "quick": options.quick,
        "only": only,
        "changes": list(options.changes),
        "seeds": list(plan.seeds),
        "trials": options.trials,
        "tuning_seed": TUNING_SEED,
        "seconds": state.seconds,
        "versions": {name: version(name) for name in _PACKAGES},
        "machine": f"{platform.machine()}, Python {platform.python_version()}",
        "caption": None if paper is None else paper.caption,
        "notes": [*state.notes, *missing, *table.notes, *(() if paper is None else paper.notes)],
        "columns": {name: column.facts for name, column in columns.items()},
        "openings": state.openings,
        "rows": table_rows(table, paper, columns, tuning, departing, fair_tunings),
    }
    if table.picture != "rows":
        results["picture"] = table.picture
    if table.compared in {row.name for row in table.rows}:
        results["compared"] = table.compared
    return results


def _command(table: Table, options: Options, only: str | None) -> str:
    """The command that makes this table, wherever its folder lies, quoted for a shell."""
    words = ["fairfront", "reproduce", table.file or table.name]
    if options.quick:
        words.append("--quick")
    usual = Options.of(table, quick=options.quick)
    if only is None and not table.tunes:
        words.append("--tune")
    for option, value, default in (
        ("--only", only, None if table.tunes else "published"),
        ("--seeds", options.seeds, usual.seeds),
        ("--trials", options.trials, usual.trials),
        ("--rows", ",".join(options.rows), ""),
        ("--columns", ",".join(options.columns), ""),
    ):
        if value not in (None, default):
            words += [option, str(value)]
    for change in options.changes[len(usual.changes) :]:
        words += ["--set", change]
    return shlex.join(words)

"""`fairfront reproduce`: a published table run again, with one line per search and trial."""

from __future__ import annotations

import os
import shlex
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from search.cli.interrupt import Interrupted
from search.cli.pulse import Pulse
from search.cli.say import say
from search.errors import UserError
from search.units import clock

if TYPE_CHECKING:
    from search.journal.events import Told, TrialEnd
    from search.reproduce.compositions import CompositionTable
    from search.reproduce.events import StepStart, TableEvent
    from search.reproduce.plan import Options
    from search.reproduce.tables import Table


def reproduce(
    table: Annotated[
        str,
        typer.Argument(
            metavar="TABLE", help="zhang2022-table1, lin2022-table2, ..., or a TOML file."
        ),
    ],
    out: Annotated[
        Path | None, typer.Option(help="Folder; one that was begun goes on. Default: runs/TABLE.")
    ] = None,
    quick: Annotated[
        bool, typer.Option("--quick", help="Two seeds, few epochs: to see that it runs.")
    ] = False,
    only: Annotated[
        str | None, typer.Option(metavar="published|tuned", help="One of the columns alone.")
    ] = None,
    seeds: Annotated[int | None, typer.Option(min=1, help="Repetitions.")] = None,
    trials: Annotated[int | None, typer.Option(min=1, help="Per method, to tune it.")] = None,
    rows: Annotated[
        str, typer.Option(metavar="A,B", help="Rows or methods; all: the optional ones too.")
    ] = "",
    columns: Annotated[
        str, typer.Option(metavar="A,B", help="Columns; all: the optional ones too.")
    ] = "",
    tune: Annotated[
        bool, typer.Option("--tune", help="Tune the rows of a table that is not tuned by itself.")
    ] = False,
    overrides: Annotated[
        list[str] | None, typer.Option("--set", metavar="K=V", help="As for search.")
    ] = None,
) -> None:
    """Runs a published table again: at published settings, and tuned by our search."""
    from search.reproduce.compositions import load_composition
    from search.reproduce.tables import load_table

    composed = load_composition(table)
    if composed is not None:
        asked = {"seeds": seeds, "trials": trials, "rows": rows, "columns": columns, "only": only}
        for option, value in {**asked, "tune": tune}.items():
            if value:
                raise UserError(f"--{option}: {table} counts data and trains nothing, got {value}")
        _composed(composed, out or Path("runs") / composed.name, overrides or [])
        return
    if only not in (None, "published", "tuned"):
        raise UserError(f"--only: must be published or tuned, got {only!r}")
    definition = load_table(table)
    folder = out or Path("runs") / (f"{definition.name}-quick" if quick else definition.name)
    chosen = {"rows": _names(rows), "columns": _names(columns)}
    options = _options(definition, folder, seeds, trials, chosen, overrides or [], quick)
    _watched(definition, options, folder, only, tune, table)


def _composed(table: CompositionTable, folder: Path, changes: list[str]) -> None:
    from search.reproduce.compositions import compose

    compose(table, folder, changes)
    _show(folder)


def _show(folder: Path) -> None:
    say((folder / "table.md").read_text("utf-8"))
    say(f"Table: {folder / 'table.md'}, file://{os.path.abspath(folder / 'table.html')}")


def _options(
    table: Table,
    folder: Path,
    seeds: int | None,
    trials: int | None,
    chosen: dict[str, list[str]],
    changes: list[str],
    quick: bool,
) -> Options:
    """What was asked for; what was not stays as the folder was begun."""
    from search.reproduce.plan import Options
    from search.reproduce.table_state import stored_options

    stored = stored_options(folder, table)
    if stored is not None and not (trials or any(chosen.values()) or changes or quick):
        return replace(stored, seeds=max(seeds or 1, stored.seeds))
    return Options.of(table, seeds=seeds, trials=trials, changes=changes, quick=quick, **chosen)


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]


def _watched(
    table: Table, options: Options, folder: Path, only: str | None, tune: bool, given: str
) -> None:
    import optuna

    from search.cli.interrupt import Interruptible
    from search.reproduce.reproduction import reproduce as run_table

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    lines = ProgressLines(say)
    try:
        with Interruptible() as interruption, lines.pulse:

            def tell(event: TableEvent | Told) -> None:
                with lines.pulse.lock:
                    lines.take(event)
                interruption.check()

            run_table(table, options, folder, only=only, tune=tune, tell=tell)
    except KeyboardInterrupt as error:
        again = ["fairfront", "reproduce", given, "--out", str(folder)]
        again += [] if only is None else ["--only", only]
        again += ["--tune"] if tune else []
        raise Interrupted(f"Go on with: {shlex.join(again)}") from error
    _show(folder)


class ProgressLines:
    """Turns the events of `reproduce` into lines; `left` counts from what this session has run."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._write = say
        self.pulse = Pulse(self._now, say)
        self._doing = "opening the data"
        self._begin = time.monotonic()
        self._searches = self._started = self._trials = self._trials_done = 0
        self._spent: list[float] = []  # seconds of the searches of this session
        self._rows: dict[str, str] = {}  # trial -> its row, or method where it tunes

    def _say(self, line: str) -> None:
        self.pulse.said()
        self._write(line)

    def _now(self) -> str:
        return f"  ... {self._doing}; {self._time()}"

    def take(self, event: TableEvent | Told) -> None:
        match event["event"]:
            case "underway":
                of = f" epoch {event['epoch']} of at most {event['epochs']}"
                self._doing = event["what"] + (of if event["epochs"] else "")
            case "report":
                row = self._rows.get(event["trial"], event["trial"])
                of = f"epoch {event['stage_epoch']} of {event['stage_epochs']}"
                self._doing = f"{row}: {event['name']} {of}"
            case "table":
                self._searches = event["searches"]
                self._say(f"{event['name']}: at most {self._searches} searches")
            case "dense_start":
                self._doing = "dense nets"
                self._say(
                    f"{event['column']}: {event['nets']} dense nets, trained or from the cache"
                )
            case "dense_end":
                self._say(f"  dense nets ready after {clock(event['seconds'])}")
            case "step":
                self._step(event)
            case "step_end":
                self._spent.append(event["seconds"])
            case "trial_start":
                self._rows[event["trial"]] = event.get("row", event["method"])
            case "trial_end":
                self._trial(event)
            case "evaluation":
                self._doing = "counting on test"
                self._say("All searches have ended; opening the test split")

    def _step(self, event: StepStart) -> None:
        self._started += 1
        self._trials, self._trials_done, self._rows = event["trials"], 0, {}
        seed = "" if event["kind"] == "tuning" else f", seed {event['seed']}"
        where = f"[{self._started}/{self._searches}] {event['column']}, {event['kind']}{seed}"
        if event["done"]:
            self._say(f"{where}: done before")
            return
        self._say(f"{where}: {event['trials']} trials; {self._time()}")

    def _trial(self, event: TrialEnd) -> None:
        self._trials_done += 1
        reason = f" ({event['reason']})" if event["reason"] else ""
        row = self._rows.get(event["trial"], event["trial"])
        self._say(f"  {self._trials_done}/{self._trials} {row} {event['status']}{reason}")

    def _time(self) -> str:
        gone = clock(time.monotonic() - self._begin)
        if not self._spent:
            return f"{gone} gone"
        left = (self._searches - self._started + 1) * sum(self._spent) / len(self._spent)
        return f"{gone} gone, about {clock(left)} left"

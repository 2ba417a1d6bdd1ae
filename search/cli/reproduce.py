"""`fairfront reproduce`: a published table run again, with one line per search and trial."""

from __future__ import annotations

import os
import shlex
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from search.cli.interrupt import INTERRUPTED
from search.errors import UserError
from search.units import clock

if TYPE_CHECKING:
    from search.journal.events import Told, TrialEnd
    from search.reproduce.events import StepStart, TableEvent
    from search.reproduce.plan import Options
    from search.reproduce.tables import Table


def reproduce(
    table: Annotated[
        str,
        typer.Argument(metavar="TABLE", help="zhang2022-table1 ... -table6, or a TOML file."),
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
    overrides: Annotated[
        list[str] | None, typer.Option("--set", metavar="K=V", help="As for search.")
    ] = None,
) -> None:
    """Runs a published table again: at published settings, and tuned by our search."""
    from search.reproduce.tables import load_table

    if only not in (None, "published", "tuned"):
        raise UserError(f"--only: must be published or tuned, got {only!r}")
    definition = load_table(table)
    folder = out or Path("runs") / (f"{definition.name}-quick" if quick else definition.name)
    options = _options(definition, folder, seeds, trials, rows, overrides or [], quick)
    _watched(definition, options, folder, only, table)


def _options(
    table: Table,
    folder: Path,
    seeds: int | None,
    trials: int | None,
    rows: str,
    changes: list[str],
    quick: bool,
) -> Options:
    """What was asked for; what was not stays as the folder was begun."""
    from search.reproduce.plan import Options
    from search.reproduce.table_state import stored_options

    stored = stored_options(folder, table)
    if stored is not None and not (trials or rows or changes or quick):
        return Options(
            max(seeds or 1, stored.seeds), stored.trials, stored.rows, stored.changes, stored.quick
        )
    named = [name.strip() for name in rows.split(",") if name.strip()]
    return Options.of(table, seeds=seeds, trials=trials, rows=named, changes=changes, quick=quick)


def _watched(table: Table, options: Options, folder: Path, only: str | None, given: str) -> None:
    import optuna

    from search.cli.interrupt import Interruptible
    from search.reproduce.reproduction import reproduce as run_table

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    lines = ProgressLines(typer.echo)
    try:
        with Interruptible() as interruption:

            def tell(event: TableEvent | Told) -> None:
                lines.take(event)
                interruption.check()

            run_table(table, options, folder, only=only, tell=tell)
    except KeyboardInterrupt as error:
        again = ["fairfront", "reproduce", given, "--out", str(folder)]
        again += [] if only is None else ["--only", only]
        typer.echo(f"\nInterrupted. Go on with: {shlex.join(again)}", err=True)
        raise typer.Exit(INTERRUPTED) from error
    typer.echo((folder / "table.md").read_text("utf-8"))
    typer.echo(f"Table: {folder / 'table.md'}, file://{os.path.abspath(folder / 'table.html')}")


class ProgressLines:
    """Turns the events of `reproduce` into lines; `left` counts from what this session has run."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self._begin = time.monotonic()
        self._searches = self._started = self._trials = self._trials_done = 0
        self._spent: list[float] = []  # seconds of the searches of this session
        self._methods: dict[str, str] = {}

    def take(self, event: TableEvent | Told) -> None:
        match event["event"]:
            case "table":
                self._searches = event["searches"]
                self._say(f"{event['name']}: at most {self._searches} searches")
            case "dense_start":
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
                self._methods[event["trial"]] = event["method"]
            case "trial_end":
                self._trial(event)
            case "evaluation":
                self._say("All searches have ended; opening the test split")

    def _step(self, event: StepStart) -> None:
        self._started += 1
        self._trials, self._trials_done, self._methods = event["trials"], 0, {}
        seed = "" if event["kind"] == "tuning" else f", seed {event['seed']}"
        where = f"[{self._started}/{self._searches}] {event['column']}, {event['kind']}{seed}"
        if event["done"]:
            self._say(f"{where}: done before")
            return
        self._say(f"{where}: {event['trials']} trials; {self._time()}")

    def _trial(self, event: TrialEnd) -> None:
        self._trials_done += 1
        reason = f" ({event['reason']})" if event["reason"] else ""
        method = self._methods.get(event["trial"], event["trial"])
        self._say(f"  {self._trials_done}/{self._trials} {method} {event['status']}{reason}")

    def _time(self) -> str:
        gone = clock(time.monotonic() - self._begin)
        if not self._spent:
            return f"{gone} gone"
        left = (self._searches - self._started + 1) * sum(self._spent) / len(self._spent)
        return f"{gone} gone, about {clock(left)} left"

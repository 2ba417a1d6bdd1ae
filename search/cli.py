"""The command line: fairfront search | resume | confirm | report | export | list | data."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from search import (
    cli_audit,
    cli_cluster,
    cli_compare,
    cli_confirm,
    cli_data,
    cli_gc,
    cli_replay,
    cli_reproduce,
    cli_ui,
)
from search.cli_folder import JOURNAL, Folder, check_run, show_end, show_outdated
from search.duration import seconds
from search.errors import UserError, unknown

if TYPE_CHECKING:
    from search.experiment import RunResult
    from search.journal import Event

    Listener = Callable[[Event], None]

INTERRUPTED = 130


class ExitCodes(TyperGroup):
    """Bad input ends with one message and exit code 2, Ctrl-C with 130; all else is a failure."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except UserError as error:
            typer.echo(f"fairfront: {error}", err=True)
            raise typer.Exit(2) from error
        except KeyboardInterrupt as error:
            typer.echo("fairfront: interrupted", err=True)
            raise typer.Exit(INTERRUPTED) from error


app = typer.Typer(
    cls=ExitCodes,
    name="fairfront",
    help="Searches the accuracy - fairness - sparsity front of pruned networks.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
app.add_typer(cli_data.app, name="data")
app.add_typer(cli_cluster.app, name="cluster")
app.add_typer(cli_replay.app, name="replay")
app.command("audit")(cli_audit.audit)
app.command("confirm")(cli_confirm.confirm)
app.command("compare")(cli_compare.compare)
app.command("gc")(cli_gc.gc)
app.command("reproduce")(cli_reproduce.reproduce)
app.command("ui")(cli_ui.ui)


@app.command()
def search(
    experiment: Annotated[str, typer.Argument(metavar="PRESET|FILE")],
    overrides: Annotated[
        list[str] | None, typer.Option("--set", metavar="K=V", help="As in the file: a.b=value.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Folder for the run; must hold none.")] = None,
    trials: Annotated[int | None, typer.Option(help="search.trials")] = None,
    time_limit: Annotated[str | None, typer.Option(help="search.time_limit: 30m, 1h")] = None,
    budget: Annotated[str | None, typer.Option(help="search.budget: GPU hours as 40h")] = None,
    warm_start: Annotated[
        list[Path] | None, typer.Option(metavar="DIR", help="An earlier run to learn from.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show all, start nothing.")] = False,
    address: Annotated[str | None, typer.Option(help="Ray's head: host:port or auto.")] = None,
    tracking_uri: Annotated[str | None, typer.Option(help="tracking.uri")] = None,
) -> None:
    """Searches; leaves the front and all that led to it in a folder."""
    from search.config import Config

    given = {"search.trials": trials, "search.time_limit": time_limit, "search.budget": budget}
    extra = [f"{key}={value}" for key, value in given.items() if value is not None]
    if tracking_uri is not None:
        extra.append(f"tracking.uri='{tracking_uri}'")
    if warm_start:
        extra.append(f"search.warm_start={[str(path) for path in warm_start]}")
    config = Config.load(experiment, [*(overrides or []), *extra])
    if dry_run:
        from search.dry_run import describe

        for line in describe(config):
            typer.echo(line)
        return
    folder = out or Path("runs") / f"{config.name}-{time.strftime('%Y%m%d-%H%M%S')}"
    from search.experiment import run

    _watched(
        folder,
        config.search.trials,
        lambda listen: run(config, out=folder, address=address, on_event=listen),
        recording=config.search.recording,
    )


@app.command()
def resume(
    folder: Folder,
    trials: Annotated[int | None, typer.Option(min=1, help="Another number in all.")] = None,
    time_limit: Annotated[str | None, typer.Option(help="From now on: 30m, 1h.")] = None,
    budget: Annotated[str | None, typer.Option(help="GPU hours, all sessions: 40h.")] = None,
    address: Annotated[str | None, typer.Option(help="Ray's head: host:port or auto.")] = None,
    repair: Annotated[bool, typer.Option(help="Mend a damaged journal first.")] = False,
) -> None:
    """Goes on with an interrupted search; finished trials stay."""
    check_run(folder)
    limit, most = _seconds("--time-limit", time_limit), _seconds("--budget", budget)
    from search.config import Config
    from search.experiment import resume as go_on

    section = Config.load(folder / "config.toml").search
    _watched(
        folder,
        trials or section.trials,
        lambda listen: go_on(
            folder,
            trials=trials,
            time_limit=limit,
            budget=most,
            address=address,
            repair=repair,
            on_event=listen,
        ),
        recording=section.recording,
    )


@app.command()
def report(
    folder: Folder,
    tolerance: Annotated[float | None, typer.Option(help="Another tolerance.")] = None,
    bias: Annotated[str | None, typer.Option(help="Another measure.")] = None,
    group: Annotated[str | None, typer.Option(help="Other groups: race, sex*race.")] = None,
) -> None:
    """Writes the report again from the counts; nothing is retrained."""
    check_run(folder)
    _check_view(tolerance, bias, group)
    from search.reporting import report as write

    if (tolerance, bias, group) == (None, None, None):  # another view is built from all trials
        show_outdated(folder)
    typer.echo(f"Report: {write(folder, tolerance, bias, group, say=typer.echo)}")


@app.command()
def export(
    folder: Folder,
    candidate: Annotated[str, typer.Argument(metavar="CANDIDATE", help="As in front.json.")],
    to: Annotated[Path | None, typer.Option(metavar="FOLDER", help="Where to.")] = None,
) -> None:
    """Writes one candidate's weights, correction and card for use elsewhere."""
    check_run(folder)
    from search.export import card_of
    from search.export import export as write

    target = write(folder, candidate, to)
    kept = card_of(target)["kept_promise"]
    said = {
        None: "not confirmed on test yet",
        True: "it kept the tolerance on test",
        False: "it did NOT keep the tolerance on test",
    }
    typer.echo(f"Exported ({said[kept]}): {target}")


@app.command("list")
def list_entries(
    what: Annotated[
        str,
        typer.Argument(
            metavar="methods|datasets|models|measures|samplers|schedulers|presets|runs",
            show_default=False,
        ),
    ],
    folder: Annotated[
        Path, typer.Argument(metavar="[FOLDER]", help="runs: those in this folder.")
    ] = Path("runs"),
) -> None:
    """Shows the names that an experiment can use, each with its source; or a folder's runs."""
    if what == "runs":
        from search.run_list import run_lines

        for line in run_lines(folder):
            typer.echo(line)
        return
    from search.listing import KINDS, rows

    if what not in KINDS:
        raise UserError(unknown("list", what, [*KINDS, "runs"]))
    _print_rows(rows(KINDS[what]))


def _watched(
    folder: Path,
    trials: int,
    start: Callable[[Listener], RunResult],
    *,
    recording: bool = False,
) -> None:
    """Runs a search with its progress shown; says how to go on with an interrupted one.

    A `recording` has counted the test rows all along, so nothing is left to confirm.
    """
    import optuna

    from search.interrupt import Interruptible
    from search.live import Progress

    optuna.logging.set_verbosity(optuna.logging.WARNING)  # it tells of every study and trial
    left = 0
    try:
        with Interruptible() as interruption, Progress(trials) as shown:

            def listen(event: Event) -> None:
                nonlocal left
                if event["event"] == "search_end":
                    left = event["left"]
                shown.on_event(event)
                interruption.check()

            result = start(listen)
    except KeyboardInterrupt as error:
        if (folder / JOURNAL).exists():
            typer.echo(f"\nInterrupted. Go on with: fairfront resume {folder}", err=True)
        else:
            typer.echo("\nInterrupted before the search began; nothing was written.", err=True)
        raise typer.Exit(INTERRUPTED) from error
    show_end(result, left, recording=recording)


def _check_view(tolerance: float | None, bias: str | None, group: str | None) -> None:
    from search.config_checks import check_bias, check_group

    if tolerance is not None and not 0 < tolerance < 1:
        raise UserError(f"--tolerance: must lie in (0, 1), got {tolerance}")
    for option, value, check in (
        ("--bias", bias, check_bias),
        ("--group", group, check_group),
    ):
        try:
            if value is not None:
                check(value)
        except ValueError as error:
            raise UserError(f"{option}: {error}") from error


def _seconds(option: str, given: str | None) -> float | None:
    try:
        return None if given is None else seconds(given)
    except ValueError as error:
        raise UserError(f"{option}: {error}, got {given!r}") from error


def _print_rows(rows: Iterable[tuple[str, str]]) -> None:
    listed = list(rows)
    width = max(len(name) for name, _ in listed)
    for name, about in listed:
        typer.echo(f"{name:{width}}  {about}".rstrip())


def main() -> None:
    """The `fairfront` command."""
    try:
        app()
    except SystemExit as end:
        if end.code == INTERRUPTED:
            # Interrupted in the middle of their work, native threads of Ray and torch can crash
            # the teardown of the interpreter; all that matters is on the disk by now.
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(INTERRUPTED)
        raise

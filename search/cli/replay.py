"""`fairfront audit` and `fairfront replay`: what has stopping trials cost, and what would it?"""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from analysis.events import JOURNAL
from analysis.notation import with_interval
from search.cli.run import Folder, Trust, check_run
from search.cli.say import cells, say, show_table
from search.errors import UserError

if TYPE_CHECKING:
    from search.journal.events import Told
    from search.replay.audit import AuditResult, FalseKills
    from search.replay.measure import ArmResult
    from search.replay.promises import Promises, RuleSummary


def audit(
    folder: Folder,
    sample: Annotated[
        int | None, typer.Option(min=1, help="So many of the stopped trials; all unless given.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Draws the sample.")] = 0,
    address: Annotated[str | None, typer.Option(help="A running Ray cluster.")] = None,
    trust: Trust = False,
) -> None:
    """Runs stopped trials to their end: how many would have become feasible?"""
    check_run(folder)
    from search.cli.interrupt import Interruptible
    from search.replay.audit import audit as run_to_the_end

    with Interruptible() as interruption:

        def listen(event: Told) -> None:
            interruption.check()
            if event["event"] == "trial_end":
                say(f"{event['trial']} {event['status']}")

        result = run_to_the_end(
            folder, sample=sample, seed=seed, address=address, trust_code=trust, on_event=listen
        )
    _show(result)
    say(f"Audit: {folder / 'audit.json'}")


def _show(result: AuditResult) -> None:
    from rich.table import Table

    table = Table(box=None)
    for column in ("stopped because", "audited", "in error", "95 % interval", "on the front"):
        table.add_column(column)
    rows: list[tuple[str, FalseKills]] = [(row["reason"], row) for row in result["by_reason"]]
    for reason, tally in [*rows, (f"all, of {result['stopped']} stopped", result)]:
        low, high = tally["interval"]
        figures = (tally["audited"], tally["false_kills"], f"{low:.2f} - {high:.2f}")
        table.add_row(*cells(reason, *map(str, figures), str(tally["on_front"])))
    show_table(table)
    if result["missed"] is not None:
        missed = with_interval(result["missed"], result["missed_interval"], "{:.0%}".format)
        say(
            f"Of all trials that would have become feasible, {result['scheduler']} stopped "
            f"{missed}"
        )
    if result["not_repeated"]:
        say(
            f"Not repeated to the digit, as on GPUs or other machines: "
            f"{', '.join(result['not_repeated'])}"
        )


app = typer.Typer(
    help="Replays searches on recorded trials, to compare ways of stopping.", no_args_is_help=True
)

TABLES = Path(__file__).parents[1] / "replay" / "tables"


@app.command()
def record(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A run with search.recording.")],
    to: Annotated[Path, typer.Option(metavar="TABLE.npz", help="The table to write.")],
) -> None:
    """Turns a recording into a table."""
    if not (folder / JOURNAL).is_file():
        raise UserError(f"{folder}: holds no run (there is no {JOURNAL})")
    if to.suffix != ".npz":
        raise UserError(f"--to: must be a .npz file, got {to}")
    from search.replay.record import record_table

    table = record_table(folder)
    table.save(to)
    size = to.stat().st_size / 1e6
    trials, reports = len(table.header.trials), int(table.reports.sum())
    say(f"{to}: {trials} trials, {reports} reports, {size:.2f} MB")


@app.command()
def compare(
    tables: Annotated[
        list[Path] | None,
        typer.Argument(metavar="TABLE...", help="Default: those that come with fairfront."),
    ] = None,
    schedulers: Annotated[
        str, typer.Option(metavar="A,B", help="Default: all of `list schedulers`.")
    ] = "",
    samplers: Annotated[str, typer.Option(metavar="X,Y", help="Replayed samplers.")] = "random",
    seeds: Annotated[int, typer.Option(help="Searches per arm.")] = 20,
    workers: Annotated[int, typer.Option(help="Trials at once in each search.")] = 2,
    share: Annotated[float, typer.Option(help="Of the recorded trials, per search.")] = 1.0,
    error_rate: Annotated[float, typer.Option(help="search.error_rate")] = 0.05,
    jobs: Annotated[int, typer.Option(min=1, help="Processes.")] = 1,
    tuned_on: Annotated[
        str | None, typer.Option(metavar="TASK,TASK", help="Rules were tuned on these.")
    ] = None,
    to: Annotated[Path | None, typer.Option(metavar="FILE", help="Also as .md or .json.")] = None,
) -> None:
    """Replays every scheduler with every sampler; shows what each saved and lost."""
    if to is not None and to.suffix not in (".md", ".json"):
        raise UserError(f"--to: must be a .md or .json file, got {to}")
    from search.replay.arms import Comparison, replay_all
    from search.replay.measure import results_of
    from search.replay.show import TUNED_ON, as_json, markdown
    from search.schedulers import SCHEDULERS

    comparison = Comparison(
        tuple(tables or sorted(TABLES.glob("*.npz"))),
        _names(schedulers) or tuple(SCHEDULERS),
        _names(samplers),
        seeds,
        workers,
        share,
        error_rate,
    )
    tasks = TUNED_ON if tuned_on is None else _names(tuned_on)
    with _Bar() as bar:
        results = results_of(replay_all(comparison, jobs=jobs, on_replay=bar.advance))
    _print(results, tasks)
    if to is not None:
        is_json = to.suffix == ".json"
        shown = as_json(comparison, results) if is_json else markdown(comparison, results, tasks)
        to.write_text(shown)
        say(f"Written: {to}")


@app.command()
def promises(
    tables: Annotated[
        list[Path] | None,
        typer.Argument(metavar="TABLE...", help="Default: those that come with fairfront."),
    ] = None,
    tolerances: Annotated[
        str, typer.Option(metavar="A,B", help="Default: each recording's own.")
    ] = "",
    naming: Annotated[
        str, typer.Option(metavar="X,Y", help="How tune names: margin, chance.")
    ] = "chance,margin",
    searches: Annotated[int, typer.Option(help="On redrawn rows, each.")] = 200,
    shared: Annotated[float, typer.Option(help="Correlation of the networks' luck.")] = 0.7,
    stress: Annotated[
        bool, typer.Option("--stress", help="Only networks whose bias is just not tolerable.")
    ] = False,
    seed: Annotated[int, typer.Option(min=0)] = 0,
) -> None:
    """Repeats searches on redrawn rows: how often is a claim false, by one rule or another?"""
    from search.replay.promises import Promises, population_of, repeated, summary
    from search.replay.table import RecordedTable

    for path in tables or sorted(TABLES.glob("*.npz")):
        table = RecordedTable.load(path)
        for tolerance in _numbers(tolerances) or [table.header.objective.tolerance]:
            population = population_of(table, tolerance)
            for way in _names(naming):
                asked = Promises(tolerance, way, searches, shared, stress=stress, seed=seed)
                results = repeated(population, asked)
                _print_promises(table.header.data, asked, summary(results))


def _print_promises(data: str, asked: Promises, rows: list[RuleSummary]) -> None:
    from rich.table import Table

    title = f"{data}, tolerance {asked.tolerance:g}, named by {asked.naming}"
    title += ", all of them false" if asked.stress else ""
    shown = Table(title=title, title_justify="left", box=None, padding=(0, 1, 0, 0))
    shown.add_column("claimed by")
    for name in (
        *("points", "false %", f"searches with a false one, of {asked.searches}"),
        *("chosen claimed %", "any %", "performance", "less the chosen one's"),
    ):
        shown.add_column(name, justify="right")
    for row in rows:
        shown.add_row(
            *cells(
                row.rule,
                f"{row.claimed:.1f}",
                _known(100 * row.false_points, ".1f"),
                str(row.false_searches),
                f"{100 * row.chosen:.0f}",
                f"{100 * row.any:.0f}",
                _known(row.handed_over, ".3f"),
                _known(row.cost, "+.3f"),
            )
        )
    show_table(shown)


def _known(value: float, how: str) -> str:
    return "-" if math.isnan(value) else format(value, how)


def _numbers(listed: str) -> list[float]:
    try:
        return [float(name) for name in _names(listed)]
    except ValueError as error:
        raise UserError(f"--tolerances: must be numbers, got {listed!r}") from error


def _names(listed: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in listed.split(",") if name.strip())


def _print(results: list[ArmResult], tuned_on: tuple[str, ...]) -> None:
    from rich.table import Table

    from search.replay.show import LEGEND, grids

    for grid in grids(results, tuned_on):
        shown = Table(title=grid.title, title_justify="left", box=None, padding=(0, 1, 0, 0))
        for name in grid.columns:
            is_text = name in ("scheduler", "sampler")
            shown.add_column(name, justify="left" if is_text else "right", no_wrap=is_text)
        for row in grid.rows:
            shown.add_row(*cells(*row))
        show_table(shown)
    say(LEGEND)


class _Bar:
    """How many searches are replayed, on a terminal; nothing elsewhere."""

    def __init__(self) -> None:
        from rich.progress import Progress

        self._progress = Progress(transient=True)
        self._progress.disable = not self._progress.console.is_terminal
        self._task = self._progress.add_task("replayed searches", total=None)

    def __enter__(self) -> _Bar:
        self._progress.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._progress.stop()

    def advance(self, done: int, total: int) -> None:
        self._progress.update(self._task, completed=done, total=total)

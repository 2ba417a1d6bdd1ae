"""The commands about one run: confirm, report, export, compare, gc; and what they share."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from analysis.events import JOURNAL
from analysis.notation import with_interval
from search.cli.say import cells, say, show_table
from search.errors import UserError
from trainables.names import nearest

if TYPE_CHECKING:
    from analysis.front_json import Front
    from search.engine.experiment import RunResult
    from search.journal.events import EndedBy, SearchEnd


Folder = Annotated[Path, typer.Argument(metavar="DIR", help="The run's folder.")]
Trust = Annotated[
    bool, typer.Option("--trust", help="Run the code that somebody else's run names.")
]


def confirm(
    folder: Folder,
    seeds: Annotated[
        int,
        typer.Option(min=0, help="First train the chosen settings again with so many seeds."),
    ] = 0,
    address: Annotated[str | None, typer.Option(help="A running Ray cluster.")] = None,
    trust: Trust = False,
) -> None:
    """Opens the test split once, for the front as it was chosen on tune."""
    check_run(folder)
    from analysis.report.seeds import spread_lines
    from analysis.words import opening_sentence
    from search.cli.live import LiveView
    from search.results.confirm import confirm as open_test
    from search.runs.folder import RunFolder

    if RunFolder(folder).confirmation() is not None:
        say("Confirmed before: this is what was found then; test is not opened again.")
    with LiveView(seeds, doing="opening the data") as shown:
        front = open_test(
            folder, seeds=seeds, address=address, trust_code=trust, listener=shown.on_event
        )
    show(front)
    for line in spread_lines(front):
        say(line)
    show_later_trials(folder)
    if (opening := front.get("opening")) is not None:
        say(opening_sentence(opening))


def report(
    folder: Folder,
    tolerance: Annotated[float | None, typer.Option(help="Another tolerance.")] = None,
    bias: Annotated[str | None, typer.Option(help="Another measure.")] = None,
    group: Annotated[str | None, typer.Option(help="Other groups: race, sex*race.")] = None,
) -> None:
    """Writes the report again from the counts; nothing is retrained."""
    check_run(folder)
    _check_view(tolerance, bias, group)
    from search.results.report import report as write

    if (tolerance, bias, group) == (None, None, None):  # another view is built from all trials
        show_later_trials(folder)
    say(f"Report: {write(folder, tolerance, bias, group, say=say)}")


def export(
    folder: Folder,
    candidate: Annotated[str, typer.Argument(metavar="CANDIDATE", help="As in front.json.")],
    to: Annotated[Path | None, typer.Option(metavar="FOLDER", help="Where to.")] = None,
) -> None:
    """Writes one candidate's weights, correction and card for use elsewhere."""
    check_run(folder)
    from search.runs.export import card_of
    from search.runs.export import export as write

    target = write(folder, candidate, to)
    words = {
        None: "not confirmed on test yet",
        True: "it kept the tolerance on test",
        False: "it did NOT keep the tolerance on test",
    }
    say(f"Exported ({words[card_of(target)['kept_promise']]}): {target}")


def compare(
    runs: Annotated[list[Path], typer.Argument(metavar="DIR...", help="Confirmed runs.")],
    to: Annotated[
        Path, typer.Option(metavar="NAME", help="Writes NAME.png, NAME.csv and NAME.json.")
    ] = Path("compare"),
) -> None:
    """Draws the hypervolume over compute of confirmed runs, with bands over their seeds.

    The runs must share what it is a hypervolume of: data, group, measures and tolerance.
    """
    from rich.table import Table

    from search.results.compare import compare as write

    result = write(runs, to)
    table = Table(box=None)
    for column in ("run", "seed", "samples", "hypervolume on tune", "on test"):
        table.add_column(column, overflow="fold")
    for run in result["runs"]:
        last = (f"{run['compute'][-1]:.3g}", f"{run['tune'][-1]:.3f}", f"{run['test'][-1]:.3f}")
        table.add_row(*cells(run["label"], str(run["seed"]), *last))
    show_table(table)
    if not result["differences"]:
        say("No differences: they need kinds of runs that share two seeds or more.")
    for row in result["differences"]:
        mean = with_interval(row["mean"], (row["low"], row["high"]), "{:+.4f}".format)
        say(
            f"{row['label']} - {row['against']} at {row['share']:.0%} of the common compute, "
            f"on test: {mean}, {row['seeds']} seeds"
        )
    say(f"Figure: {to.with_suffix('.png')}")


def gc(
    folder: Folder,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say it, remove nothing.")] = False,
    keep: Annotated[
        Literal["front", "any-tolerance"],
        typer.Option(help="any-tolerance: also what the front of another one would hold."),
    ] = "front",
    keep_stopped: Annotated[
        bool, typer.Option("--keep-stopped", help="Keep the checkpoints of stopped trials.")
    ] = False,
) -> None:
    """Removes weights that are on no front, spent checkpoints and half-written files."""
    check_run(folder)
    from search.runs.garbage import garbage, remove, size_of
    from search.units import readable_bytes

    with garbage(folder, keep=keep, keep_stopped=keep_stopped) as rubbish:
        kinds = {
            "candidates": rubbish.candidates,
            "checkpoints": rubbish.checkpoints,
            "stages": rubbish.stages,
            "leftovers": rubbish.leftovers,
        }
        for what, paths in kinds.items():
            say(f"{what:11}  {len(paths):6}  {readable_bytes(size_of(paths)):>9}")
        freed = size_of(rubbish.paths)
        if not dry_run:
            remove(rubbish)
    say(f"{'Would free' if dry_run else 'Freed'}: {readable_bytes(freed)}")
    if rubbish.judged:
        say(
            f"{rubbish.judged} of these candidates are off the front now but could be on that of "
            f"another tolerance, measure or grouping, or were on earlier fronts (`compare`): "
            f"their counts stay, their weights {'would be' if dry_run else 'are'} gone."
        )


def check_run(folder: Path) -> None:
    """Raises UserError where the folder holds no run, and names the nearest one that does."""
    if (folder / JOURNAL).is_file():
        return
    inside = sorted(path.parent.name for path in folder.glob(f"*/{JOURNAL}"))
    if inside:
        named = ", ".join(str(folder / name) for name in inside[:5])
        more = f" and {len(inside) - 5} more" if len(inside) > 5 else ""
        raise UserError(f"{folder}: holds several runs, name one: {named}{more}")
    beside = folder.parent.glob(f"*/{JOURNAL}") if folder.parent.is_dir() else ()
    runs = [path.parent.name for path in beside]
    close = nearest(folder.name, runs)
    hint = f"; did you mean {folder.parent / close}?" if close else ""
    raise UserError(f"{folder}: holds no run (there is no {JOURNAL}){hint}")


def show(front: Front) -> None:
    """The front as a table, what its marks mean, what was chosen and how it fared."""
    from analysis.words import no_op_sentences, unbeaten_reference, verdict
    from search.cli.front_table import front_table, legend

    show_table(front_table(front), narrow=front_table(front, beside=False))
    say(f"{legend(front)}\n{verdict(front)}")
    if (sentence := unbeaten_reference(front)) is not None:
        say(sentence)
    for sentence in no_op_sentences(front):
        say(sentence)


def show_later_trials(folder: Path) -> None:
    """A line where the run's front was confirmed before some of its trials ended."""
    from search.runs.state import note_on_later_trials

    if (sentence := note_on_later_trials(folder)) is not None:
        say(sentence)


def show_end(result: RunResult, end: SearchEnd, *, recording: bool, listed: bool = False) -> None:
    """The front of a search, what has ended it, and what comes next.

    Where the trials are `listed` there can be no more of them.
    """
    show(result.front)
    show_later_trials(result.folder)
    say(f"Run: {result.folder}")
    from search.tracking.copy_state import copy_sentence

    if (sentence := copy_sentence(result.folder)) is not None:
        say(sentence)
    from analysis.front_table import chosen_point

    chosen = chosen_point(result.front)
    again = f"fairfront resume {result.folder}"
    if left := end["left"]:
        say(_unfinished(left, end.get("ended_by"), again))
    if recording:
        say(f"Next: fairfront replay record {result.folder} --to TABLE.npz")
    elif chosen is not None and chosen["test"] is None:
        say(f"Next: fairfront confirm {result.folder}")
    elif chosen is None and not listed and not left:
        say(f"Next: {again} --trials N goes on with more trials than these, of which none will do")


def _unfinished(left: int, ended_by: EndedBy | None, again: str) -> str:
    """What was not run, and the command that runs it."""
    trials = "1 trial was" if left == 1 else f"{left} trials were"
    match ended_by:
        case "time_limit":
            return (
                f"{trials} not run to the end: the time limit was reached. Next: {again} goes on "
                f"without one, with --time-limit 10m for ten minutes more"
            )
        case "budget":
            return (
                f"{trials} not run to the end: the budget was reached. Next: {again} --budget N "
                f"goes on with a larger one"
            )
        case _:
            return f"{trials} not run to the end. Next: {again} runs what is left"


def _check_view(tolerance: float | None, bias: str | None, group: str | None) -> None:
    from search.config.checks import check_bias, check_group

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

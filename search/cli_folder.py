"""What the commands about one run share: its folder, checked, and its front, shown."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from search.errors import UserError, nearest

if TYPE_CHECKING:
    from search.experiment import RunResult
    from search.front import Front

JOURNAL = "journal.jsonl"

Folder = Annotated[Path, typer.Argument(metavar="DIR", help="The run's folder.")]


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
    from rich.console import Console

    from analysis.without_group import unbeaten_reference
    from search.summary import front_table, legend, verdict

    Console().print(front_table(front))
    typer.echo(f"{legend(front)}\n{verdict(front)}")
    if (said := unbeaten_reference(front)) is not None:
        typer.echo(said)


def show_outdated(folder: Path) -> None:
    """A line where the run's front was confirmed before some of its trials ended."""
    from search.outdated import outdated

    if (said := outdated(folder)) is not None:
        typer.echo(said)


def show_end(result: RunResult, left: int, *, recording: bool) -> None:
    """The front of a search that has ended, `left` of its trials not run, and what comes next."""
    show(result.front)
    show_outdated(result.folder)
    typer.echo(f"Run: {result.folder}")
    chosen = next((point for point in result.front["points"] if point["chosen"]), None)
    if left:
        typer.echo(
            f"{left} trials were not run: its time limit or budget was reached. "
            f"fairfront resume {result.folder} runs them (with --budget for a larger one)"
        )
    if recording:
        typer.echo(f"Next: fairfront replay record {result.folder} --to TABLE.npz")
    elif chosen is not None and chosen["test"] is None:
        typer.echo(f"Next: fairfront confirm {result.folder}")
    elif chosen is None:
        typer.echo(f"Next: fairfront resume {result.folder} --trials N goes on with more trials")

"""`fairfront data`: the only commands that look at the network."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from search.cli.say import say
from search.errors import UserError, unknown

if TYPE_CHECKING:
    from trainables.data.registry import DataSet

app = typer.Typer(help="Data sets on this machine.", no_args_is_help=True)


@app.command()
def get(
    name: Annotated[str, typer.Argument(metavar="NAME")],
    mirror: Annotated[str | None, typer.Option(metavar="URL", help="Another source.")] = None,
) -> None:
    """Downloads a data set into FAIRFRONT_DATA; goes on where an earlier download stopped."""
    from trainables.data.registry import DATASETS
    from trainables.data.sets.download import REMOTES, DownloadError
    from trainables.data.sets.download import get as download
    from trainables.data.sets.folder import data_folder

    if name in DATASETS and DATASETS[name].by_hand:
        wanted = ", ".join(DATASETS[name].missing(data_folder())) or "nothing any more"
        raise UserError(
            f"data get: {name} cannot be downloaded by a program, fetch it by hand from "
            f"{DATASETS[name].source}; {data_folder()} needs {wanted}"
        )
    if name not in REMOTES:
        raise UserError(unknown("data set to download", name, REMOTES))
    try:
        with _Bars() as bars:
            paths = download(name, base_url=mirror, progress=bars.advance)
    except (DownloadError, ValueError) as error:
        say(f"fairfront: {error}", err=True)
        raise typer.Exit(1) from error
    for path in paths:
        say(str(path))


@app.command("list")
def list_sets() -> None:
    """Shows every data set, and which files are still missing."""
    from trainables.data.registry import DATASETS
    from trainables.data.sets.folder import data_folder

    folder = data_folder()
    say(f"folder: {folder}")
    for name, data_set in DATASETS.items():
        say(f"{name}: {_state(data_set, folder)} ({data_set.summary})")


def _state(data_set: DataSet, folder: Path) -> str:
    missing = data_set.missing(folder)
    if not data_set.files:
        return "needs no files"
    return f"missing {', '.join(missing)}" if missing else "ready"


class _Bars:
    """One bar per file on a terminal; nothing elsewhere."""

    def __init__(self) -> None:
        from rich.progress import Progress, TaskID

        self._progress = Progress(transient=True)
        self._progress.disable = not self._progress.console.is_terminal
        self._tasks: dict[str, TaskID] = {}

    def __enter__(self) -> _Bars:
        self._progress.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._progress.stop()

    def advance(self, name: str, done: int, total: int | None) -> None:
        if name not in self._tasks:
            self._tasks[name] = self._progress.add_task(name, total=total)
        self._progress.update(self._tasks[name], completed=done, total=total)

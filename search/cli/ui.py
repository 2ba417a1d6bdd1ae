"""fairfront ui: MLflow's pages of one run, on this machine."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer

from search.cli.run import Folder, check_run
from search.cli.say import say


def ui(
    folder: Folder,
    port: Annotated[
        int | None, typer.Option(min=1, max=65535, help="Default: 5000, or the next free one.")
    ] = None,
    show: Annotated[bool, typer.Option("--open", help="Open a browser, too.")] = False,
) -> None:
    """Shows a run in MLflow's pages on 127.0.0.1, until Ctrl-C."""
    check_run(folder)
    from search.config.tracking_uri import masked, resolved
    from search.runs.folder import RunFolder
    from search.runs.trust import check_trusted, reached_store
    from search.tracking.stores import default_uri

    tracking = RunFolder(folder).tracking()
    uri = resolved(tracking.uri)
    if uri is not None and not _is_database(uri):
        say(f"{folder} is mirrored to the server {masked(uri)}")
        say(f"Filter its runs by: tags.`fairfront.run_id` = '{_run_id(folder)}'")
        if show and uri.startswith("http"):
            typer.launch(uri)
        return
    check_trusted(_run_id(folder), folder, "ui", reached_store(tracking), trust=False)
    _serve(folder, uri or default_uri(folder), port, show)


def _serve(folder: Path, store: str, port: int | None, show: bool) -> None:
    from search.cli.interrupt import Interruptible
    from search.tracking.server import free_port, front_page, search_page, serving

    chosen = free_port(port)
    try:
        with Interruptible() as interruption:
            _bring_up_to_date(folder, store)
            say("Starting MLflow ...", err=True)
            with serving(store, chosen, (folder / "ui.log").resolve()) as address:
                page = search_page(address, _run_id(folder))
                say(f"The search:  {page}")
                say(f"Its front:   {front_page(page)}")
                say("Ctrl-C ends it.")
                if show:
                    typer.launch(page)
                while True:
                    time.sleep(0.5)
                    interruption.check()
    except KeyboardInterrupt:
        say("\nEnded.", err=True)


def _bring_up_to_date(folder: Path, store: str) -> None:
    """What an interrupted mirror did not tell yet; that of a running search tells it itself."""
    from search.tracking.copy_state import is_mirrored
    from search.tracking.mirror import sync

    if not is_mirrored(folder):
        sync(folder, store)


def _is_database(uri: str) -> bool:
    return not uri.startswith("http") and not uri.startswith("databricks")


def _run_id(folder: Path) -> str:
    from search.journal.journal import experiment_of

    return experiment_of(folder)["run"]

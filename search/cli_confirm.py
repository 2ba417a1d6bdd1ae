"""fairfront confirm: opens the test split, once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from search.cli_folder import Folder, check_run, show, show_outdated

if TYPE_CHECKING:
    from search.journal import Event


def confirm(
    folder: Folder,
    seeds: Annotated[
        int,
        typer.Option(min=0, help="First train the chosen settings again with so many seeds."),
    ] = 0,
    address: Annotated[str | None, typer.Option(help="A running Ray cluster.")] = None,
) -> None:
    """Opens the test split once, for the front as it was chosen on tune."""
    check_run(folder)
    from analysis.seed_spread import spread_lines
    from search.confirm import confirm as open_test
    from search.run_folder import RunFolder

    if RunFolder(folder).confirmation() is not None:
        typer.echo("Confirmed before: this is what was found then; test is not opened again.")
    front = open_test(folder, seeds=seeds, address=address, listener=_tell)
    show(front)
    for line in spread_lines(front):
        typer.echo(line)
    show_outdated(folder)
    if front.get("opening") is not None:
        typer.echo(f"Openings of these test rows so far, by all runs: {front['opening']}")


def _tell(event: Event) -> None:
    if event["event"] == "trial_end":
        reason = f" ({event['reason']})" if event["reason"] else ""
        typer.echo(f"{event['trial']} {event['status']}{reason}")

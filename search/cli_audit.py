"""fairfront audit: how many trials were stopped in error?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from search.cli_folder import Folder, check_run

if TYPE_CHECKING:
    from search.journal import Event


def audit(
    folder: Folder,
    sample: Annotated[
        int | None, typer.Option(min=1, help="So many of the stopped trials; all unless given.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Draws the sample.")] = 0,
    address: Annotated[str | None, typer.Option(help="A running Ray cluster.")] = None,
) -> None:
    """Runs stopped trials to their end: how many would have become feasible?"""
    check_run(folder)
    from search.audit import audit as run_to_the_end
    from search.interrupt import Interruptible

    with Interruptible() as interruption:

        def listen(event: Event) -> None:
            interruption.check()
            if event["event"] == "trial_end":
                typer.echo(f"{event['trial']} {event['status']}")

        result = run_to_the_end(folder, sample=sample, seed=seed, address=address, on_event=listen)
    _show(result)
    typer.echo(f"Audit: {folder / 'audit.json'}")


def _show(result: dict[str, Any]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None)
    for column in ("stopped because", "audited", "in error", "95 % interval", "on the front"):
        table.add_column(column)
    rows = [*result["by_reason"], {**result, "reason": f"all, of {result['stopped']} stopped"}]
    for row in rows:
        low, high = row["interval"]
        killed = f"{row['false_kills']}"
        table.add_row(
            row["reason"],
            str(row["audited"]),
            killed,
            f"{low:.2f} - {high:.2f}",
            str(row["on_front"]),
        )
    Console().print(table)
    if result["missed"] is not None:
        low, high = result["missed_interval"]
        typer.echo(
            f"Of all trials that would have become feasible, {result['scheduler']} stopped "
            f"{result['missed']:.0%} [{low:.0%}, {high:.0%}]"
        )
    if result["not_repeated"]:
        typer.echo(
            f"Not repeated to the digit, as on GPUs or other machines: "
            f"{', '.join(result['not_repeated'])}"
        )

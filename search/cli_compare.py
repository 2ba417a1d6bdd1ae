"""fairfront compare: confirmed runs side by side, hypervolume over compute."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def compare(
    runs: Annotated[list[Path], typer.Argument(metavar="DIR...", help="Confirmed runs.")],
    to: Annotated[
        Path, typer.Option(metavar="NAME", help="Writes NAME.png, NAME.csv and NAME.json.")
    ] = Path("compare"),
) -> None:
    """Draws the hypervolume over compute of confirmed runs, with bands over their seeds.

    The runs must share what it is a hypervolume of: data, group, measures and tolerance.
    """
    from rich.console import Console
    from rich.table import Table

    from search.compare import compare as write

    result = write(runs, to)
    table = Table(box=None)
    for column in ("run", "seed", "samples", "hypervolume on tune", "on test"):
        table.add_column(column, overflow="fold")
    for run in result["runs"]:
        last = (f"{run['compute'][-1]:.3g}", f"{run['tune'][-1]:.3f}", f"{run['test'][-1]:.3f}")
        table.add_row(run["label"], str(run["seed"]), *last)
    Console().print(table)
    if not result["differences"]:
        typer.echo("No differences: they need kinds of runs that share two seeds or more.")
    for row in result["differences"]:
        typer.echo(
            f"{row['label']} - {row['against']} at {row['share']:.0%} of the common compute, "
            f"on test: {row['mean']:+.4f} [{row['low']:+.4f}, {row['high']:+.4f}], "
            f"{row['seeds']} seeds"
        )
    typer.echo(f"Figure: {to.with_suffix('.png')}")

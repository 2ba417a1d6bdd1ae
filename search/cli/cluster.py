"""`fairfront cluster`: what can be said of a cluster before any machine is asked for."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from search.cli.say import say
from search.errors import UserError

app = typer.Typer(help="Checks of cluster files.", no_args_is_help=True)


@app.callback()
def cluster() -> None:
    """Checks of cluster files."""


@app.command()
def check(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="As `ray up` takes it.")] = Path(
        "cluster.yaml"
    ),
) -> None:
    """Finds, offline, what is wrong with a cluster file: also what Ray itself lets through."""
    import yaml

    from search.cluster.check import problems

    if not file.is_file():
        raise UserError(f"cluster check: {file} must be a file, got none")
    try:
        content = yaml.safe_load(file.read_text("utf-8"))
    except yaml.YAMLError as error:
        raise UserError(f"cluster check: {file} must be YAML ({error})") from error
    if not isinstance(content, dict):
        raise UserError(f"cluster check: {file} must hold a mapping, got {type(content).__name__}")
    if found := problems(content):
        raise UserError("\n".join(f"{file}: {one}" for one in found))
    say(f"{file}: no faults found")

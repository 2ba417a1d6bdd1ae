"""The command line: fairfront search | resume | confirm | report | export | list | data."""

from __future__ import annotations

import os
import sys
from typing import Any

import typer
from typer.core import TyperGroup

from search.cli import cluster, data, listing, replay, reproduce, run, search, ui
from search.cli.interrupt import INTERRUPTED
from search.cli.say import log_plainly, say
from search.errors import UserError
from trainables.names import BadName


class ExitCodes(TyperGroup):
    """Bad input ends with one message and exit code 2, Ctrl-C with 130; all else is a failure."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except (UserError, BadName) as error:
            say(f"fairfront: {error}", err=True)
            raise typer.Exit(2) from error
        except KeyboardInterrupt as error:
            say("fairfront: interrupted", err=True)
            raise typer.Exit(INTERRUPTED) from error


app = typer.Typer(
    cls=ExitCodes,
    name="fairfront",
    help="Searches the accuracy - fairness - sparsity front of pruned networks.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
app.command()(search.search)
app.command()(search.resume)
app.command()(run.confirm)
app.command()(run.report)
app.command()(run.export)
app.command("list")(listing.list_entries)
app.command()(run.compare)
app.command()(run.gc)
app.command()(replay.audit)
app.command()(reproduce.reproduce)
app.command()(ui.ui)
app.add_typer(data.app, name="data")
app.add_typer(cluster.app, name="cluster")
app.add_typer(replay.app, name="replay")


def main() -> None:
    """The `fairfront` command."""
    log_plainly()
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

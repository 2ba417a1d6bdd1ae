"""The command line: fairfront search | resume | confirm | report | export | list | data."""

from __future__ import annotations

import errno
import gc
import os
import shlex
import sys
from pathlib import Path
from typing import Any

import typer
from typer.core import TyperGroup

from search.cli import cluster, data, listing, replay, reproduce, run, search, ui
from search.cli.interrupt import CODES, Interrupted, Interruptible
from search.cli.say import log_plainly, say
from search.errors import GOES_ON, MachineFault, UserError
from trainables.files import what_failed
from trainables.names import BadName


class ExitCodes(TyperGroup):
    """What a command ends with, where it does not succeed, and the one line that it says then.

    Bad input ends with exit code 2; a fault of the machine, as where a disk is full, with 1;
    Ctrl-C and SIGTERM with 130 and 143. All else is a failure of ours and keeps its traceback.
    """

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        ctx.meta[_TYPED] = shlex.join(["fairfront", *args])
        return super().parse_args(ctx, args)

    def invoke(self, ctx: Any) -> Any:
        typed = ctx.meta[_TYPED]
        GOES_ON.set(typed)
        with Interruptible() as interruption:
            try:
                _check_started_somewhere()
                return super().invoke(ctx)
            except MachineFault as error:
                told = error if error.again is not None else MachineFault(error.fault, typed)
                raise _end(f"fairfront: {told}", told.exit_code) from error
            except (UserError, BadName) as error:
                raise _end(f"fairfront: {error}", UserError.exit_code) from error
            except OSError as error:
                if error.errno in (None, errno.EPIPE):  # a pipe that nobody reads any more
                    raise
                told = MachineFault(what_failed(error), typed)
                raise _end(f"fairfront: {told}", told.exit_code) from error
            except KeyboardInterrupt as error:
                how = error.how if isinstance(error, Interrupted) else f"Go on with: {typed}"
                raise _end(f"\nInterrupted. {how}", interruption.code) from error


_TYPED = "search.cli.app.typed"  # where a context keeps the command as it was typed


def _check_started_somewhere() -> None:
    """Where the current folder is gone, numeric libraries abort as soon as they are loaded."""
    try:
        Path.cwd()
    except FileNotFoundError as error:
        raise UserError(
            "the folder that this was started in is gone; change to another"
        ) from error


def _end(line: str, code: int) -> typer.Exit:
    say(line, err=True)
    return typer.Exit(code)


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
    gc.set_threshold(50_000, 20, 100)  # imports make objects by the million, and hardly garbage
    log_plainly()
    try:
        app()
    except SystemExit as end:
        if isinstance(end.code, int) and end.code in CODES:
            # Interrupted in the middle of their work, native threads of Ray and torch can crash
            # the teardown of the interpreter; all that matters is on the disk by now.
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(end.code)
        raise

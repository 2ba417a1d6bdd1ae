"""What is said on the terminal: text that comes from data or files cannot act on it.

Names of groups, columns and methods may have been written by anybody. An escape code among them
could hide lines or retype them, so control characters are shown as what they are: \\x1b.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text


def plain(text: object) -> str:
    """A text whose characters are printable, or newlines and tabs; all others as escapes."""
    return "".join(
        char
        if char.isprintable() or char in "\n\t"
        else char.encode("unicode_escape").decode("ascii")
        for char in str(text)
    )


def say(text: object, *, err: bool = False) -> None:
    """Prints a line, with `err` to standard error."""
    typer.echo(plain(text), err=err)


def cells(*texts: str) -> list[Text]:
    """Cells of a table as they are: nothing in them is markup either."""
    from rich.text import Text  # for lines alone it need not be loaded

    return [Text(plain(text)) for text in texts]


def show_table(table: Table, narrow: Table | None = None, console: Console | None = None) -> None:
    """Prints a table, as wide as it is into files and pipes, which have no width.

    On a terminal that is narrower than it, `narrow` is shown instead.
    """
    from rich.console import Console

    console = Console() if console is None else console
    needed = console.measure(table, options=console.options.update(max_width=_ANY)).maximum
    if not console.is_terminal:
        console.width = max(console.width, needed)
    console.print(narrow if narrow is not None and needed > console.width else table)


_ANY = 10_000  # columns: wider than any table


class _Plain(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        return plain(super().format(record))


def log_plainly() -> None:
    """Warnings that no handler takes, as Python prints them, but for control characters."""
    if logging.lastResort is not None:
        logging.lastResort.setFormatter(_Plain("%(message)s"))

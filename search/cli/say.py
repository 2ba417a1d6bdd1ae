"""What is said on the terminal: text that comes from data or files cannot act on it.

Names of groups, columns and methods may have been written by anybody. An escape code among them
could hide lines or retype them, so control characters are shown as what they are: \\x1b.
"""

from __future__ import annotations

import logging

import typer
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
    return [Text(plain(text)) for text in texts]


class _Plain(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        return plain(super().format(record))


def log_plainly() -> None:
    """Warnings that no handler takes, as Python prints them, but for control characters."""
    if logging.lastResort is not None:
        logging.lastResort.setFormatter(_Plain("%(message)s"))

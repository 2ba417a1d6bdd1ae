"""The one kind of error that is the user's to mend, and what it says of an unknown name."""

from __future__ import annotations

from collections.abc import Iterable
from contextvars import ContextVar
from typing import ClassVar

from trainables.names import nearest

GOES_ON: ContextVar[str | None] = ContextVar("goes_on", default=None)
"""The command that goes on with what is under way, for whoever has to end it at once."""


class UserError(ValueError):
    """Bad input. The command line prints its message, without a traceback, and exits with 2."""

    exit_code: ClassVar[int] = 2


class MachineFault(UserError):
    """A full disk, a lost share, a Ray that died: no input is to blame, but the user can mend it.

    What was under way is left as it is, and the command `again` goes on with it. The command line
    exits with 1.
    """

    exit_code: ClassVar[int] = 1

    def __init__(self, fault: str, again: str | None = None) -> None:
        told = f"{fault}; stopped, and nothing is lost: once that is mended, `{again}` goes on"
        super().__init__(fault if again is None else told)
        self.fault, self.again = fault, again


def unknown(kind: str, name: object, known: Iterable[str]) -> str:
    """What to say about a name that is not one of `known`, which may not be empty."""
    names = sorted(known)
    close = nearest(str(name), names)
    hint = f"; did you mean {close!r}?" if close else ";"
    return f"unknown {kind} {name!r}{hint} known: {', '.join(names)}"

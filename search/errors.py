"""The one kind of error that is the user's to mend, and what it says of an unknown name."""

from __future__ import annotations

from collections.abc import Iterable

from trainables.names import nearest


class UserError(ValueError):
    """Bad input. The command line prints its message, without a traceback, and exits with 2."""


def unknown(kind: str, name: object, known: Iterable[str]) -> str:
    """What to say about a name that is not one of `known`, which may not be empty."""
    names = sorted(known)
    close = nearest(str(name), names)
    hint = f"; did you mean {close!r}?" if close else ";"
    return f"unknown {kind} {name!r}{hint} known: {', '.join(names)}"

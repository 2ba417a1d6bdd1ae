"""The one kind of error that is the user's to mend, and how unknown names are answered."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class UserError(ValueError):
    """Bad input. The command line prints its message, without a traceback, and exits with 2."""


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name that `name` was most likely meant to be, or None where none is close."""
    folded = {one.casefold(): one for one in known}
    close = difflib.get_close_matches(name.casefold(), folded, n=1, cutoff=0.5)
    return folded[close[0]] if close else None


def unknown(kind: str, name: object, known: Iterable[str]) -> str:
    """What to say about a name that is not one of `known`, which may not be empty."""
    names = sorted(known)
    close = nearest(str(name), names)
    hint = f"; did you mean {close!r}?" if close else ";"
    return f"unknown {kind} {name!r}{hint} known: {', '.join(names)}"

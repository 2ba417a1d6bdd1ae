"""How names and errors are told: such as are not known, or must not become part of a path."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence


class BadName(ValueError):
    """A name that was read from a file and must not become part of a path."""


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name that `name` was probably meant to be, or None where none is close."""
    by_folded = {each.casefold(): each for each in sorted(known)}
    close = difflib.get_close_matches(name.casefold(), by_folded, n=1, cutoff=0.6)
    return by_folded[close[0]] if close else None


def known_names(name: str, known: Iterable[str]) -> str:
    """What to say after an unknown `name`: the nearest known one, then all that are known."""
    names = sorted(known)
    close = nearest(name, names)
    guess = f"did you mean {close!r}? " if close else ""
    return f"{guess}known: {', '.join(names) or 'none'}"


def listed(names: Sequence[str], most: int) -> str:
    """`a, b and 3 more`: the first of them, up to `most`."""
    more = len(names) - most
    return ", ".join(names[:most]) + (f" and {more} more" if more > 0 else "")


def first_line(error: BaseException) -> str:
    """What kind of error it is, and the first line of what it says."""
    said = (str(error).strip() or "no message").splitlines()[0]
    return f"{type(error).__name__}: {said}"

"""Whether a folder can take a new search: a new or empty one, or one in which none has begun."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from pathlib import Path

from search.errors import UserError
from search.journal.journal import has_begun, is_written


def refuse_run(path: Path) -> None:
    """Raises UserError where a search has begun in the folder, or another process writes there."""
    if has_begun(path):
        raise UserError(
            f"out: {path} holds a run already; `fairfront resume {path}` goes on "
            f"with it, another --out starts a new one"
        )
    if is_written(path):
        raise UserError(f"out: {path} is being written by another search; wait, or name another")


def refuse_strange(path: Path, known: Collection[str]) -> None:
    """Raises UserError where there is anything but what a search leaves that has not begun:
    files of `known` names, half written or whole."""
    names = [one.name.split(".partial-")[0] for one in path.iterdir()] if path.is_dir() else []
    if (path.exists() and not path.is_dir()) or not set(names) <= set(known):
        raise UserError(f"out: must be a new or empty folder, got {path}")


def clear(path: Path, names: Iterable[str]) -> None:
    """Removes what must not be read as if the search that starts had written it."""
    for name in names:
        (path / name).unlink(missing_ok=True)

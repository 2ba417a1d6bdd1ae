"""Places that a search writes to, tried before anything is trained."""

from __future__ import annotations

import errno
import os
import tempfile
from contextlib import suppress
from pathlib import Path

from search.errors import UserError
from search.journal.opening_ledger import LEDGER, ledger_path
from trainables.files import CACHE, cache_folder

_LONGEST = 100  # letters: names in the cache and of Ray's folders are nearly as long


def check_places(out: Path | None) -> None:
    """Raises UserError, naming the place, where the run's folder `out`, the cache of dense nets or
    the folder of the ledger cannot be made and written.

    `confirm` wants the ledger only after the search, and opens no test without it. What is made to
    find out is removed again.
    """
    if out is not None:
        _try(out, "out", "--out names another")
    cache = cache_folder()
    chosen = CACHE in os.environ
    _try(cache, CACHE if chosen else "cache", f"{CACHE} names another")
    _try(
        ledger_path().parent,
        LEDGER if LEDGER in os.environ else "ledger",
        f"{LEDGER} names another",
    )


def check_new(out: Path | None) -> None:
    """`check_places`, and that `out` holds no run yet."""
    if out is not None:
        from search.runs.folder import RunFolder  # loads pandas

        RunFolder(out).refuse_existing()
    check_places(out)


def _try(folder: Path, who: str, remedy: str) -> None:
    made: list[Path] = []
    try:
        for place in reversed([folder, *folder.parents]):
            if place.exists() and not place.is_dir():
                raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))
            if not place.exists():
                place.mkdir()
                made.append(place)
        with tempfile.TemporaryFile(dir=folder, prefix="x" * (_LONGEST - 8)) as file:
            file.write(b"written")
            file.flush()
    except OSError as error:
        rule = f"{folder} must be a folder that can be made and written"
        reason = error.strerror or str(error)
        raise UserError(f"{who}: {rule}, got: {reason}; {remedy}") from error
    finally:
        for place in reversed(made):
            with suppress(OSError):  # somebody else has begun to use it
                place.rmdir()

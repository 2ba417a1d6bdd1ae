"""Loops over plain arrays as machine code, by numba: kept in the user's cache folder."""

from __future__ import annotations

import gc
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

from trainables.files import cache_folder, code_digest

_declaring = threading.Lock()  # numba's settings are those of the process


def machine_code(function: Callable[..., Any], **options: Any) -> Callable[..., Any]:
    """`function` compiled by numba when it is first called, or read from the cache folder.

    What is read there was compiled from the sources that its package has now: numba itself asks
    for the function's file alone, and not for those of the functions that it calls.
    numba is loaded here, so only where it is needed. `options` are those of `numba.njit`.
    `NUMBA_CACHE_DIR`, where it is set, names the folder instead.
    """
    with _declaring, collector_paused():
        import numba

        folder = code_folder()
        config: Any = numba.config
        before = config.CACHE_DIR
        keeps = folder is not None
        if folder is not None:
            # where the code of a function that is declared now is kept from then on
            sources = Path(function.__code__.co_filename).parent
            config.CACHE_DIR = str(folder / sources_digest(sources))
        try:
            made: Callable[..., Any] = numba.njit(nogil=True, cache=keeps, **options)(function)
        finally:
            config.CACHE_DIR = before
        if keeps:
            _load_lightly(made)
        return made


@cache
def sources_digest(folder: Path) -> str:
    """Of the Python files in a folder."""
    return code_digest(folder)[:16]


def _load_lightly(made: Any) -> None:
    """Has code that is kept loaded without numba's tables of everything that it can compile.

    To fill them takes half a second in every process, and only who compiles needs them. Where
    this numba does not look as we know it, it goes on as always.
    """
    cache: Any = getattr(made, "_cache", None)
    parts = ("_load_overload", "_guard_against_spurious_io_errors", "load_overload")
    if not all(hasattr(cache, part) for part in parts):
        return
    load: Callable[..., Any] = cache.load_overload

    def load_or_begin(signature: Any, target: Any) -> Any:
        from numba.core.runtime import rtsys

        rtsys.initialize(target)  # what compiled code calls for memory
        found = None
        with collector_paused(), cache._guard_against_spurious_io_errors():
            found = cache._load_overload(signature, target)
        return load(signature, target) if found is None else found

    cache.load_overload = load_or_begin


@contextmanager
def collector_paused() -> Iterator[None]:
    """No search for garbage in a `with` block.

    What makes many objects that stay, as an import does, has all of the process looked through
    again and again.
    """
    active = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if active:
            gc.enable()


def code_folder() -> Path | None:
    """Where compiled code is kept; None where nothing can be written there."""
    folder = Path(os.environ.get("NUMBA_CACHE_DIR") or cache_folder() / "numba")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        TemporaryFile(dir=folder).close()
    except OSError:
        return None
    return folder

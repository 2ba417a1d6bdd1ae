"""Workers that load what trials need while Ray starts: trials wait for them.

A worker that is still loading is known to Ray, but nothing can be given to it. Whoever asks for
one then gets another, which has to load all the same: so nobody asks before they are done.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from trainables.trial.names import LOADED

PATIENCE = 60.0  # seconds; a busy machine takes half of it
LOOK = 0.05
_expected: dict[Path, int] = {}  # folder of their marks -> workers


@contextmanager
def loading(folder: Path, workers: int) -> Iterator[None]:
    """Within the block so many workers are expected to leave a mark in `folder`."""
    _expected[folder] = workers
    try:
        yield
    finally:
        del _expected[folder]


def wait_until_loaded(over: Callable[[], bool]) -> None:
    """Returns when they have loaded, or it is `over`, or took too long."""
    deadline = time.monotonic() + PATIENCE
    for folder, workers in _expected.items():
        while len(list(folder.glob(f"{LOADED}-*"))) < workers:
            if over() or time.monotonic() > deadline:
                return
            time.sleep(LOOK)

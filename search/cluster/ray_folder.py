"""The folder of a Ray of our own: private, short enough for its sockets, gone when it ends."""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from search.errors import UserError

_PREFIX = "ff-"
_SOCKET_BYTES = 107  # the longest path of a Unix socket
# What Ray and mkdtemp append: /ff-abcdefgh, /session_<date>_<time>_<microseconds>_<process>,
# /sockets/plasma_store
_APPENDED = 1 + len(_PREFIX) + 8 + 1 + 43 + 22
_SHORT = ("/tmp", "/var/tmp", "/dev/shm")
_PATIENCE, _PAUSE = 10.0, 0.1  # seconds


def temporary_place() -> Path:
    """Where the folder is made: where temporary files go, or, where that is too long, in /tmp.

    RAY_TMPDIR and TMPDIR, which batch systems set, say where temporary files go. Raises UserError,
    naming them, where no place is short enough and can be written.
    """
    asked = os.environ.get("RAY_TMPDIR") or os.environ.get("TMPDIR") or tempfile.gettempdir()
    for place in (asked, *_SHORT):
        fits = len(os.fsencode(os.path.abspath(place))) + _APPENDED <= _SOCKET_BYTES
        if fits and os.path.isdir(place) and os.access(place, os.W_OK | os.X_OK):
            return Path(os.path.abspath(place))
    raise UserError(
        f"TMPDIR: must be a folder that can be written, with a path of at most "
        f"{_SOCKET_BYTES - _APPENDED} bytes so that Ray's sockets fit, got {asked!r}; "
        f"neither can {', '.join(_SHORT)} be used in its place"
    )


@contextmanager
def ray_folder() -> Iterator[Path]:
    """A folder that only this user may read, for the length of a `with` block.

    Left alone, Ray keeps its sessions, with logs and sockets, in one that all may write.
    """
    path = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=temporary_place()))
    try:
        yield path
    finally:
        _wait_for_the_last(path)
        shutil.rmtree(path, ignore_errors=True)


def _wait_for_the_last(path: Path) -> None:
    """Until none of Ray's processes works in the folder: one that is still starting when Ray is
    told to end, as on a busy machine, would make the folder again. It is ended in the end."""
    last = time.monotonic() + _PATIENCE
    while _processes_in(path) and time.monotonic() < last:
        time.sleep(_PAUSE)
    for process in _processes_in(path):
        with suppress(OSError):  # it has ended meanwhile
            os.kill(process, signal.SIGKILL)


def _processes_in(path: Path) -> list[int]:
    """Those whose command names the folder; none where the system does not list them in /proc."""
    found = []
    for command in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):  # it has ended meanwhile
            if os.fsencode(path) in command.read_bytes():
                found.append(int(command.parent.name))
    return found

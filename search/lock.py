"""One writer a run folder: a lock that ends with the process that holds it, however that ends."""

from __future__ import annotations

import logging
import os
import socket
from pathlib import Path
from typing import BinaryIO

from search.errors import UserError
from trainables.file_lock import NoLocks, take_lock

log = logging.getLogger(__name__)

LOCK = "journal.lock"


class WriteLock:
    """Held from construction to `release`, or to the death of this process.

    The file stays behind, the lock does not (see `take_lock`). Where the file system has no locks
    at all, a warning says that nothing keeps a second writer out.
    """

    def __init__(self, folder: Path) -> None:
        """Raises UserError naming the holder where another process writes this run."""
        self._file: BinaryIO = (folder / LOCK).open("a+b", buffering=0)
        try:
            taken = take_lock(self._file)
        except NoLocks:
            taken = True
            log.warning("%s: its file system has no locks; never write it twice at once", folder)
        except OSError:
            self._file.close()
            raise
        if not taken:
            holder = _holder(self._file)
            self._file.close()
            raise UserError(
                f"{folder}: is being written by {holder}; wait for its end, or stop it first"
            )
        self._file.truncate(0)
        self._file.write(f"process {os.getpid()} on {socket.gethostname()}".encode())

    def release(self) -> None:
        self._file.close()


def refuse_if_written(folder: Path) -> None:
    """Raises UserError where another process writes this run now."""
    WriteLock(folder).release()


def is_written(folder: Path) -> bool:
    """Whether another process writes this run now. Changes nothing, not even the lock's file."""
    path = folder / LOCK
    if not path.exists():
        return False
    with path.open("rb") as file:
        try:
            return not take_lock(file, shared=True)
        except NoLocks:
            return False


def _holder(file: BinaryIO) -> str:
    file.seek(0)
    return file.read(1000).decode(errors="replace") or "another process"

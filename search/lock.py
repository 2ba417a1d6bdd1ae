"""One writer a run folder: a lock that ends with the process that holds it, however that ends."""

from __future__ import annotations

import errno
import fcntl
import logging
import os
import socket
from pathlib import Path
from typing import BinaryIO

from search.errors import UserError

log = logging.getLogger(__name__)

LOCK = "journal.lock"
_NO_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP)  # a file system that has none


class WriteLock:
    """Held from construction to `release`, or to the death of this process.

    An advisory lock of the operating system (flock): the file stays behind, the lock does not. On
    a folder shared by several machines it holds between them where the file system passes locks
    on (NFS does so by default, not when mounted with `nolock` or `local_lock`); where there are no
    locks at all, a warning says that nothing keeps a second writer out.
    """

    def __init__(self, folder: Path) -> None:
        """Raises UserError naming the holder where another process writes this run."""
        self._file: BinaryIO = (folder / LOCK).open("a+b", buffering=0)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = _holder(self._file)
            self._file.close()
            raise UserError(
                f"{folder}: is being written by {holder}; wait for its end, or stop it first"
            ) from None
        except OSError as error:
            if error.errno not in _NO_LOCKS:
                self._file.close()
                raise
            log.warning("%s: its file system has no locks; never write it twice at once", folder)
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
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        except OSError as error:
            if error.errno not in _NO_LOCKS:
                raise
        return False


def _holder(file: BinaryIO) -> str:
    file.seek(0)
    return file.read(1000).decode(errors="replace") or "another process"

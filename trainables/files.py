"""Files that appear whole or not at all, and locks that end with the process that holds them."""

from __future__ import annotations

import errno
import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

_MISSING = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP)  # of a file system that has none


class NoLocks(OSError):
    """The file system knows no locks."""


def take_lock(file: IO[bytes], *, shared: bool = False) -> bool:
    """Whether the lock of an open file could be had; never waits for it.

    An advisory lock of the operating system (flock), let go when the file is closed. Between
    several machines it holds where their file system passes locks on (NFS does so by default, not
    when mounted with `nolock` or `local_lock`). Raises NoLocks where there are none at all.
    """
    kind = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
    try:
        fcntl.flock(file, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        if error.errno in _MISSING:
            raise NoLocks(*error.args) from error
        raise
    return True


def drop_lock(file: IO[bytes]) -> None:
    """Lets the lock go and closes the file: copies that a forked process holds keep nothing."""
    fcntl.flock(file, fcntl.LOCK_UN)
    file.close()


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Where to write what is to be at `path`: it gets there when the block ends, so that a reader
    sees the old file or the new one, never half of it. On an error the old one stays.

    A process that is killed meanwhile leaves `<name>.partial-<its number>` beside it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f"{path.name}.partial-{os.getpid()}")
    try:
        yield partial
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)

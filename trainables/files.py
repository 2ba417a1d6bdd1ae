"""Files that appear whole or not at all, locks that end with their process, the cache folder."""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import secrets
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any, BinaryIO, Literal, cast

CACHE = "FAIRFRONT_CACHE"  # the variable that names the cache folder
_MISSING = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP)  # of a file system that has none


def cache_folder() -> Path:
    """Of what can be made again: `$FAIRFRONT_CACHE`, or `fairfront` in the user's cache folder."""
    if chosen := os.environ.get(CACHE):
        return Path(chosen)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "fairfront"


def code_digest(folder: Path, left_out: Sequence[str] = ()) -> str:
    """sha256 of the Python files in a folder, by their names, but for those under `left_out`."""
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*.py")):
        name = path.relative_to(folder).as_posix()
        if not any(f"{name}/".startswith(f"{part}/") for part in left_out):
            digest.update(f"{name}\x1f".encode() + path.read_bytes())
    return digest.hexdigest()


class NoLocks(OSError):
    """The file system knows no locks."""


def take_lock(file: IO[Any], *, shared: bool = False, wait: bool = False) -> bool:
    """Locks an open file; False where another process has it locked, unless this is to wait.

    The lock is an advisory one of the operating system (flock) and ends when the file is closed,
    so with its process. Between several machines it holds where their file system passes locks on
    (NFS does so by default, not when mounted with `nolock` or `local_lock`). Raises NoLocks where
    the file system has none at all.
    """
    kind = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
    try:
        fcntl.flock(file, kind if wait else kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        if error.errno in _MISSING:
            raise NoLocks(*error.args) from error
        raise
    return True


def drop_lock(file: IO[bytes]) -> None:
    """Ends the lock and closes the file.

    Closing alone would not do: a forked process may still hold a copy of the open file.
    """
    fcntl.flock(file, fcntl.LOCK_UN)
    file.close()


def what_failed(error: OSError) -> str:
    """An error of the operating system in words: "No space left on device: runs/a/front.json"."""
    words = error.strerror or str(error) or type(error).__name__
    return words if error.filename is None else f"{words}: {error.filename}"


def opened_here(path: Path, mode: Literal["ab", "a+b", "r+b", "wb"], **options: Any) -> BinaryIO:
    """The file opened for writing, where it is no link: a run's folder may come from somebody who
    put one there, to a file of this user's. Raises OSError where it is one."""

    def opener(name: str, flags: int) -> int:
        return os.open(name, flags | os.O_NOFOLLOW, 0o666)

    return cast("BinaryIO", open(path, mode, opener=opener, **options))


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """A path to write a file to that is moved to `path` when the `with` block ends.

    So a reader sees the old file or the new one, never half of it, also after a power cut: what
    is moved is on the disk by then. On an error the old one stays.
    An OSError names `path`, which Python leaves out where a disk is full.
    A process that is killed meanwhile leaves `<name>.partial-<hex>` beside it: digits that nobody
    can foresee, or a link put in its place would be followed.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f"{path.name}.partial-{secrets.token_hex(8)}")
    try:
        yield partial
        _sync(partial)
        partial.replace(path)
        with suppress(OSError):  # not all file systems can
            _sync(path.parent)
    except OSError as error:
        if error.errno is not None:  # else Python would tell the name and not what went wrong
            error.filename = error.filename or str(path)
        raise
    finally:
        partial.unlink(missing_ok=True)


@contextmanager
def whole_folder(path: Path) -> Iterator[Path]:
    """A new folder to fill that is moved to `path` when the `with` block ends.

    At `path` there may be an empty folder, which it replaces. On an error nothing is left.
    A process that is killed meanwhile leaves `<name>.partial-<hex>` beside it.
    """
    path = path.resolve()
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f"{path.name}.partial-{secrets.token_hex(8)}")
    partial.mkdir()
    try:
        yield partial
        partial.rename(path)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _sync(path: Path) -> None:
    """Waits until a file's content, or a folder's names, are on the disk."""
    opened = os.open(path, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)

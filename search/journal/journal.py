"""The append-only record of every report: the only source of truth about a search.

It has one writer: a lock that ends with the process that holds it, however that ends.
"""

from __future__ import annotations

import logging
import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, cast

from analysis.events import JOURNAL, DamagedJournal, line_of, next_number, whole_lines
from search.errors import UserError
from search.journal.events import Dense, Event, Experiment
from search.journal.order import Order
from trainables.files import NoLocks, opened_here, take_lock

log = logging.getLogger(__name__)

LOCK = "journal.lock"
NOT_BEGUN = (
    "{0}: its search ended before it had begun; `fairfront resume {0}` goes on with its dense "
    "net, and `fairfront search` with the experiment's own file and that --out starts it again"
)


class WriteLock:
    """Held from construction to `release`, or to the death of this process.

    The file stays behind, the lock does not (see `take_lock`). Where the file system has no locks
    at all, a warning says that nothing keeps a second writer out.
    """

    def __init__(self, folder: Path) -> None:
        """Raises UserError naming the holder where another process writes this run."""
        self._file: BinaryIO = opened_here(folder / LOCK, "a+b", buffering=0)
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


class Journal:
    """Appends events to `journal.jsonl`, one JSON object a line, the last keys its number and its
    checksum (see analysis/events.py). While it is open no other process can open it.

    A line is handed to the operating system before `append` returns, so the death of this process
    loses nothing. A torn last line (the machine went down) is cut off when the file is opened.
    """

    def __init__(self, folder: Path) -> None:
        """Raises UserError where another process writes this run."""
        self.path = folder / JOURNAL
        self._lock = WriteLock(folder)
        if self.path.exists():
            whole = whole_lines_end(self.path)
            with opened_here(self.path, "r+b") as file:
                file.truncate(whole)
        self._file = opened_here(self.path, "ab", buffering=0)
        self._number: int | None = None  # of the line that is written next

    def append(self, event: Event) -> Event:
        """Writes an event with its time and returns that. Raises ValueError on NaN: JSON has no
        such number."""
        timed = {"event": event["event"], "time": round(time.time(), 3), **event}  # kind first
        number = self._number or next_number(self.path)
        self._write(line_of(timed, number))
        self._number = number + 1
        return cast("Event", timed)

    def _write(self, line: bytes) -> None:
        """All of `line` or nothing: a full disk must not leave half of it before the next one."""
        end = self._file.tell()
        try:
            written = self._file.write(line)
            while written < len(line):
                written += self._file.write(line[written:])
        except BaseException as error:
            self._file.truncate(end)
            if isinstance(error, OSError):
                error.filename = str(self.path)  # Python leaves it out where a disk is full
            raise

    def close(self) -> None:
        os.fsync(self._file.fileno())
        self._file.close()
        self._lock.release()


def whole_lines_end(path: Path) -> int:
    """The offset just behind the last complete line."""
    size = path.stat().st_size
    with path.open("rb") as file:
        end = size
        while end > 0:
            begin = max(0, end - 65536)
            file.seek(begin)
            at = file.read(end - begin).rfind(b"\n")
            if at >= 0:
                return begin + at + 1
            end = begin
    return 0


def read_events(path: Path) -> Iterator[Event]:
    """The events of a journal's complete lines, oldest first; a torn last line is left out.

    Raises UserError where something other than its writer changed it: where a line is not what was
    written, or where lines are missing, there twice or out of their order.
    """
    order = Order()
    try:
        for line in whole_lines(path):
            if line.event is None:
                continue
            if (why := order.take(line.event)) is not None:
                raise DamagedJournal(f"{path}: line {line.number} {why}")
            yield cast("Event", line.event)
    except DamagedJournal as error:
        raise UserError(f"{error}; {_remedy(path.parent)}") from error


def _remedy(folder: Path) -> str:
    """What to do about the journal of a run, or of what a command keeps in a run's folder."""
    run = folder.parent
    again = {"seeds": f"confirm {run} --seeds K", "audit": f"audit {run}"}.get(folder.name)
    if again is not None and (run / JOURNAL).exists():
        return f"remove {folder}: `fairfront {again}` then begins it anew"
    return (
        f"`fairfront resume {folder} --repair` sets aside what is damaged and runs the trials it "
        f"was about again"
    )


def has_begun(folder: Path) -> bool:
    """Whether there is a search to go on with, which had a dense net; raises as `read_events`."""
    path = folder / JOURNAL
    return path.exists() and any(event["event"] == "dense" for event in read_events(path))


def experiment_of(folder: Path) -> Experiment:
    """The first event of a run: what its journal says of data and objective.

    Raises UserError where it is missing.
    """
    for event in read_events(folder / JOURNAL):
        if event["event"] == "experiment":
            return event
    raise UserError(NOT_BEGUN.format(folder))


def dense_of(folder: Path) -> Dense:
    """What the journal of a run says of the dense net. Raises UserError where it is missing."""
    for event in read_events(folder / JOURNAL):
        if event["event"] == "dense":
            return event
    raise UserError(NOT_BEGUN.format(folder))

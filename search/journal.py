"""The append-only record of every report: the only source of truth about a search."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from analysis import events
from analysis.events import DamagedJournal, Event, line_of
from search.errors import UserError
from search.lock import WriteLock

__all__ = ["Event", "Journal", "read_events"]


class Journal:
    """Appends events to `journal.jsonl`, one JSON object a line, the last key its checksum (see
    analysis/events.py). While it is open no other process can open it.

    A line is handed to the operating system before `append` returns, so the death of this process
    loses nothing. A torn last line (the machine went down) is cut off when the file is opened.
    """

    def __init__(self, folder: Path) -> None:
        """Raises UserError where another process writes this run."""
        self.path = folder / "journal.jsonl"
        self._lock = WriteLock(folder)
        if self.path.exists():
            whole = whole_lines_end(self.path)
            with self.path.open("r+b") as file:
                file.truncate(whole)
        self._file = self.path.open("ab", buffering=0)

    def append(self, kind: str, **facts: Any) -> Event:
        """Writes one event and returns it. Raises ValueError on NaN: JSON has no such number."""
        event: Event = {"event": kind, "time": round(time.time(), 3), **facts}
        self._write(line_of(event))
        return event

    def _write(self, line: bytes) -> None:
        """All of `line` or nothing: a full disk must not leave half of it before the next one."""
        end = self._file.tell()
        try:
            written = self._file.write(line)
            while written < len(line):
                written += self._file.write(line[written:])
        except BaseException:
            self._file.truncate(end)
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

    Raises UserError where something other than its writer changed it.
    """
    try:
        yield from events.read_events(path)
    except DamagedJournal as error:
        raise UserError(
            f"{error}; `fairfront resume {path.parent} --repair` sets aside what is damaged and "
            f"runs the trials it was about again"
        ) from error

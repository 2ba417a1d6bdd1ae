"""The append-only record of every report: the only source of truth about a search."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

Event = dict[str, Any]  # {"event": kind, "time": unix seconds, ...}, JSON-able


class Journal:
    """Appends events to `journal.jsonl`, one JSON object a line.

    A line is handed to the operating system before `append` returns, so the death of this process
    loses nothing. A torn last line (the machine went down) is cut off when the file is opened.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / "journal.jsonl"
        if self.path.exists():
            whole = whole_lines_end(self.path)
            with self.path.open("r+b") as file:
                file.truncate(whole)
        self._file = self.path.open("ab", buffering=0)

    def append(self, kind: str, **facts: Any) -> Event:
        """Writes one event and returns it. Raises ValueError on NaN: JSON has no such number."""
        event: Event = {"event": kind, "time": round(time.time(), 3), **facts}
        line = json.dumps(event, allow_nan=False, separators=(",", ":")) + "\n"
        self._file.write(line.encode())
        return event

    def close(self) -> None:
        os.fsync(self._file.fileno())
        self._file.close()


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
    """The complete lines of a journal, oldest first; a torn last line is left out."""
    with path.open("rb") as file:
        for line in file:
            if line.endswith(b"\n"):
                yield json.loads(line)

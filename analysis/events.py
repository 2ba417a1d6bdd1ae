"""The journal's format: one JSON object a line, each line with a checksum of its own.

A line ends in `,"crc":"<8 hex digits>"}`: the CRC-32 of the line's bytes before that. A journal
that an older version began has first lines without a checksum; behind the first line that has one,
all must have one. A repair blanks the lines that it sets aside, so that all others stay at their
offsets.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zlib import crc32

JOURNAL = "journal.jsonl"  # its name in a run's folder

Event = dict[str, Any]  # {"event": kind, "time": unix seconds, ...}, JSON-able

_KEY = b',"crc":"'
_TAIL = len(_KEY) + len(b'01234567"}')  # how many bytes of a line are its checksum


class DamagedJournal(ValueError):
    """Something other than its writer changed a journal."""


@dataclass(frozen=True)
class Line:
    """One whole line of a journal, at `begin` in the file. Its `event` is None where it is damaged
    or blank; `why` says what is wrong with a damaged one."""

    number: int  # from 1
    begin: int
    end: int  # offset just behind its newline
    event: Event | None
    why: str | None = None


def line_of(event: Event) -> bytes:
    """An event's line with its newline. Raises ValueError on NaN: JSON has no such number."""
    body = json.dumps(event, allow_nan=False, separators=(",", ":")).encode()[:-1]
    return b'%s%s%08x"}\n' % (body, _KEY, crc32(body))


def event_of(line: bytes, *, checked: bool = False) -> Event | None:
    """The event of a whole line, None of a blank one.

    Raises DamagedJournal where it is not what was written; `checked` lines must have a checksum.
    """
    stripped = line.rstrip(b"\r\n")
    if not stripped.strip(b" "):
        return None
    if has_checksum(line):
        if b"%08x" % crc32(stripped[:-_TAIL]) != stripped[-10:-2]:
            raise DamagedJournal("does not match its checksum")
    elif checked:
        raise DamagedJournal("has no checksum")
    try:
        event = json.loads(stripped)
    except ValueError:
        raise DamagedJournal(f"must be a JSON object, got {stripped[:60]!r}") from None
    if not isinstance(event, dict) or "event" not in event:
        raise DamagedJournal(f'must be a JSON object with "event", got {stripped[:60]!r}')
    event.pop("crc", None)
    return event


def has_checksum(line: bytes) -> bool:
    """Whether a whole line ends in one, right or wrong."""
    stripped = line.rstrip(b"\r\n")
    return stripped[-_TAIL:].startswith(_KEY) and stripped.endswith(b'"}')


def lines_of(path: Path) -> Iterator[Line]:
    """The whole lines of a journal, damaged ones too; a torn last line, without newline, is left
    out: its writer was killed."""
    end, checked = 0, False
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            if not line.endswith(b"\n"):
                return
            begin, end = end, end + len(line)
            try:
                yield Line(number, begin, end, event_of(line, checked=checked))
                checked = checked or has_checksum(line)
            except DamagedJournal as error:
                yield Line(number, begin, end, None, str(error))


def read_events(path: Path) -> Iterator[Event]:
    """The events of a journal, oldest first. Raises DamagedJournal naming file and line."""
    for line in lines_of(path):
        if line.why is not None:
            raise DamagedJournal(f"{path}: line {line.number} {line.why}")
        if line.event is not None:
            yield line.event

"""The journal's format: one JSON object a line, each line with a checksum of its own.

A line ends in `,"line":<its number>,"crc":"<8 hex digits>"}`: lines are numbered from 1, so that
none can be missing, there twice or out of its place, and the CRC-32 is of the line's bytes before
it. A journal that an older version began has first lines without a checksum or a number; behind
the first line that has one, all must have one. A repair blanks the lines that it sets aside, so
that all others stay at their offsets; where lines are missing, the next one says "jump" instead of
"line" after it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zlib import crc32

JOURNAL = "journal.jsonl"  # its name in a run's folder

Event = dict[str, Any]  # {"event": kind, "time": unix seconds, ...}, JSON-able

_KEY = b',"crc":"'
_NUMBER = re.compile(rb',"(line|jump)":(\d+)$')  # behind it comes the checksum
_TAIL = len(_KEY) + len(b'01234567"}')  # how many bytes of a line are its checksum


class DamagedJournal(ValueError):
    """Something other than its writer changed a journal."""


@dataclass(frozen=True)
class Line:
    """One whole line of a journal, at `begin` in the file. Its `event` is None where it is damaged
    or blank; `why` says what is wrong with a damaged one, or that lines are missing before it."""

    number: int  # from 1
    begin: int
    end: int  # offset just behind its newline
    event: Event | None
    why: str | None = None


def line_of(event: Event, number: int | None = None, *, jump: bool = False) -> bytes:
    """An event's line with its newline; `number` is its place among the lines, from 1.

    With `jump` lines may be missing before it. Raises ValueError on NaN: JSON has no such number.
    """
    body = json.dumps(event, allow_nan=False, separators=(",", ":")).encode()[:-1]
    if number is not None:
        body += b',"%s":%d' % (b"jump" if jump else b"line", number)
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
    for key in ("crc", "line", "jump"):
        event.pop(key, None)
    return event


def has_checksum(line: bytes) -> bool:
    """Whether a whole line ends in one, right or wrong."""
    stripped = line.rstrip(b"\r\n")
    return stripped[-_TAIL:].startswith(_KEY) and stripped.endswith(b'"}')


def number_of(line: bytes) -> tuple[int, bool] | None:
    """The number that a whole line says it has, and whether lines may be missing before it."""
    found = _NUMBER.search(line.rstrip(b"\r\n")[:-_TAIL]) if has_checksum(line) else None
    return None if found is None else (int(found[2]), found[1] == b"jump")


def lines_of(path: Path) -> Iterator[Line]:
    """The whole lines of a journal, damaged ones too; a torn last line, without newline, is left
    out: its writer was killed."""
    end, checked, places = 0, False, _Places()
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            if not line.endswith(b"\n"):
                return
            begin, end = end, end + len(line)
            try:
                event = event_of(line, checked=checked)
            except DamagedJournal as error:
                places.unknown += 1
                yield Line(number, begin, end, None, str(error))
                continue
            checked = checked or has_checksum(line)
            if event is None:
                places.unknown += 1
                yield Line(number, begin, end, None)
            else:
                why, usable = places.take(number_of(line))
                yield Line(number, begin, end, event if usable else None, why)


class _Places:
    """Keeps up with the numbers that lines say they have."""

    def __init__(self) -> None:
        self._last = 0  # number of the last line that was in its place
        self._numbered = False  # a line had one
        self.unknown = 0  # lines behind that one of which none is known: blank or damaged

    def take(self, said: tuple[int, bool] | None) -> tuple[str | None, bool]:
        """What is wrong with a line's place, and whether the line can be used in spite of it."""
        if said is None:
            if self._numbered:
                return "has no line number", False
            self._last, self.unknown = self._last + self.unknown + 1, 0
            return None, True
        number, jump = said
        if number <= self._last:
            return f"says that it is line {number}, which was there before", False
        missing = number - (self._last + self.unknown + 1)
        self._last, self.unknown, self._numbered = number, 0, True
        if missing > 0 and not jump:
            return f"says that it is line {number}: {missing} are missing before it", True
        return None, True


def next_number(path: Path) -> int:
    """The number of the line that is appended next to a journal of whole lines."""
    count, last = 0, None
    with path.open("rb") as file:
        end = file.seek(0, 2)
        size = 65536
        while last is None and end:
            begin = max(0, end - size)
            file.seek(begin)
            lines = file.read(end - begin).split(b"\n")[0 if begin == 0 else 1 : -1]
            last = next((line for line in reversed(lines) if line.strip()), None)
            if begin == 0:
                break
            size *= 4
        if last is not None and (said := number_of(last)) is not None:
            return said[0] + 1
        file.seek(0)  # no line has a number yet
        while chunk := file.read(2**20):
            count += chunk.count(b"\n")
    return count + 1


def jumping(line: bytes) -> bytes:
    """A numbered line, as long as it was, before which lines may be missing."""
    body = line.rstrip(b"\r\n")[:-_TAIL]
    start = body.rindex(b',"line":')
    body = body[:start] + body[start:].replace(b"line", b"jump", 1)
    return b'%s%s%08x"}%s' % (body, _KEY, crc32(body), line[len(body) + _TAIL :])


def whole_lines(path: Path) -> Iterator[Line]:
    """The lines of a journal, oldest first. Raises DamagedJournal naming file and line."""
    for line in lines_of(path):
        if line.why is not None:
            raise DamagedJournal(f"{path}: line {line.number} {line.why}")
        yield line


def read_events(path: Path) -> Iterator[Event]:
    """The events of a journal, oldest first. Raises DamagedJournal naming file and line."""
    return (line.event for line in whole_lines(path) if line.event is not None)

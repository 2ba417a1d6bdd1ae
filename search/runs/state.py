"""How far a run has come, told from a few lines of its journal."""

from __future__ import annotations

import mmap
import shlex
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from analysis.events import JOURNAL, DamagedJournal, Event, event_of
from search.errors import UserError
from search.runs.folder import RunFolder


@dataclass(frozen=True)
class Ends:
    """How many trials ended how, and the end of the search where nothing came after it."""

    trials: Counter[str]
    search: Event | None

    @property
    def complete(self) -> bool:
        return self.search is not None and not self.search.get("left")


def is_complete(folder: Path) -> bool:
    """Whether the search of a run has run all of its trials: what came after it, a confirmation
    or a comparison, changes nothing. False where there is no journal.

    Raises UserError where one of the lines that say so is damaged.
    """
    return (folder / JOURNAL).is_file() and ends_of(folder / JOURNAL).complete


def ends_of(journal: Path) -> Ends:
    """What the trial_start, trial_end and search_end lines of a journal say; reports, which are
    nearly all of it, are not parsed.

    Raises UserError where one of these lines is damaged.
    """
    trials: Counter[str] = Counter()
    last: Event | None = None
    for line in _lines(journal, _ENDS):
        event = _parsed(journal, line)
        if event["event"] == "trial_end":
            trials[event["status"]] += 1
        last = event if event["event"] == "search_end" else None
    return Ends(trials, last)


def ended_after_confirmation(journal: Path) -> tuple[int, int]:
    """How many trials ended after the confirmed front had been named, and how many in all; none
    after it where no front was.

    Raises UserError where one of the lines that say so is damaged.
    """
    named_after: int | None = None
    ended = 0
    for line in _lines(journal, (_TRIAL_END, _CONFIRM_START)):
        if _parsed(journal, line)["event"] == "trial_end":
            ended += 1
        else:
            named_after = ended
    return (0 if named_after is None else ended - named_after), ended


def _parsed(journal: Path, line: bytes) -> Event:
    try:
        event = event_of(line)
    except DamagedJournal as error:
        raise UserError(
            f"{journal}: a line {error}; `fairfront resume {journal.parent} --repair` sets aside "
            f"what is damaged"
        ) from error
    if event is None:
        raise ValueError("ends: a line that begins an event must not be blank")
    return event


def _lines(journal: Path, kinds: tuple[bytes, ...]) -> Iterator[bytes]:
    """The whole lines that begin with one of `kinds`, found in the bytes; reports are none."""
    if not journal.stat().st_size:
        return
    with journal.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as text:
        begin = 0
        while (end := text.find(b"\n", begin)) >= 0:
            if text[begin : begin + len(_REPORT)] != _REPORT:
                line = text[begin:end]
                if line.startswith(kinds):
                    yield line
            begin = end + 1


_REPORT = b'{"event":"report"'
_TRIAL_END = b'{"event":"trial_end"'
_CONFIRM_START = b'{"event":"confirm_start"'
_ENDS = (b'{"event":"trial_start"', _TRIAL_END, b'{"event":"search_end"')


def outdated(path: Path) -> str | None:
    """One line where trials of the run ended after its front had been confirmed, else None."""
    if RunFolder(path).confirmation() is None:
        return None
    later, ended = ended_after_confirmation(path / JOURNAL)
    if not later:
        return None
    again = ["fairfront", "search", str(path / "config.toml"), "--warm-start", str(path)]
    return (
        f"This front was confirmed before {later} of the {ended} trials ended and stays as it "
        f"was. For a new one, a new search that learns from all of them: {shlex.join(again)} (its "
        f"own confirm opens test again)"
    )

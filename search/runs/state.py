"""How far a run has come, told from a few lines of its journal.

Reports, which are nearly all of a journal, are not parsed for it, and nothing heavy is imported:
a list of many runs appears at once.
"""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from analysis.events import JOURNAL, DamagedJournal, event_of
from search.errors import UserError
from search.journal.events import EndStatus, Event, SearchEnd

CONFIG = "config.toml"
FRONT = "front.json"
REPORT = "report.html"
CONFIRMED = "confirmed.json"  # the front with its test values


@dataclass(frozen=True)
class Completion:
    """How many trials of a run have ended, by how, and whether its search is over."""

    trials: Counter[EndStatus]
    search_end: SearchEnd | None  # None too where a trial has started or ended after it

    @property
    def complete(self) -> bool:
        """Whether all trials were run."""
        return self.search_end is not None and not self.search_end.get("left")


def completion_of(journal: Path) -> Completion:
    """What the journal says of the starts and ends of trials and of the search.

    Raises UserError where one of these lines is damaged.
    """
    trials: Counter[EndStatus] = Counter()
    search_end: SearchEnd | None = None
    for event in _events(journal, (_TRIAL_START, _TRIAL_END, _SEARCH_END)):
        if event["event"] == "trial_end":
            trials[event["status"]] += 1
        search_end = event if event["event"] == "search_end" else None
    return Completion(trials, search_end)


def is_complete(folder: Path) -> bool:
    """Whether the search of a run has run all of its trials; False where there is no journal.

    What came after the search, a confirmation or a comparison, changes nothing. Raises UserError
    where one of the lines that say so is damaged.
    """
    return (folder / JOURNAL).is_file() and completion_of(folder / JOURNAL).complete


def note_on_later_trials(folder: Path) -> str | None:
    """One line where trials of the run ended after its front had been confirmed, else None.

    Raises UserError where one of the lines that say so is damaged.
    """
    if not (folder / CONFIRMED).exists():
        return None
    ended, when_confirmed = 0, None
    for event in _events(folder / JOURNAL, (_TRIAL_END, _CONFIRM_START)):
        if event["event"] == "trial_end":
            ended += 1
        else:
            when_confirmed = ended
    if when_confirmed is None or ended == when_confirmed:
        return None
    again = ["fairfront", "search", str(folder / CONFIG), "--warm-start", str(folder)]
    return (
        f"This front was confirmed before {ended - when_confirmed} of the {ended} trials ended "
        f"and stays as it was. For a new one, a new search that learns from all of them: "
        f"{shlex.join(again)} (its own confirm opens test again)"
    )


_TRIAL_START = b'{"event":"trial_start"'
_TRIAL_END = b'{"event":"trial_end"'
_SEARCH_END = b'{"event":"search_end"'
_CONFIRM_START = b'{"event":"confirm_start"'


def _events(journal: Path, kinds: tuple[bytes, ...]) -> Iterator[Event]:
    """The events whose lines begin with one of `kinds`; reports cannot be asked for."""
    for line in _lines(journal, kinds):
        try:
            yield cast("Event", event_of(line))  # a line that begins so is not blank
        except DamagedJournal as error:
            raise UserError(
                f"{journal}: a line {error}; `fairfront resume {journal.parent} --repair` sets "
                f"aside what is damaged"
            ) from error


def _lines(journal: Path, kinds: tuple[bytes, ...]) -> Iterator[bytes]:
    """The whole lines that begin with one of `kinds`; nothing else of the journal is kept."""
    with journal.open("rb") as file:
        for line in file:
            if line.startswith(kinds) and line.endswith(b"\n"):
                yield line[:-1]

"""Repair of a journal that something other than its writer has damaged."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, field
from pathlib import Path

from analysis.events import Event, Line, jumping, lines_of
from search.errors import UserError
from search.journal.journal import Journal
from search.journal.order import Order
from trainables.files import opened_here
from trainables.trial.names import checkpoint_path, is_trial

_BEGINNING = ("experiment", "dense")  # what nothing can be resumed without


@dataclass
class Damage:
    """The lines of a journal that can no longer be used, gathered one by one.

    These are the damaged ones, and those that a trial wrote after a gap in its reports: it goes on
    from before the gap, or anew, and reports the same again. A trial whose start is damaged is
    lost, since its settings are not known; another trial takes its place. Lines that are there
    twice go too, and before `gaps` lines are missing.
    """

    lines: list[Line] = field(default_factory=list)  # to be set aside
    lost: set[str] = field(default_factory=set)
    again: set[str] = field(default_factory=set)  # trials that have to go on
    gaps: list[Line] = field(default_factory=list)
    # Trial -> its last report, or its start.
    _latest: dict[str, Event] = field(default_factory=dict)
    _order: Order = field(default_factory=Order)
    _kinds: set[str] = field(default_factory=set)

    @classmethod
    def of(cls, path: Path) -> Damage:
        """Raises UserError where the beginning is damaged, without which there is no search."""
        damage = cls()
        for line in lines_of(path):
            if line.why is not None and line.event is not None:
                damage.gaps.append(line)
            damaged = line.why is not None and line.event is None
            if damaged or (line.event is not None and not damage._usable(line.event)):
                damage.lines.append(line)
        missing = [kind for kind in _BEGINNING if kind not in damage._kinds]
        if missing:
            raise UserError(
                f"{path}: cannot be repaired, its {missing[0]!r} line is damaged; start the "
                f"search again in another folder"
            )
        return damage

    def _usable(self, event: Event) -> bool:
        self._kinds.add(event["event"])
        trial = event.get("trial")
        if trial is None:
            return True
        if not is_trial(trial):  # no search has written it, and its name would become a path
            return False
        if event["event"] != "trial_start" and trial not in self._order:
            self.lost.add(trial)
        elif event["event"] != "trial_start" and self._breaks_off(trial, event):
            self.again.add(trial)
        if trial in self.lost | self.again or self._order.take(event) is not None:
            return False
        if event["event"] != "trial_end":
            self._latest[trial] = event
        return True

    def _breaks_off(self, trial: str, event: Event) -> bool:
        """Whether a report of the trial is missing before this event."""
        before = self._latest[trial]
        if event["event"] == "report":
            return bool(event["epoch"] > before.get("epoch", 0) + 1)
        finished = event["event"] == "trial_end" and event["status"] == "finished"
        return finished and not before.get("last", False)


def repair(folder: Path) -> Damage:
    """Sets aside what is damaged in a run's journal; `resume` then runs those trials again.

    Every other line stays where it is: what is set aside goes to a file of its own and leaves
    blank lines of equal length behind; a line before which others are missing is marked so, at its
    length. A journal that is whole stays as it is.
    Raises UserError where that cannot be, or another process writes this run.
    """
    journal = Journal(folder)
    try:
        damage = Damage.of(journal.path)
        if damage.lines or damage.gaps:
            aside = folder / f"journal-set-aside-{time.strftime('%Y%m%d-%H%M%S')}.jsonl"
            if damage.lines:
                _set_aside(journal.path, damage.lines, aside)
            _close_gaps(journal.path)
            for trial in damage.lost:
                checkpoint_path(folder, trial).unlink(missing_ok=True)
            journal.append(
                {
                    "event": "repair",
                    "file": aside.name,
                    "lines": [line.number for line in damage.lines],
                    "again": sorted(damage.again),
                    "lost": sorted(damage.lost),
                    "gaps": [line.number for line in damage.gaps],
                }
            )
    finally:
        journal.close()
    return damage


def _set_aside(path: Path, lines: list[Line], aside: Path) -> None:
    with path.open("r+b") as file:
        with opened_here(aside, "ab") as copy:
            for line in lines:
                file.seek(line.begin)
                copy.write(file.read(line.end - line.begin))
            copy.flush()
            os.fsync(copy.fileno())
        for line in lines:
            file.seek(line.begin)
            file.write(b" " * (line.end - line.begin - 1) + b"\n")


def _close_gaps(path: Path) -> None:
    """Marks lines before which others are missing, so that they are read."""
    gaps = [line for line in lines_of(path) if line.why is not None]
    with opened_here(path, "r+b") as file:
        for line in gaps:
            file.seek(line.begin)
            marked = jumping(file.read(line.end - line.begin))
            file.seek(line.begin)
            file.write(marked)

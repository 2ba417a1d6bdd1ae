"""What the driver knows of a search: built event by event, or by replaying the journal."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Literal

from search.journal import Event, Journal

Status = Literal["running", "finished", "stopped", "failed"]

_HEAVY = ("counts", "decision")  # stay in the journal; memory holds what decisions need


@dataclass
class TrialRecord:
    """One trial: its spec, its reports without their counts, how it ended."""

    trial: str
    method: str
    spec: dict[str, Any]
    reports: list[Event] = field(default_factory=list)
    status: Status = "running"
    reason: str | None = None

    @property
    def epoch(self) -> int:
        return self.reports[-1]["epoch"] if self.reports else 0

    def candidates(self) -> list[Event]:
        """The reports whose weights were kept and not superseded later in the trial."""
        dropped = {name for report in self.reports for name in report["dropped"]}
        kept = [r for r in self.reports if r["candidate"] and r["candidate"] not in dropped]
        return [] if self.status in ("stopped", "failed") else kept


class Record:
    """All trials of a search. Events go to the journal before they change anything here."""

    def __init__(
        self, journal: Journal | None = None, listener: Callable[[Event], None] | None = None
    ) -> None:
        self.trials: dict[str, TrialRecord] = {}
        self.dense: Event | None = None
        self._journal = journal
        self._listener = listener

    def replay(self, events: Iterable[Event]) -> None:
        """Takes over what a journal says, without writing it again."""
        for event in events:
            self._apply(event)

    def add(self, kind: str, **facts: Any) -> Event:
        """Appends an event to the journal, then takes it over."""
        if self._journal is None:
            raise RuntimeError("record: has no journal to write to")
        event = self._journal.append(kind, **facts)
        self._apply(event)
        if self._listener is not None:
            self._listener(event)
        return event

    def report(self, report: dict[str, Any]) -> bool:
        """Adds a trial's report; False where a worker died and repeated that epoch."""
        trial = self.trials[report["trial"]]
        if report["epoch"] <= trial.epoch:
            return False
        self.add("report", **report)
        return True

    def end(self, trial: str, status: Status, reason: str | None = None) -> None:
        """Ends a trial once; a second end is ignored."""
        if self.trials[trial].status == "running":
            self.add("trial_end", trial=trial, status=status, reason=reason)

    def count(self, status: Status) -> int:
        return sum(trial.status == status for trial in self.trials.values())

    def of_method(self, method: str) -> list[TrialRecord]:
        return [trial for trial in self.trials.values() if trial.method == method]

    def _apply(self, event: Event) -> None:
        kind = event["event"]
        if kind == "trial_start":
            name = event["trial"]
            self.trials[name] = TrialRecord(name, event["method"], event["spec"])
        elif kind == "report":
            light = {key: value for key, value in event.items() if key not in _HEAVY}
            self.trials[event["trial"]].reports.append(light)
        elif kind == "trial_end":
            self.trials[event["trial"]].status = event["status"]
            self.trials[event["trial"]].reason = event["reason"]
        elif kind == "dense":
            self.dense = event

"""What the driver knows of a search: built event by event, or by replaying the journal."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any, cast

from search.journal.candidates import standing
from search.journal.events import Dense, EndStatus, Event, Remembered, ReportEvent, TrialStatus
from search.journal.journal import Journal
from trainables.evaluation.report import Report

_ONLY_WRITTEN = frozenset(  # stay in the journal; memory holds what decisions need
    {
        *("counts", "decision", "measures", "losses", "prediction_shares", "event"),
        *("performance_interval", "trivial_performance", "live", "role", "name", "diagnostics"),
        "beside",
    }
)


class SlimReport(Mapping[str, Any]):
    """What memory keeps of a report: a read-only mapping of about 0.6 kB, since a search of
    thousands of trials has some hundred thousand of them. Lists have become tuples."""

    __slots__ = ("_places", "_values")

    def __init__(self, report: Mapping[str, Any]) -> None:
        self._places = _places(tuple(report))
        self._values = tuple(
            tuple(value) if type(value) is list else value
            for value in map(report.__getitem__, self._places)
        )

    def __getitem__(self, key: str) -> Any:
        return self._values[self._places[key]]

    def __iter__(self) -> Iterator[str]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)

    def __repr__(self) -> str:
        return f"SlimReport({dict(self)})"


@cache
def _places(keys: tuple[str, ...]) -> dict[str, int]:
    """Key -> place among the values; one dict for all reports with the same keys."""
    kept = [key for key in keys if key not in _ONLY_WRITTEN]
    return {key: place for place, key in enumerate(kept)}


@dataclass
class TrialRecord:
    """One trial: its spec, what memory keeps of its reports, how it ended."""

    trial: str
    method: str
    spec: dict[str, Any]
    reports: list[Report] = field(default_factory=list)  # slim ones, see above
    status: TrialStatus = "running"
    reason: str | None = None
    row: str | None = None  # name of the listed trial that it is; None: it was proposed

    @property
    def epoch(self) -> int:
        return self.reports[-1]["epoch"] if self.reports else 0

    def candidates(self) -> list[Report]:
        """The reports that stand as candidates, oldest first."""
        return standing(self.reports, self.status)


class Record:
    """All trials of a search. Events go to the journal before they change anything here."""

    def __init__(
        self, journal: Journal | None = None, listener: Callable[[Event], None] | None = None
    ) -> None:
        self.trials: dict[str, TrialRecord] = {}
        self.dense: Dense | None = None
        self.remembered: list[TrialRecord] = []  # of earlier searches, see warm_start.py
        self.seconds = 0.0  # that the epochs of the dense net and of all trials have taken
        self._highest = 0  # number of any trial's name
        self._of_method: dict[str, dict[str, TrialRecord]] = {}
        self._journal = journal
        self._listener = listener

    def replay(self, events: Iterable[Event]) -> None:
        """Takes over what a journal says, without writing it again."""
        for event in events:
            self._apply(event)

    def add(self, event: Event) -> None:
        """Appends an event to the journal, then takes it over and tells the listener."""
        if self._journal is None:
            raise RuntimeError("record: has no journal to write to")
        event = self._journal.append(event)
        self._apply(event)
        if self._listener is not None:
            self._listener(event)

    def report(self, report: Report) -> bool:
        """Adds a trial's report; False where a worker died and repeated that epoch."""
        trial = self.trials[report["trial"]]
        if report["epoch"] <= trial.epoch:
            return False
        self.add(cast("ReportEvent", {"event": "report", **report}))
        return True

    def end(self, trial: str, status: EndStatus, reason: str | None = None) -> None:
        """Ends a trial once; a second end is ignored."""
        if self.trials[trial].status == "running":
            self.add({"event": "trial_end", "trial": trial, "status": status, "reason": reason})

    def count(self, status: TrialStatus) -> int:
        return sum(trial.status == status for trial in self.trials.values())

    @property
    def compute(self) -> tuple[float, float]:
        """Samples that the trials' epochs take, and those that were processed for them, as far as
        reports say: of a trial that started anew its later ones say less than its earlier ones."""
        told = [trial.reports for trial in self.trials.values() if trial.reports]
        charged = sum(reports[-1]["charged"] for reports in told)
        spent = [max(one.get("spent", one["charged"]) for one in reports) for reports in told]
        return charged, sum(spent)

    def unfinished(self) -> dict[str, int]:
        """Trial -> its last epoch on record, of those that are to go on."""
        return {t.trial: t.epoch for t in self.trials.values() if t.status == "running"}

    def next_name(self) -> str:
        """A name that no trial has had, also none that a damaged journal has lost."""
        return f"t{self._highest + 1:04d}"

    def _start(self, trial: TrialRecord) -> None:
        self.trials[trial.trial] = trial
        self._of_method.setdefault(trial.method, {})[trial.trial] = trial
        self._heard_of(trial.trial)

    def _heard_of(self, trial: str) -> None:
        if trial[1:].isdigit():
            self._highest = max(self._highest, int(trial[1:]))

    def of_method(self, method: str) -> list[TrialRecord]:
        """All trials of a method, in the order in which they were started."""
        return list(self._of_method.get(method, {}).values())

    def started(self, method: str) -> int:
        """How many trials of a method there are."""
        return len(self._of_method.get(method, {}))

    def _apply(self, event: Event) -> None:
        match event["event"]:
            case "trial_start":
                if event["trial"] not in self.trials:
                    trial = TrialRecord(event["trial"], event["method"], event["spec"])
                    trial.row = event.get("row")
                    self._start(trial)
            case "report":
                self.seconds += event.get("seconds", 0.0)
                trial = self.trials[event["trial"]]
                if trial.status == "running" and event["epoch"] > trial.epoch:
                    slim = SlimReport({**event, "trial": trial.trial})
                    trial.reports.append(cast("Report", slim))
            case "trial_end":
                trial = self.trials[event["trial"]]
                if trial.status == "running":
                    trial.status, trial.reason = event["status"], event["reason"]
            case "dense":
                self.dense = event
                self.seconds += event.get("seconds", 0.0)
            case "warm_start":
                self.remembered += map(_of_an_earlier_search, event["trials"])
            case "repair":
                for name in event["lost"]:
                    self._heard_of(name)


def _of_an_earlier_search(remembered: Remembered) -> TrialRecord:
    trial = TrialRecord(
        remembered["trial"], remembered["method"], remembered["spec"], status=remembered["status"]
    )
    trial.reports.append(cast("Report", remembered["report"]))
    return trial

"""What MLflow is to know of a search, read off its journal line by line. No MLflow in here."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, cast

from analysis.events import event_of
from analysis.notation import beside_bias
from search.front.growing import GrowingFront
from search.journal.events import (
    Dense,
    Event,
    Experiment,
    ReportEvent,
    SearchEnd,
    TrialEnd,
    TrialStart,
)
from search.units import flat

SEARCH = ""  # stands where a trial's name would: the run of the search itself

RunStatus = Literal["RUNNING", "FINISHED", "KILLED", "FAILED"]  # MLflow's words
RUN_STATUS: Mapping[str, RunStatus] = {
    "finished": "FINISHED",
    "stopped": "KILLED",
    "failed": "FAILED",
}


@dataclass(frozen=True)
class Update:
    """What one line of the journal says about one of MLflow's runs."""

    trial: str  # or SEARCH
    end: int  # byte offset behind the line
    time: int  # milliseconds since the Unix epoch
    step: int = 0  # epoch of a trial; number of ended trials of a search
    params: Mapping[str, str] = field(default_factory=dict)
    metrics: Mapping[str, float] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    status: RunStatus = "RUNNING"


class Follower:
    """Reads a growing journal from where it last stopped; only whole lines."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.offset = 0

    def lines(self, limit: int) -> Iterator[tuple[int, Event]]:
        """At most `limit` new events, each with the byte offset behind its line."""
        if not self.path.exists():
            return
        with self.path.open("rb") as file:
            file.seek(self.offset)
            for _ in range(limit):
                line = file.readline()
                if not line.endswith(b"\n"):
                    return
                event = event_of(line)
                self.offset += len(line)
                if event is not None:
                    yield self.offset, cast("Event", event)


_Timed = Experiment | Dense | TrialStart | ReportEvent | TrialEnd | SearchEnd


class Translator:
    """Turns events into updates. Of repeated reports of one epoch only the first counts."""

    def __init__(self) -> None:
        self.over = False  # the journal says that the search has ended
        self.front: GrowingFront | None = None  # from the first event on
        self.running: set[str] = set()  # trials
        self.last_time: dict[str, int] = {}  # of each run's last event, milliseconds
        self._epochs: dict[str, int] = {}
        self._ended = dict.fromkeys(RUN_STATUS, 0)
        self._beside: list[str] = []  # measures that stand beside the bias

    def updates(self, end: int, event: Event) -> list[Update]:
        """The updates of the event that ends at byte `end`; empty where MLflow needs none."""
        if self.front is not None:
            self.front.take(event)
        match event["event"]:
            case "experiment":
                self.front = GrowingFront(event)
                self._beside = list(beside_bias(event["objective"]))
                updates = [self._update(SEARCH, end, event)]
            case "dense":
                values = {
                    "dense/tune/performance": event["performance"],
                    "dense/tune/bias": event["bias"],
                }
                updates = [self._update(SEARCH, end, event, metrics=numbers(values))]
            case "trial_start":
                updates = [self._start(end, event)]
            case "report":
                updates = self._report(end, event)
            case "trial_end":
                updates = self._end(end, event)
            case "search_end":
                updates = [self._update(SEARCH, end, event, status="FINISHED")]
            case _:
                return []
        for update in updates:
            self.last_time[update.trial] = update.time
        self.over = event["event"] == "search_end"
        return updates

    @property
    def ended(self) -> int:
        """The number of trials that have ended."""
        return sum(self._ended.values())

    def _start(self, end: int, event: TrialStart) -> Update:
        self.running.add(event["trial"])
        params = flat(event["spec"]["settings"])
        tags = {"fairfront.method": event["method"]}
        if "row" in event:
            tags["fairfront.row"] = event["row"]
        return self._update(event["trial"], end, event, params=params, tags=tags)

    def _report(self, end: int, event: ReportEvent) -> list[Update]:
        trial, epoch = event["trial"], event["epoch"]
        if epoch <= self._epochs.get(trial, 0):
            return []
        self._epochs[trial] = epoch
        self.running.add(trial)
        names = ("performance", "bias", "sparsity", "live", "charged", "spent", "seconds")
        metrics = numbers({name: value for name, value in event.items() if name in names})
        if (second := event.get("beside")) is not None:
            of_second = {"performance": second["performance"], "bias": second["bias"]}
            metrics |= numbers({f"beside/{name}": value for name, value in of_second.items()})
        measures = event.get("measures", {})  # reports of candidates alone have them
        metrics |= numbers({f"measure/{name}": measures.get(name) for name in self._beside})
        metrics |= numbers({f"loss/{name}": loss for name, loss in event["losses"].items()})
        return [self._update(trial, end, event, step=epoch, metrics=metrics)]

    def _end(self, end: int, event: TrialEnd) -> list[Update]:
        trial, status = event["trial"], event["status"]
        self.running.discard(trial)
        self._ended[status] += 1
        reason = {"fairfront.reason": event["reason"]} if event["reason"] else {}
        tags = {"fairfront.status": status, **reason}
        ended = {f"trials/{key}": float(count) for key, count in self._ended.items()}
        if self.front is not None:
            ended["hypervolume"] = self.front.hypervolume
        return [
            self._update(trial, end, event, tags=tags, status=RUN_STATUS[status]),
            self._update(SEARCH, end, event, step=self.ended, metrics=ended),
        ]

    def _update(self, trial: str, end: int, event: _Timed, **values: Any) -> Update:
        return Update(trial, end, round(1000 * event["time"]), **values)


def numbers(values: Mapping[str, object]) -> dict[str, float]:
    """The entries that are numbers; what could not be estimated is left out."""
    return {
        name: float(value)
        for name, value in values.items()
        if isinstance(value, int | float) and value == value
    }

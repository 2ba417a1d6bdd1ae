"""What MLflow is told, read off the journal line by line. No MLflow in here."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from analysis.events import event_of
from analysis.front_table import front_frame
from analysis.trials import hypervolume_by_trial, reports_frame, trials_frame
from search.journal import Event

SEARCH = ""  # stands where a trial's name would: the run of the search itself

RunStatus = Literal["RUNNING", "FINISHED", "KILLED", "FAILED"]  # MLflow's words
RUN_STATUS: Mapping[str, RunStatus] = {
    "finished": "FINISHED",
    "stopped": "KILLED",
    "failed": "FAILED",
}

FIRST_COLUMNS = (
    *("trial", "method", "chosen", "tune performance", "tune bias", "tune sparsity"),
    *("test performance", "test bias", "kept_promise", "feasible", "needs_group"),
)


@dataclass(frozen=True)
class Update:
    """What one line of the journal tells one run."""

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
                    yield self.offset, event


class Translator:
    """Turns events into updates. Repeated reports of one epoch are told once."""

    def __init__(self) -> None:
        self.over = False  # the journal says that the search has ended
        self.running: set[str] = set()
        self.last_time: dict[str, int] = {}  # of each run, milliseconds
        self._epochs: dict[str, int] = {}
        self._ended = dict.fromkeys(RUN_STATUS, 0)
        self._outline: list[Event] = []  # starts, candidates and ends, without their counts

    def updates(self, end: int, event: Event) -> list[Update]:
        """What the event that ends at byte `end` tells; empty for what is of no concern here."""
        match event["event"]:
            case "experiment":
                found = [self._update(SEARCH, end, event)]
            case "dense":
                found = [self._update(SEARCH, end, event, metrics=measured(event, "dense/tune/"))]
            case "trial_start":
                found = [self._start(end, event)]
            case "report":
                found = self._report(end, event)
            case "trial_end":
                found = self._end(end, event)
            case "search_end":
                found = [self._update(SEARCH, end, event, status="FINISHED")]
            case _:
                return []
        for update in found:
            self.last_time[update.trial] = update.time
        self.over = event["event"] == "search_end"
        return found

    def hypervolumes(self, reference: Sequence[float]) -> list[tuple[int, float]]:
        """(milliseconds, hypervolume) after each ended trial, from `reference` on.

        `reference` is (performance, bias, sparsity), or without sparsity where it is no objective.
        """
        ideal = (1.0, 0.0, 1.0)[: len(reference)]
        trials, reports = trials_frame(self._outline), reports_frame(self._outline)
        curve = hypervolume_by_trial(trials, reports, reference, ideal)
        times = (round(1000 * ended) for ended in curve["ended"])
        return list(zip(times, curve["hypervolume"].tolist(), strict=True))

    def _start(self, end: int, event: Event) -> Update:
        self.running.add(event["trial"])
        self._outline.append({key: event[key] for key in ("event", "trial", "method", "time")})
        params = flat(event["spec"]["settings"])
        tags = {"fairfront.method": event["method"]}
        return self._update(event["trial"], end, event, params=params, tags=tags)

    def _report(self, end: int, event: Event) -> list[Update]:
        trial, epoch = event["trial"], event["epoch"]
        if epoch <= self._epochs.get(trial, 0):
            return []
        self._epochs[trial] = epoch
        self.running.add(trial)
        if event["candidate"]:
            self._outline.append({key: event[key] for key in _OF_CANDIDATES})
        names = ("performance", "bias", "sparsity", "live", "charged", "seconds")
        metrics = numbers({name: event[name] for name in names})
        metrics |= numbers({f"loss/{name}": loss for name, loss in event["losses"].items()})
        return [self._update(trial, end, event, step=epoch, metrics=metrics)]

    def _end(self, end: int, event: Event) -> list[Update]:
        trial, status = event["trial"], event["status"]
        self.running.discard(trial)
        self._outline.append(event)
        self._ended[status] += 1
        tags = {"fairfront.status": status, "fairfront.reason": event["reason"] or ""}
        ended = {f"trials/{key}": float(count) for key, count in self._ended.items()}
        return [
            self._update(trial, end, event, tags=tags, status=RUN_STATUS[status]),
            self._update(SEARCH, end, event, step=sum(self._ended.values()), metrics=ended),
        ]

    def _update(self, trial: str, end: int, event: Event, **told: Any) -> Update:
        return Update(trial, end, round(1000 * event["time"]), **told)


_OF_CANDIDATES = (
    *("event", "trial", "epoch", "time", "candidate", "feasible", "beats_trivial"),
    *("performance", "bias", "sparsity"),
)


def numbers(values: Mapping[str, Any]) -> dict[str, float]:
    """The entries that are numbers; what could not be estimated is left out."""
    return {
        name: float(value)
        for name, value in values.items()
        if isinstance(value, int | float) and value == value
    }


def flat(table: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    """`{"pruner": {"sparsity": 0.9}}` as `{"pruner.sparsity": "0.9"}`."""
    found: dict[str, str] = {}
    for name, value in table.items():
        if isinstance(value, Mapping):
            found |= flat(value, f"{prefix}{name}.")
        else:
            found[prefix + name] = value if isinstance(value, str) else json.dumps(value)
    return found


def front_table(front: Mapping[str, Any]) -> str:
    """The points of a front.json, one row each, as MLflow stores tables; telling columns first."""
    frame = front_frame(front).dropna(axis="columns", how="all")
    frame.columns = frame.columns.str.replace(".", " ")  # MLflow's page takes dots for paths
    first = [name for name in FIRST_COLUMNS if name in frame]
    rest = [name for name in frame if name not in first]
    return str(frame[[*first, *rest]].to_json(orient="split", index=False))


def measured(values: Mapping[str, Any] | None, prefix: str) -> dict[str, float]:
    """One split's values of a front.json as metrics: performance, bias, its interval, measures."""
    if values is None:
        return {}
    low, high = values.get("bias_interval") or (None, None)
    plain = {name: values.get(name) for name in ("performance", "bias", "sparsity")}
    named = {**plain, "bias_low": low, "bias_high": high}
    measures = {f"measure/{name}": value for name, value in values.get("measures", {}).items()}
    return numbers({f"{prefix}{name}": value for name, value in (named | measures).items()})

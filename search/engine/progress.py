"""How far a search is: what it has spent of its limits, its best point, its hypervolume."""

from __future__ import annotations

import time
from dataclasses import dataclass

from search.config.config import Config
from search.front.growing import GrowingFront
from search.journal.events import (
    TRIAL_STATUSES,
    Event,
    Listener,
    SearchStatus,
    Spending,
    TrialStatus,
)
from search.journal.record import Record

HOUR = 3600.0


@dataclass(frozen=True)
class Limits:
    """Asked before each proposal and after each report; what has run so far is on record."""

    record: Record
    devices: float = 1.0  # of one trial; see `charged`
    deadline: float | None = None  # of time.monotonic(), which nobody sets
    budget: float | None = None  # seconds of devices, all sessions of the search together

    @classmethod
    def of(cls, config: Config, record: Record) -> Limits:
        """The limits that `config` sets; its time begins now."""
        limit = config.search.time_limit
        return cls(
            record,
            devices=charged(config)[0],
            deadline=None if limit is None else time.monotonic() + limit,
            budget=config.search.budget,
        )

    @property
    def spent(self) -> float:
        """Seconds of devices that the trials' epochs have taken in all sessions."""
        return self.record.seconds * self.devices

    @property
    def reached(self) -> bool:
        """Whether nothing new is to be started, and what runs is to be left for `resume`."""
        late = self.deadline is not None and time.monotonic() > self.deadline
        return late or (self.budget is not None and self.spent >= self.budget)


def charged(config: Config) -> tuple[float, str]:
    """What a second of a trial counts as, and of which device: its share of GPUs, or its CPU
    cores where it has none."""
    cpu, gpu = config.resources.cpu, config.resources.gpu
    return (gpu, "GPU") if gpu else (float(cpu), "CPU")


def spending(config: Config, seconds: float) -> Spending:
    """For events: the hours of devices that `seconds` of trials have cost, and the budget."""
    devices, unit = charged(config)
    budget = config.search.budget
    return {
        "spent_hours": round(seconds * devices / HOUR, 4),
        "budget_hours": None if budget is None else budget / HOUR,
        "device": unit,
    }


def spent_text(event: Spending) -> str:
    """What `spending` said, as a user reads it: `1.25 of 40 GPU hours`."""
    of = "" if event["budget_hours"] is None else f" of {event['budget_hours']:.3g}"
    return f"{event['spent_hours']:.3g}{of} {event['device']} hours"


class Progress:
    """Follows the events of a search and hands on a `status` event after each that changes it."""

    def __init__(self, config: Config, listener: Listener | None) -> None:
        self._config = config
        self._listener = listener
        self._front: GrowingFront | None = None  # from the first event on
        self._trials: dict[TrialStatus, int] = dict.fromkeys(TRIAL_STATUSES, 0)
        self._expected = 0
        self._begin = time.monotonic()
        self._ended_here = 0
        self._seconds = 0.0  # that the epochs of all trials have taken

    def expect(self, trials: int) -> None:
        """How many trials this session is to end; the clock for the time left starts now."""
        self._expected = trials
        self._begin = time.monotonic()

    def replay(self, event: Event) -> None:
        """Takes an event of an earlier session; the listener gets it wrapped, as nothing new."""
        self._apply(event)
        if self._listener is not None:
            self._listener({"event": "replay", "of": event})

    def take(self, event: Event) -> None:
        """Takes an event of this session and tells the listener about it."""
        self._apply(event)
        if event["event"] == "trial_end":
            self._ended_here += 1
        if self._listener is None:
            return
        self._listener(event)
        of_trial = event["event"] in ("trial_start", "trial_end")
        if of_trial or (event["event"] == "report" and event["candidate"]):
            self._listener(self.status())

    def status(self) -> SearchStatus:
        """How far the search is now."""
        return {
            "event": "status",
            "done": self._trials["finished"],
            "running": self._trials["running"],
            "stopped": self._trials["stopped"],
            "failed": self._trials["failed"],
            "best": None if self._front is None else self._front.best,
            "hypervolume": 0.0 if self._front is None else self._front.hypervolume,
            "seconds_left": self._seconds_left(),
            **spending(self._config, self._seconds),
        }

    def _seconds_left(self) -> float | None:
        if not self._ended_here or not self._expected:
            return None
        per_trial = (time.monotonic() - self._begin) / self._ended_here
        return per_trial * max(0, self._expected - self._ended_here)

    def _apply(self, event: Event) -> None:
        match event["event"]:
            case "experiment":
                self._front = GrowingFront(event, points=False)
            case "trial_start":
                self._trials["running"] += 1
            case "trial_end":
                self._trials["running"] -= 1
                self._trials[event["status"]] += 1
            case "report":
                self._seconds += event.get("seconds", 0.0)
        if self._front is not None:
            self._front.take(event)

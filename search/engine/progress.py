"""How far a search is: what it has spent of its limits, its best point, its hypervolume."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Literal

from search.config.config import Config
from search.engine.eta import Eta
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
from search.problem.course import Allowance

HOUR = 3600.0
DENSE_SHARE = 0.5  # of a limit that the training of the dense net may take


@dataclass(frozen=True)
class Limits:
    """Asked before each proposal and after each report; what has run so far is on record."""

    record: Record
    devices: float = 1.0  # of one trial; see `charged`
    deadline: float | None = None  # of time.monotonic(), which nobody sets
    budget: float | None = None  # seconds of devices, all sessions of the search together
    time_limit: float = 0.0  # seconds, from this session's start to the deadline

    @classmethod
    def of(cls, config: Config, record: Record, begun: float | None = None) -> Limits:
        """The limits that `config` sets; its time began at `begun` of time.monotonic(), or now."""
        limit = config.search.time_limit
        since = time.monotonic() if begun is None else begun
        return cls(
            record,
            devices=charged(config)[0],
            deadline=None if limit is None else since + limit,
            budget=config.search.budget,
            time_limit=limit or 0.0,
        )

    @property
    def spent(self) -> float:
        """Seconds of devices that epochs, of the dense net too, have taken in all sessions."""
        return self.record.seconds * self.devices

    @property
    def reached(self) -> bool:
        """Whether nothing new is to be started, and what runs is to be left for `resume`."""
        return self.ended_by is not None

    @property
    def ended_by(self) -> Literal["time_limit", "budget"] | None:
        """The limit that is reached; None: there is time for more."""
        if self.deadline is not None and time.monotonic() > self.deadline:
            return "time_limit"
        return "budget" if self.budget is not None and self.spent >= self.budget else None

    def seconds_left_of_all(self, running: int) -> float | None:
        """How long the search may still go on with so many trials at once; None: no limit."""
        left = [] if self.deadline is None else [self.deadline - time.monotonic()]
        if self.budget is not None:
            left.append((self.budget - self.spent) / self.devices / max(1, running))
        return max(0.0, min(left)) if left else None

    def seconds_for_dense_net(self, spent: float = 0.0) -> Allowance:
        """How long its training may still take. It should take half of each limit, since without
        trials it is of no use; where that is less than an epoch it may take all of it.

        `spent` are seconds that earlier sessions have trained it.
        """
        should, may = [], []
        if self.deadline is not None:
            may.append(self.deadline - time.monotonic())
            should.append(may[-1] - (1 - DENSE_SHARE) * self.time_limit)
        if self.budget is not None:
            may.append(self.budget / self.devices - spent)
            should.append(DENSE_SHARE * self.budget / self.devices - spent)
        return Allowance(min(should, default=None), min(may, default=None))


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
        self._eta = Eta()
        self._limits: Limits | None = None
        self._told = 0.0  # monotonic, when the last status was told
        self._seconds = 0.0  # that the epochs of all trials have taken

    def expect(self, trials: int, limits: Limits | None = None) -> None:
        """How many trials this session is to end, unless it comes to its `limits` before."""
        self._limits = limits
        self._eta.expect(trials, time.monotonic())

    def replay(self, event: Event) -> None:
        """Takes an event of an earlier session; the listener gets it wrapped, as nothing new."""
        self._apply(event)
        if self._listener is not None:
            self._listener({"event": "replay", "of": event})

    def take(self, event: Event) -> None:
        """Takes an event of this session and tells the listener about it."""
        self._apply(event)
        now = time.monotonic()
        self._eta.take(event, now)
        if self._listener is None:
            return
        self._listener(event)
        of_trial = event["event"] in ("trial_start", "trial_end")
        of_report = event["event"] == "report" and (event["candidate"] or now - self._told > 1.0)
        if of_trial or of_report:
            self._told = now
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
        left = self._eta.seconds_left(time.monotonic())
        if self._limits is None:
            return left
        limit = self._limits.seconds_left_of_all(self._trials["running"])
        return limit if left is None else min(left, left if limit is None else limit)

    def _apply(self, event: Event) -> None:
        match event["event"]:
            case "experiment":
                self._front = GrowingFront(event, points=False)
            case "trial_start":
                self._trials["running"] += 1
            case "trial_end":
                self._trials["running"] -= 1
                self._trials[event["status"]] += 1
            case "report" | "dense":
                self._seconds += event.get("seconds", 0.0)
        if self._front is not None:
            self._front.take(event)

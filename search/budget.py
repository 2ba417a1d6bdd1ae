"""When a search has had enough: its time limit, its budget of accelerator hours."""

from __future__ import annotations

import time
from dataclasses import dataclass

from search.config import Config
from search.journal import Event
from search.record import Record

HOUR = 3600.0


@dataclass(frozen=True)
class Limits:
    """Asked before each proposal and after each report; what has run so far is on record."""

    record: Record
    devices: float = 1.0  # of one trial; see `charged`
    deadline: float | None = None  # a time.time()
    budget: float | None = None  # seconds of devices, all sessions of the search together

    @classmethod
    def of(cls, config: Config, record: Record) -> Limits:
        """The limits that `config` sets; its time begins now."""
        limit = config.search.time_limit
        return cls(
            record,
            devices=charged(config)[0],
            deadline=None if limit is None else time.time() + limit,
            budget=config.search.budget,
        )

    @property
    def spent(self) -> float:
        """Seconds of devices that the trials' epochs have taken in all sessions."""
        return self.record.seconds * self.devices

    @property
    def reached(self) -> bool:
        """Whether nothing new is to be started, and what runs is to be left for `resume`."""
        late = self.deadline is not None and time.time() > self.deadline
        return late or (self.budget is not None and self.spent >= self.budget)


def charged(config: Config) -> tuple[float, str]:
    """What a second of a trial counts as, and of which device: its share of GPUs, or its CPU
    cores where it has none."""
    cpu, gpu = config.resources.cpu, config.resources.gpu
    return (gpu, "GPU") if gpu else (float(cpu), "CPU")


def spending(config: Config, seconds: float) -> Event:
    """For events: the hours of devices that `seconds` of trials have cost, and the budget."""
    devices, unit = charged(config)
    budget = config.search.budget
    return {
        "spent_hours": round(seconds * devices / HOUR, 4),
        "budget_hours": None if budget is None else budget / HOUR,
        "device": unit,
    }


def spent_text(event: Event) -> str:
    """What `spending` said, as a user reads it: `1.25 of 40 GPU hours`."""
    of = "" if event["budget_hours"] is None else f" of {event['budget_hours']:.3g}"
    return f"{event['spent_hours']:.3g}{of} {event['device']} hours"

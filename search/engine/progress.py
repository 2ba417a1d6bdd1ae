"""How far a search is: what it has spent of its limits, its best point, its hypervolume."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from analysis.events import Event
from analysis.hypervolume import GrowingHypervolume
from search.config.config import Config
from search.front.selection import needs_group
from search.journal.record import Record, feasible_candidate
from search.problem.problem import Problem

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


class Status:
    """Follows the events of a search and hands on a `status` event after each that changes it."""

    def __init__(self, problem: Problem, listener: Callable[[Event], None] | None) -> None:
        self._problem = problem
        self._listener = listener
        self._volume: GrowingHypervolume | None = None
        self._hypervolume = 0.0
        self._best: dict[str, Any] | None = None
        self._tally = {"running": 0, "finished": 0, "stopped": 0, "failed": 0}
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
        if event["event"] in ("trial_start", "trial_end") or event.get("candidate"):
            self._listener(self.status())

    def status(self) -> Event:
        return {
            "event": "status",
            "done": self._tally["finished"],
            "running": self._tally["running"],
            "stopped": self._tally["stopped"],
            "failed": self._tally["failed"],
            "best": self._best,
            "hypervolume": self._hypervolume,
            "seconds_left": self._seconds_left(),
            **spending(self._problem.config, self._seconds),
        }

    def _seconds_left(self) -> float | None:
        if not self._ended_here or not self._expected:
            return None
        per_trial = (time.monotonic() - self._begin) / self._ended_here
        return per_trial * max(0, self._expected - self._ended_here)

    def _apply(self, event: Event) -> None:
        kind = event["event"]
        if kind == "report":
            self._seconds += event.get("seconds", 0.0)
        if kind == "trial_start":
            self._tally["running"] += 1
        elif kind == "trial_end":
            self._tally["running"] -= 1
            self._tally[event["status"]] += 1
        elif kind == "dense":
            self._volume = self._empty_volume()
        elif kind == "report" and self._could_be_chosen(event):
            self._point(event)

    def _could_be_chosen(self, report: Event) -> bool:
        allowed = self._problem.group_allowed or not needs_group(report)
        return allowed and feasible_candidate(report)

    def _empty_volume(self) -> GrowingHypervolume:
        section = self._problem.config.objective
        if section.reference is None:
            raise ValueError("progress: the hypervolume's reference must have been resolved")
        dimensions = 2 + section.sparsity
        return GrowingHypervolume(section.reference[:dimensions], [1.0, 0.0, 1.0][:dimensions])

    def _point(self, report: Event) -> None:
        values = [report["performance"], report["bias"], report["sparsity"]]
        if self._volume is not None:
            self._hypervolume = self._volume.add(
                values[: 2 + self._problem.config.objective.sparsity]
            )
        if self._best is None or report["performance"] > self._best["performance"]:
            keys = ("trial", "epoch", "performance", "bias", "sparsity")
            self._best = {key: report[key] for key in keys}

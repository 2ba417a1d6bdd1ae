"""What the events of a search add up to while it runs; no printing here."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass, field

from search.journal.candidates import Candidates, group_at_prediction, is_feasible, needs_group
from search.journal.events import (
    END_STATUSES,
    Event,
    ReportEvent,
    SearchStatus,
    TrialStart,
    TrialStatus,
    Underway,
)


@dataclass(frozen=True, slots=True)
class Figures:
    """The figures of a report that are shown. Counts stay out: they add up to hundreds of MiB."""

    performance: float | None
    bias: float | None  # None: not estimable
    sparsity: float
    beats_trivial: bool = True
    needs_group: bool = False

    @classmethod
    def of(cls, report: ReportEvent) -> Figures:
        return cls(
            report["performance"],
            report["bias"],
            report["sparsity"],
            report["beats_trivial"],
            needs_group(report),
        )

    def __str__(self) -> str:
        performance, bias, sparsity = cells(self)
        return f"performance {performance}, bias {bias}, sparsity {sparsity}"


def cells(figures: Figures | None) -> tuple[str, str, str]:
    """Performance, bias and sparsity as text."""
    if figures is None:
        return ("-", "-", "-")
    values = (figures.performance, figures.bias, figures.sparsity)
    performance, bias, sparsity = ("-" if value is None else f"{value:.3f}" for value in values)
    return performance, bias, sparsity


def best_of(feasible: list[Figures], *, group_allowed: bool) -> Figures | None:
    """The best performance among those that could be chosen, or else among those that need the
    group; of equals the first."""
    could_be_chosen = [each for each in feasible if group_allowed or not each.needs_group]
    return max(could_be_chosen or feasible, key=lambda each: each.performance or 0.0, default=None)


@dataclass(frozen=True)
class TrialSummary:
    """A trial at its end: its best candidate, or what came closest to the tolerance."""

    status: TrialStatus
    best: Figures | None  # of its feasible candidates
    closest: Figures | None

    def words(self, *, group_allowed: bool) -> str:
        """`group_allowed`: whether what needs the group may be chosen; it is marked if not."""
        if self.best is not None:
            mark = " (needs the group)" if self.best.needs_group and not group_allowed else ""
            if self.status in ("stopped", "failed"):
                return f"no longer counted, its best feasible{mark}: {self.best}"
            return f"best feasible{mark}: {self.best}"
        if self.closest is None:
            return "nothing feasible"
        performance, bias, sparsity = cells(self.closest)
        trivial = "" if self.closest.beats_trivial else ", no better than a constant prediction"
        return (
            f"nothing feasible; least bias {bias} at performance {performance}, "
            f"sparsity {sparsity}{trivial}"
        )


@dataclass
class Tally:
    """What the events so far add up to."""

    methods: dict[str, str] = field(default_factory=dict)  # trial -> method
    names: dict[str, str] = field(default_factory=dict)  # trial -> its row, or else its method
    states: Counter[tuple[str, TrialStatus]] = field(default_factory=Counter)  # (method, state)
    summaries: dict[str, TrialSummary] = field(default_factory=dict)  # trial -> at its end
    group_allowed: bool = False  # whether what needs the group may be chosen
    status: SearchStatus | None = None  # the latest one
    status_time: float = 0.0  # monotonic
    # What takes many epochs and is no trial of a search: the dense net, a retraining.
    underway: dict[str, tuple[float, Underway]] = field(default_factory=dict)
    running: dict[str, tuple[float, ReportEvent | None]] = field(default_factory=dict)  # trials
    first: dict[str, tuple[str, int]] = field(default_factory=dict)  # trial -> slot, its epochs

    def __post_init__(self) -> None:
        self._feasible: Candidates[Figures | None] = Candidates(
            lambda report: Figures.of(report) if is_feasible(report) else None
        )
        self._closest: dict[str, Figures] = {}  # of running trials

    def take(self, event: Event | SearchStatus | Underway) -> None:
        match event["event"]:
            case "status":
                self.status, self.status_time = event, time.monotonic()
                return
            case "underway":
                self.underway[event["of"]] = (time.monotonic(), event)
                return
            case "dense":
                self.underway.pop("dense net", None)
            case "experiment":
                self.group_allowed = group_at_prediction(event)
            case "trial_start":
                self.methods[event["trial"]] = event["method"]
                self.names[event["trial"]] = event.get("row", event["method"])
                self.states[event["method"], "running"] += 1
                self.running[event["trial"]] = (time.monotonic(), None)
                if (first := first_with_epochs(event)) is not None:
                    self.first[event["trial"]] = first
            case "report":
                self._see_closest(event)
                if event["trial"] in self.running:
                    self.running[event["trial"]] = (time.monotonic(), event)
            case "trial_end":
                trial, method = event["trial"], self.methods[event["trial"]]
                self.running.pop(trial, None)
                self.underway.pop(trial, None)
                self.states[method, "running"] -= 1
                self.states[method, event["status"]] += 1
                # Asked before the end is taken: a trial that failed has no candidates any more.
                best = best_of(self._feasible_of(trial), group_allowed=self.group_allowed)
                self.summaries[trial] = TrialSummary(
                    event["status"], best, self._closest.pop(trial, None)
                )
        self._feasible.take(event)

    def count(self, state: TrialStatus, method: str | None = None) -> int:
        """Trials that are `running`, `finished`, `stopped` or `failed`, of one method or all."""
        return sum(
            trials
            for (of_method, in_state), trials in self.states.items()
            if in_state == state and method in (None, of_method)
        )

    @property
    def ended(self) -> int:
        return sum(self.count(end) for end in END_STATUSES)

    def best(self, method: str | None = None) -> Figures | None:
        """The best of a method's candidates, or of all, as `best_of` says."""
        trials = [name for name, of in self.methods.items() if method in (None, of)]
        feasible = [each for trial in trials for each in self._feasible_of(trial)]
        return best_of(feasible, group_allowed=self.group_allowed)

    @property
    def seconds_left(self) -> float | None:
        if self.status is None or self.status["seconds_left"] is None:
            return None
        return max(0.0, self.status["seconds_left"] - (time.monotonic() - self.status_time))

    def _feasible_of(self, trial: str) -> list[Figures]:
        return [each for each in self._feasible.of(trial).values() if each is not None]

    def _see_closest(self, report: ReportEvent) -> None:
        """Not where bias is not estimable, nor what keeps the tolerance in a stage that offers no
        candidates: its bias would contradict that nothing is feasible."""
        offered_none = report["feasible"] and report["beats_trivial"]
        if report["bias"] is None or offered_none:
            return
        figures, known = Figures.of(report), self._closest.get(report["trial"])
        if known is None or _distance(figures) < _distance(known):
            self._closest[report["trial"]] = figures


def first_with_epochs(event: TrialStart) -> tuple[str, int] | None:
    """The slot of the trial's first stage that takes epochs, and how many; None: none is set."""
    for slot, settings in event["spec"]["settings"].items():
        if isinstance(epochs := settings.get("epochs"), int):
            return slot, epochs
    return None


def _distance(figures: Figures) -> tuple[bool, float]:
    """A constant prediction has no bias, yet is close to nothing."""
    return not figures.beats_trivial, figures.bias or 0.0

"""What is shown while a search runs: a live table on a terminal, plain lines elsewhere."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from search.cli.say import plain
from search.engine.progress import spent_text
from search.journal.candidates import Candidates, group_at_prediction, is_feasible, needs_group
from search.journal.events import (
    END_STATUSES,
    TRIAL_STATUSES,
    Dense,
    Event,
    ReportEvent,
    SearchStatus,
    Told,
    TrialStatus,
)
from search.units import clock, compute


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
    """What the events so far add up to; no printing here."""

    methods: dict[str, str] = field(default_factory=dict)  # trial -> method
    names: dict[str, str] = field(default_factory=dict)  # trial -> its row, or else its method
    states: Counter[tuple[str, TrialStatus]] = field(default_factory=Counter)  # (method, state)
    summaries: dict[str, TrialSummary] = field(default_factory=dict)  # trial -> at its end
    group_allowed: bool = False  # whether what needs the group may be chosen
    status: SearchStatus | None = None  # the latest one
    status_time: float = 0.0  # monotonic

    def __post_init__(self) -> None:
        self._feasible: Candidates[Figures | None] = Candidates(
            lambda report: Figures.of(report) if is_feasible(report) else None
        )
        self._closest: dict[str, Figures] = {}  # of running trials

    def take(self, event: Event | SearchStatus) -> None:
        match event["event"]:
            case "status":
                self.status, self.status_time = event, time.monotonic()
                return
            case "experiment":
                self.group_allowed = group_at_prediction(event)
            case "trial_start":
                self.methods[event["trial"]] = event["method"]
                self.names[event["trial"]] = event.get("row", event["method"])
                self.states[event["method"], "running"] += 1
            case "report":
                self._see_closest(event)
            case "trial_end":
                trial, method = event["trial"], self.methods[event["trial"]]
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


def _distance(figures: Figures) -> tuple[bool, float]:
    """A constant prediction has no bias, yet is close to nothing."""
    return not figures.beats_trivial, figures.bias or 0.0


class LiveView:
    """Shows a search: `with LiveView(60) as shown: run(config, on_event=shown.on_event)`."""

    def __init__(self, trials: int, console: Console | None = None) -> None:
        self.console = console or Console()
        self.tally = Tally()
        self._trials = trials
        self._begin = time.monotonic()
        self._live: Live | None = None

    def __enter__(self) -> Self:
        if self.console.is_terminal:
            self._live = Live(
                get_renderable=self.table, console=self.console, refresh_per_second=2
            )
            self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._live is not None:
            self._live.stop()

    def on_event(self, event: Told) -> None:
        """Takes over a journal event or a status; prints a line where there is no terminal.

        Events of an earlier session of a resumed search come wrapped and are only counted.
        """
        if event["event"] == "replay":
            self.tally.take(event["of"])
            return
        if event["event"] != "note":
            self.tally.take(event)
        # Notes stay above the live table; the table itself shows all the rest.
        if (self._live is None or event["event"] == "note") and (line := self._line(event)):
            self.console.print(plain(line), soft_wrap=True, highlight=False, markup=False)

    def table(self) -> RenderableType:
        """One row per method, and below it what holds for the whole search."""
        if not self.tally.states:
            gone = clock(time.monotonic() - self._begin)
            return Text(f"opening the data, training the dense net: {gone} gone")
        shown = Table(box=None, pad_edge=False, header_style="bold")
        shown.add_column("method")
        for heading in (*TRIAL_STATUSES, "best feasible", "bias", "sparsity"):
            shown.add_column(heading, justify="right")
        for method in dict.fromkeys(method for method, _ in self.tally.states):
            counts = [str(self.tally.count(state, method)) for state in TRIAL_STATUSES]
            shown.add_row(plain(method), *counts, *cells(self.tally.best(method)))
        shown.add_section()
        counts = [str(self.tally.count(state)) for state in TRIAL_STATUSES]
        shown.add_row("all", *counts, *cells(self.tally.best()), style="bold")
        return Group(shown, Text(self._summary()))

    def _summary(self, *, over: bool = False) -> str:
        parts = [f"{self.tally.ended}/{self._trials} trials ended"]
        if (status := self.tally.status) is not None:
            parts.append(f"hypervolume {status['hypervolume']:.3f}")
            if status["budget_hours"] is not None:
                parts.append(spent_text(status))
        parts.append(f"{clock(time.monotonic() - self._begin)} gone")
        if not over and (left := self.tally.seconds_left) is not None:
            parts.append(f"{clock(left)} left")
        return ", ".join(parts)

    def _line(self, event: Told) -> str | None:
        """What is printed of an event; None of most."""
        match event["event"]:
            case "note":
                return event["text"]
            case "dense":
                return _dense_line(event)
            case "trial_end":
                trial = event["trial"]
                reason = f" ({event['reason']})" if event["reason"] else ""
                words = self.tally.summaries[trial].words(group_allowed=self.tally.group_allowed)
                return (
                    f"[{self.tally.ended}/{self._trials}] {trial} {self.tally.names[trial]} "
                    f"{event['status']}{reason}; {words}"
                )
            case "search_end":
                ends = ", ".join(f"{self.tally.count(end)} {end}" for end in END_STATUSES)
                best = TrialSummary("finished", self.tally.best(), None)
                words = best.words(group_allowed=self.tally.group_allowed)
                short = f"; {event['left']} trials were not run" if event["left"] else ""
                took = f"; {compute(event['charged'], event['spent'])}" if "spent" in event else ""
                return f"search ended: {ends}; {words}; {self._summary(over=True)}{took}{short}"
            case _:
                return None


def _dense_line(event: Dense) -> str:
    figures = Figures(event["performance"], event["bias"], event["sparsity"])
    unpruned = event.get("unpruned", [])
    if not unpruned:
        return f"dense net: {figures}"
    few = ", ".join(unpruned[:3]) + (", ..." if len(unpruned) > 3 else "")
    return f"dense net: {figures}; never pruned: {len(unpruned)} parameters ({few})"

"""What is shown while a search runs: a live table on a terminal, plain lines elsewhere."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from analysis.events import Event
from search.engine.progress import spent_text
from search.front.selection import group_at_prediction, needs_group
from search.journal.record import feasible_candidate
from search.units import clock, compute

FIGURES = ("performance", "bias", "sparsity")


@dataclass
class Reached:
    """A trial's best feasible report, which is what a front may take from it, and its closest.

    Keeps figures alone: the counts of many reports add up to hundreds of MiB.
    """

    best: dict[str, Any] | None = None
    closest: dict[str, Any] | None = None

    def take(self, report: Event) -> None:
        if feasible_candidate(report):
            if self.best is None or report["performance"] > self.best["performance"]:
                self.best = _kept(report) | {"needs_group": needs_group(report)}
        elif _could_be_closest(report) and (
            self.closest is None or _distance(report) < _distance(self.closest)
        ):
            self.closest = _kept(report)

    def words(self, *, group_allowed: bool) -> str:
        """`group_allowed`: whether what needs the group may be chosen, which is marked if not."""
        if self.best is not None:
            marked = self.best["needs_group"] and not group_allowed
            mark = " (needs the group)" if marked else ""
            return f"best feasible{mark}: {figures(self.best)}"
        if self.closest is None:
            return "nothing feasible"
        performance, bias, sparsity = cells(self.closest)
        trivial = "" if self.closest["beats_trivial"] else ", no better than a constant prediction"
        return (
            f"nothing feasible; least bias {bias} at performance {performance}, "
            f"sparsity {sparsity}{trivial}"
        )


def figures(report: dict[str, Any]) -> str:
    performance, bias, sparsity = cells(report)
    return f"performance {performance}, bias {bias}, sparsity {sparsity}"


def cells(report: dict[str, Any] | None) -> tuple[str, str, str]:
    """Performance, bias and sparsity as text; bias may be not estimable."""
    if report is None:
        return ("-", "-", "-")
    return tuple(  # type: ignore[return-value]
        "-" if report.get(key) is None else f"{report[key]:.3f}" for key in FIGURES
    )


def _kept(report: Event) -> dict[str, Any]:
    return {key: report[key] for key in (*FIGURES, "beats_trivial")}


def _could_be_closest(report: Event) -> bool:
    """Not where bias is not estimable, nor what keeps the tolerance in a stage that offers no
    candidates: its bias would contradict that nothing is feasible."""
    offered_none = report["feasible"] and report["beats_trivial"]
    return report["bias"] is not None and not offered_none


def _distance(report: dict[str, Any]) -> tuple[bool, float]:
    """A constant prediction has no bias, yet is close to nothing."""
    return not report["beats_trivial"], report["bias"]


ENDS = ("finished", "stopped", "failed")


@dataclass
class Tally:
    """What the events so far add up to; no printing here."""

    methods: dict[str, str] = field(default_factory=dict)  # trial -> method
    states: Counter[tuple[str, str]] = field(default_factory=Counter)  # (method, state) -> trials
    best: dict[str, Event] = field(default_factory=dict)  # method -> best feasible report
    reached: dict[str, Reached] = field(default_factory=dict)  # trial -> what it has reached
    group_allowed: bool = False  # whether what needs the group may be chosen
    status: Event = field(default_factory=dict)  # the latest one
    status_time: float = 0.0  # monotonic

    def take(self, event: Event) -> None:
        match event["event"]:
            case "experiment":
                self.group_allowed = group_at_prediction(event)
            case "trial_start":
                self.methods[event["trial"]] = event["method"]
                self.states[event["method"], "running"] += 1
            case "trial_end":
                method = self.methods[event["trial"]]
                self.states[method, "running"] -= 1
                self.states[method, event["status"]] += 1
            case "report":
                self._report(event)
            case "status":
                self.status, self.status_time = event, time.monotonic()

    def count(self, state: str, method: str | None = None) -> int:
        """Trials that are `running`, `finished`, `stopped` or `failed`, of one method or all."""
        return sum(
            trials
            for (of, now), trials in self.states.items()
            if now == state and method in (None, of)
        )

    @property
    def ended(self) -> int:
        return sum(self.count(end) for end in ENDS)

    @property
    def overall_best(self) -> Event | None:
        """What the search calls best; until it does, the best of the methods' best."""
        said: Event | None = self.status.get("best")
        return said or max(self.best.values(), key=lambda one: one["performance"], default=None)

    @property
    def seconds_left(self) -> float | None:
        left = self.status.get("seconds_left")
        return None if left is None else max(0.0, left - (time.monotonic() - self.status_time))

    def _report(self, event: Event) -> None:
        self.reached.setdefault(event["trial"], Reached()).take(event)
        if not feasible_candidate(event):
            return
        method = self.methods[event["trial"]]
        known = self.best.get(method)
        if known is None or event["performance"] > known["performance"]:
            self.best[method] = event


class Progress:
    """Shows a search: `with Progress(60) as shown: run(config, on_event=shown.on_event)`."""

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

    def on_event(self, event: Event) -> None:
        """Takes over a journal event or a status; prints a line where there is no terminal.

        Events of an earlier session of a resumed search come wrapped and are only counted.
        """
        if event["event"] == "replay":
            self.tally.take(event["of"])
            return
        self.tally.take(event)
        # Notes stay above the live table; the table itself shows all the rest.
        if (self._live is None or event["event"] == "note") and (line := self._line(event)):
            self.console.print(line, soft_wrap=True, highlight=False, markup=False)

    def table(self) -> RenderableType:
        """One row per method, and below it what holds for the whole search."""
        if not self.tally.states:
            gone = clock(time.monotonic() - self._begin)
            return Text(f"opening the data, training the dense net: {gone} gone")
        shown = Table(box=None, pad_edge=False, header_style="bold")
        shown.add_column("method")
        for heading in ("running", *ENDS, "best feasible", "bias", "sparsity"):
            shown.add_column(heading, justify="right")
        for method in dict.fromkeys(method for method, _ in self.tally.states):
            counts = [str(self.tally.count(state, method)) for state in ("running", *ENDS)]
            shown.add_row(method, *counts, *cells(self.tally.best.get(method)))
        shown.add_section()
        counts = [str(self.tally.count(state)) for state in ("running", *ENDS)]
        shown.add_row("all", *counts, *cells(self.tally.overall_best), style="bold")
        return Group(shown, Text(self._summary()))

    def _summary(self, *, over: bool = False) -> str:
        parts = [f"{self.tally.ended}/{self._trials} trials ended"]
        if (volume := self.tally.status.get("hypervolume")) is not None:
            parts.append(f"hypervolume {volume:.3f}")
        if self.tally.status.get("budget_hours") is not None:
            parts.append(spent_text(self.tally.status))
        parts.append(f"{clock(time.monotonic() - self._begin)} gone")
        if not over and (left := self.tally.seconds_left) is not None:
            parts.append(f"{clock(left)} left")
        return ", ".join(parts)

    def _line(self, event: Event) -> str | None:
        match event["event"]:
            case "note":
                return str(event["text"])
            case "dense":
                unpruned = event.get("unpruned", [])
                few = ", ".join(unpruned[:3]) + (", ..." if len(unpruned) > 3 else "")
                said = f"; never pruned: {len(unpruned)} parameters ({few})" if unpruned else ""
                return f"dense net: {figures(event)}{said}"
            case "trial_end":
                trial = event["trial"]
                reached = self.tally.reached.get(trial)
                reason = f" ({event['reason']})" if event.get("reason") else ""
                said = f"{trial} {self.tally.methods[trial]} {event['status']}{reason}"
                allowed = self.tally.group_allowed
                words = f"; {reached.words(group_allowed=allowed)}" if reached else ""
                return f"[{self.tally.ended}/{self._trials}] {said}{words}"
            case "search_end":
                ends = ", ".join(f"{self.tally.count(end)} {end}" for end in ENDS)
                best = self.tally.overall_best
                said = f"best feasible: {figures(best)}" if best else "nothing feasible"
                short = f"; {event['left']} trials were not run" if event.get("left") else ""
                took = f"; {compute(event['charged'], event['spent'])}" if "spent" in event else ""
                return f"search ended: {ends}; {said}; {self._summary(over=True)}{took}{short}"
            case _:
                return None

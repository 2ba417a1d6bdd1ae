"""What is shown while something long runs: a live table on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from analysis.events import JOURNAL
from search.cli.pulse import SILENT, Pulse
from search.cli.say import plain
from search.cli.tally import Figures, Tally, TrialSummary, cells
from search.engine.progress import spent_text
from search.journal.events import (
    END_STATUSES,
    TRIAL_STATUSES,
    Dense,
    Listener,
    ReportEvent,
    Told,
    Underway,
)
from search.runs.beginning import is_beginning
from search.units import clock, compute

NOTHING = "nothing feasible so far"
CALM = 5.0  # seconds between two lines where only these are wanted
NAMED = 4  # trials under way that such a line names


class LiveView:
    """Shows a search: `with LiveView(60) as shown: run(config, on_event=shown.on_event)`."""

    def __init__(
        self,
        trials: int | None,
        console: Console | None = None,
        *,
        doing: str = "opening the data and preparing the dense net",
        calm: bool = False,
    ) -> None:
        """`trials` are those of the search, None: not known; `doing` says what is done before the
        first event. `calm`: without a terminal, how far it is now and then, and the end, alone."""
        self.console = console or Console()
        self._doing = doing
        self.tally = Tally()
        self._trials = trials
        self._begin = time.monotonic()
        self._live: Live | None = None
        self._calm = calm
        self._pulse = Pulse(self.pulse, self._print, CALM if calm else SILENT)
        self._lock = self._pulse.lock  # of the tally, which a thread reads
        self._ending: str | None = None  # what is done once the search is over

    def __enter__(self) -> Self:
        if self.console.is_terminal:
            self._live = Live(
                get_renderable=self.table, console=self.console, refresh_per_second=2
            )
            self._live.start()
        else:
            self._pulse.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._pulse.__exit__(kind, error, trace)
        if self._live is not None:
            self._live.stop()

    def on_event(self, event: Told) -> None:
        """Takes over a journal event or a status; prints a line where there is no terminal.

        Events of an earlier session of a resumed search come wrapped and are only counted.
        """
        with self._lock:
            if event["event"] == "replay":
                self.tally.take(event["of"])
                return
            if event["event"] != "note":
                self.tally.take(event)
            if event["event"] == "search_end":
                self._ending = "writing the front, completing the copy in MLflow"
            calm = self._calm and self._live is None
            if calm and event["event"] not in ("note", "search_end"):
                return
            # Notes stay above the live table; the table itself shows all the rest.
            if (self._live is None or event["event"] == "note") and (line := self._line(event)):
                self._print(line)

    def _print(self, line: str) -> None:
        self._pulse.said()
        self.console.print(plain(line), soft_wrap=True, highlight=False, markup=False)

    def pulse(self) -> str:
        """One line: how far things are now."""
        with self._lock:
            if self._ending is not None:
                return f"... {self._ending}: {clock(time.monotonic() - self._begin)} gone"
            under_way = [underway_text(*one) for one in self.tally.underway.values()]
            if not self.tally.states and not under_way:
                return f"... {self._doing}: {clock(time.monotonic() - self._begin)} gone"
            if not self.tally.states:
                gone = clock(time.monotonic() - self._begin)
                return f"... {'; '.join(under_way[:NAMED])}; {gone} gone"
            running = [self._trial_text(*of) for of in list(self.tally.running.items())[:NAMED]]
            more = len(self.tally.running) - len(running)
            told = [*running, *([f"{more} more"] if more > 0 else []), *under_way]
            return f"... {self._summary()}; {self._best()}; {'; '.join(told)}".rstrip("; ")

    def _trial_text(self, trial: str, state: tuple[float, ReportEvent | None]) -> str:
        since, report = state
        name = f"{trial} {self.tally.names[trial]}"
        if report is None:
            slot, epochs = self.tally.first.get(trial, ("", 0))
            done = f"{slot} epoch 0 of {epochs}, " if epochs else "no epoch has ended, "
            return f"{name} {done}the first since {clock(time.monotonic() - since)}"
        epoch = f"{report['name']} epoch {report['stage_epoch']} of {report['stage_epochs']}"
        waits = time.monotonic() - since
        return f"{name} {epoch}" + (f", the next since {clock(waits)}" if waits > SILENT else "")

    def _best(self) -> str:
        """The best feasible candidate of the search so far."""
        status = self.tally.status
        best = self.tally.best() if status is None else None
        if status is not None and (told := status["best"]) is not None:
            best = Figures(told["performance"], told["bias"], told["sparsity"])
            ended = self.tally.summaries.get(told["trial"])
            if ended is not None and ended.status in ("stopped", "failed"):
                best = self.tally.best()  # what it had found counts no more
        return NOTHING if best is None else f"best so far: {best}"

    def table(self) -> RenderableType:
        """One row per method, and below it what holds for the whole search."""
        with self._lock:
            return self._table()

    def _table(self) -> RenderableType:
        if not self.tally.states:
            return Text(self.pulse().removeprefix("... "))
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
        lines = [self._summary()]
        lines += [self._trial_text(*of) for of in list(self.tally.running.items())[:NAMED]]
        return Group(shown, Text("\n".join(lines)))

    def _ended(self) -> str:
        return f"{self.tally.ended}" + (f"/{self._trials}" if self._trials else "")

    def _summary(self, *, over: bool = False) -> str:
        parts = [f"{self._ended()} trials ended"]
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
                if words.startswith("best feasible"):
                    words = f"its {words}"  # the search's own stands behind it
                if (so_far := self._best()) != NOTHING:
                    words = f"{words}; {so_far}"
                return (
                    f"[{self._ended()}] {trial} {self.tally.names[trial]} "
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


@contextmanager
def watched(
    progress: bool | None,
    on_event: Listener | None,
    trials: int | None,
    run: Path | str,
    data: object = None,
    model: object = None,
) -> Iterator[Listener | None]:
    """The listener of a search that Python has started, with its progress shown unless `progress`
    is False, or None beside an `on_event`.

    With None, outside a terminal, that is notes and a line every five seconds, on standard error:
    what a script prints stays its own. Ctrl-C leaves as a KeyboardInterrupt that says how to go on
    with `run`, without what Ray was doing then: `data` and `model`, where they were handed over,
    have to be again.
    """
    try:
        if progress is False or (progress is None and on_event is not None):
            yield on_event
            return
        aside = progress is None and not sys.stdout.isatty()
        with LiveView(trials, Console(stderr=aside), calm=aside) as shown:

            def both(event: Told) -> None:
                shown.on_event(event)
                if on_event is not None:
                    on_event(event)

            yield both
    except KeyboardInterrupt:
        raise KeyboardInterrupt(_how_to_go_on(Path(run), data=data, model=model)) from None


def _how_to_go_on(run: Path, **handed: object) -> str:
    if not ((run / JOURNAL).exists() or is_beginning(run)):
        return "nothing was written yet"
    again = [
        repr(str(run)),
        *(f"{name}=..." for name, given in handed.items() if given is not None),
    ]
    return f"fairfront.resume({', '.join(again)}) goes on with it"


def underway_text(since: float, event: Underway) -> str:
    """`dense net: epoch 12 of at most 1001, at most 3:20 left`, told at `since` (monotonic)."""
    parts = [
        f"epoch {event['epoch']} of at most {event['epochs']}" if event["epochs"] else "begun"
    ]
    if (best := event.get("best")) is not None:
        parts.append(f"smallest early-stopping loss {best:.3f} (epoch {event.get('best_epoch')})")
    if event["seconds_left"] is not None:
        left = max(0.0, event["seconds_left"] - (time.monotonic() - since))
        parts.append(f"at most {clock(left)} left")
    return f"{event['what']}: {', '.join(parts)}"


def _dense_line(event: Dense) -> str:
    figures = Figures(event["performance"], event["bias"], event["sparsity"])
    unpruned = event.get("unpruned", [])
    if not unpruned:
        return f"dense net: {figures}"
    few = ", ".join(unpruned[:3]) + (", ..." if len(unpruned) > 3 else "")
    return f"dense net: {figures}; never pruned: {len(unpruned)} parameters ({few})"

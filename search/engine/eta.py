"""How long a search will still take, told from what its trials have taken so far."""

from __future__ import annotations

import statistics
from collections import deque
from dataclasses import dataclass

from search.journal.events import Event, ReportEvent

LAST = 50  # ended trials of a method that tell what the next one takes
HIDDEN = 0.5  # of what a trial takes: for stages that nothing is known of yet


@dataclass
class _Running:
    """A trial under way."""

    method: str
    since: float
    expected: float | None = None  # seconds that it takes in all, as far as its reports say


class Eta:
    """Takes the events of a search with the times at which they came, and tells what is left.

    A trial is expected to take what the ended ones of its method took (stopped ones among them),
    and at least what the rest of its present stage takes. Trials that are still to be started are
    shared among the methods as those so far. Work is done as fast as it was done so far.
    """

    def __init__(self) -> None:
        self._left = 0  # trials that are still to be started
        self._begun: float | None = None
        self._running: dict[str, _Running] = {}
        self._took: dict[str, deque[float]] = {}  # method -> seconds of its last ended trials
        self._started: dict[str, int] = {}
        self._at_once = 1  # trials, the most so far

    def expect(self, trials: int, now: float) -> None:
        """How many trials are still to be ended, from `now` on."""
        self._left, self._begun = trials, now

    def take(self, event: Event, now: float) -> None:
        match event["event"]:
            case "trial_start":
                self._left -= 1
                self._start(event["trial"], event["method"], now)
            case "report":
                self._report(event, now)
            case "trial_end":
                running = self._running.pop(event["trial"], None)
                if running is not None:
                    took = self._took.setdefault(running.method, deque(maxlen=LAST))
                    took.append(now - running.since)

    def seconds_left(self, now: float) -> float | None:
        """None as long as no trial has said anything."""
        if self._begun is None:
            return None
        rest = {name: self._rest(trial, now) for name, trial in self._running.items()}
        known = [one for one in rest.values() if one is not None]
        if self._running and not known:
            return None
        typical = self._typical()
        if typical is None:
            return None
        todo = [one if one is not None else typical for one in rest.values()]
        work = sum(todo) + max(0, self._left) * typical
        longest = max(todo, default=0.0)
        if self._left > 0:
            # The last trial to be started ends a trial's length after a worker is free for it.
            longest = max(longest, typical)
        return max(work / self._at_once, longest)

    def _start(self, name: str, method: str, now: float) -> None:
        self._running[name] = _Running(method, now)
        self._started[method] = self._started.get(method, 0) + 1
        self._at_once = max(self._at_once, len(self._running))

    def _report(self, report: ReportEvent, now: float) -> None:
        running = self._running.get(report["trial"])
        if running is None:
            return
        gone = now - running.since
        of_stage = report["stage_epoch"] / max(1, report["stage_epochs"])
        rest = report["seconds"] * (report["stage_epochs"] - report["stage_epoch"])
        expected = gone + rest
        if not report["final_stage"]:
            expected += HIDDEN * max(expected, gone / max(of_stage, 0.01))
        running.expected = expected

    def _rest(self, trial: _Running, now: float) -> float | None:
        gone, took = now - trial.since, self._took.get(trial.method, ())
        longer = [one for one in took if one > gone]
        if longer:
            return statistics.fmean(longer) - gone
        return None if trial.expected is None else max(0.0, trial.expected - gone)

    def _typical(self) -> float | None:
        """Seconds of a trial that is still to be started."""
        means: dict[str, float] = {}
        for method in self._started:
            took = list(self._took.get(method, ()))
            under_way = [
                one.expected
                for one in self._running.values()
                if one.method == method and one.expected is not None
            ]
            seen = [*took, *under_way]  # those that end first are the short ones
            if seen:
                means[method] = statistics.fmean(seen)
        if not means:
            return None
        shares = {method: self._started[method] for method in means}
        return sum(means[method] * shares[method] for method in means) / sum(shares.values())

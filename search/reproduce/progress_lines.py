"""What is printed while a table runs: one line per search and trial, with an estimate."""

from __future__ import annotations

import time
from collections.abc import Callable

from search.duration import clock
from search.journal import Event


class ProgressLines:
    """Turns the events of `reproduce` into lines; `left` counts from what this session has run."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self._begin = time.monotonic()
        self._searches = self._started = self._trials = self._trials_done = 0
        self._spent: list[float] = []  # seconds of the searches of this session
        self._methods: dict[str, str] = {}

    def take(self, event: Event) -> None:
        match event["event"]:
            case "table":
                self._searches = event["searches"]
                self._say(f"{event['name']}: at most {self._searches} searches")
            case "dense_start":
                self._say(
                    f"{event['column']}: {event['nets']} dense nets, trained or from the cache"
                )
            case "dense_end":
                self._say(f"  dense nets ready after {clock(event['seconds'])}")
            case "step":
                self._step(event)
            case "step_end":
                self._spent.append(event["seconds"])
            case "trial_start":
                self._methods[event["trial"]] = event["method"]
            case "trial_end":
                self._trial(event)
            case "evaluation":
                self._say("All searches have ended; opening the test split")

    def _step(self, event: Event) -> None:
        self._started += 1
        self._trials, self._trials_done, self._methods = event["trials"], 0, {}
        seed = "" if event["kind"] == "tuning" else f", seed {event['seed']}"
        where = f"[{self._started}/{self._searches}] {event['column']}, {event['kind']}{seed}"
        if event["done"]:
            self._say(f"{where}: done before")
            return
        self._say(f"{where}: {event['trials']} trials; {self._time()}")

    def _trial(self, event: Event) -> None:
        self._trials_done += 1
        reason = f" ({event['reason']})" if event.get("reason") else ""
        method = self._methods.get(event["trial"], event["trial"])
        self._say(f"  {self._trials_done}/{self._trials} {method} {event['status']}{reason}")

    def _time(self) -> str:
        gone = clock(time.monotonic() - self._begin)
        if not self._spent:
            return f"{gone} gone"
        left = (self._searches - self._started + 1) * sum(self._spent) / len(self._spent)
        return f"{gone} gone, about {clock(left)} left"

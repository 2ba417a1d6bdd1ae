"""In which order the events of a trial may stand in a journal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class Order:
    """What each trial has said so far: one start, then its reports, epoch by epoch, then one end.

    A journal whose lines are each as they were written may still have lost one, or have one twice;
    what is read from it then would be another search.
    """

    def __init__(self) -> None:
        self._epochs: dict[str, int] = {}  # trial -> its last one
        self._ended: set[str] = set()

    def __contains__(self, trial: str) -> bool:
        """Whether a trial has started."""
        return trial in self._epochs

    def take(self, event: Mapping[str, Any]) -> str | None:
        """Why an event cannot stand here; None where it can, which is then remembered."""
        kind = event["event"]
        if kind not in ("trial_start", "report", "trial_end"):
            return None
        trial = event["trial"]
        if kind == "trial_start":
            if trial in self._epochs:
                return f"starts {trial} a second time"
            self._epochs[trial] = 0
            return None
        if trial not in self._epochs:
            return f"is of {trial}, which has not started"
        if trial in self._ended:
            return f"is of {trial}, which has ended"
        if kind == "trial_end":
            self._ended.add(trial)
            return None
        due = self._epochs[trial] + 1
        if event["epoch"] != due:
            return f"is epoch {event['epoch']} of {trial}, where {due} was due"
        self._epochs[trial] = due
        return None

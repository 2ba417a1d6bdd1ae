"""The front of a running search: of its finished trials, kept up event by event."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from analysis.events import Event
from analysis.hypervolume import GrowingHypervolume
from search.front.build import Front
from search.front.selection import (
    chosen_of,
    flags,
    group_at_prediction,
    needs_group,
    non_dominated_of,
)

_OF_TUNE = (
    *("performance", "performance_se", "performance_interval", "bias", "bias_interval"),
    *("sparsity", "measures", "feasible", "beats_trivial"),
)
_OF_POINT = ("candidate", "trial", "epoch", "live")


@dataclass
class _Trial:
    """What a running trial may bring to the front when it ends."""

    start: dict[str, Any]  # method, settings, learns_from
    candidates: dict[str, dict[str, Any]] = field(default_factory=dict)  # by name


class GrowingFront:
    """Front and hypervolume of the trials that have finished; each event costs the size of the
    front at most, not that of the journal. The hypervolume is that of what could be chosen.

    A point is what front.json says of it (values from the trial's own report, on tune).
    """

    def __init__(self, facts: Event) -> None:
        """`facts` is the `experiment` event."""
        self.version = 0  # rises whenever the front changes
        self._group_allowed = group_at_prediction(facts)
        self._objective = {
            **facts["objective"],
            "sparsity": facts["sparsity"],
            "group_at_prediction": self._group_allowed,
        }
        self._reference = list(facts["reference"])
        self._facts = {key: facts[key] for key in ("name", "group", "group_names")}
        axes = 2 + facts["sparsity"]
        self._axes = ("performance", "bias", "sparsity")[:axes]
        self._volume = GrowingHypervolume(self._reference[:axes], (1.0, 0.0, 1.0)[:axes])
        self._dense: dict[str, Any] | None = None
        self._running: dict[str, _Trial] = {}
        self._points: list[dict[str, Any]] = []

    @property
    def hypervolume(self) -> float:
        return self._volume.value

    def take(self, event: Event) -> None:
        """Any event of the journal, in its order."""
        match event["event"]:
            case "dense":
                self._dense = {name: event[name] for name in ("performance", "bias", "sparsity")}
            case "trial_start":
                start = {name: event.get(name) for name in ("method", "learns_from")}
                settings = event["spec"]["settings"]
                self._running[event["trial"]] = _Trial({**start, "settings": settings})
            case "report":
                self._report(event)
            case "trial_end":
                trial = self._running.pop(event["trial"], None)
                if trial is not None and trial.candidates and event["status"] == "finished":
                    self._add(list(trial.candidates.values()))

    def as_front(self) -> Front:
        """What front.json holds, as far as it is known; best performance first."""
        points = sorted(self._points, key=lambda point: -point["tune"]["performance"])
        chosen = chosen_of(
            [{**point["tune"], "needs_group": point["needs_group"]} for point in points],
            np.ones(len(points), dtype=bool),
            sparsity=len(self._axes) == 3,
            group_allowed=self._group_allowed,
        )
        return {
            "name": self._facts["name"],
            "objective": {
                **self._objective,
                "group": self._facts["group"],
                "groups": self._facts["group_names"],
                "reference": self._reference,
            },
            "hypervolume": self.hypervolume,
            "opening": None,
            "dense": {"tune": self._dense, "test": None},
            "references": [],
            "points": [{**point, "chosen": place == chosen} for place, point in enumerate(points)],
        }

    def _report(self, event: Event) -> None:
        trial = self._running.get(event["trial"])
        if trial is None:
            return
        for name in event["dropped"]:
            trial.candidates.pop(name, None)
        if event["candidate"] and event["feasible"] and event["beats_trivial"]:
            trial.candidates[event["candidate"]] = {
                **{name: event[name] for name in _OF_POINT},
                **trial.start,
                "needs_group": needs_group(event),
                "tune": {name: event[name] for name in _OF_TUNE},
                "test": None,
                "feasible": True,
                "kept_promise": None,
            }

    def _add(self, points: list[dict[str, Any]]) -> None:
        for point in points:
            if self._group_allowed or not point["needs_group"]:
                self._volume.add([point["tune"][name] for name in self._axes])
        together = [*self._points, *points]
        values = np.column_stack([self._column(together, name) for name in self._axes])
        by_group = flags(together, "needs_group")
        kept = non_dominated_of(values, by_group, group_allowed=self._group_allowed)
        if kept[len(self._points) :].any():
            self._points = [point for point, stays in zip(together, kept, strict=True) if stays]
            self.version += 1

    @staticmethod
    def _column(points: list[dict[str, Any]], name: str) -> NDArray[np.float64]:
        return np.array([point["tune"][name] for point in points], dtype=np.float64)

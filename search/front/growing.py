"""The front of a running search, kept up event by event: the terminal, MLflow and compare ask it.

Its points are those that front.json would hold at that moment, as the search judges them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import numpy as np

from analysis.front_json import DenseNet, Front, FrontPoint, PointValues
from analysis.hypervolume import hypervolume
from search.front.selection import IDEAL, Row, chosen_of, front_of
from search.journal.candidates import (
    Candidates,
    Change,
    group_at_prediction,
    is_feasible,
    needs_group,
)
from search.journal.events import Best, Event, Experiment, ReportEvent


@dataclass(frozen=True, slots=True)
class _Feasible:
    """A feasible candidate and its place in the space of performance, bias and sparsity."""

    trial: str
    candidate: str
    order: tuple[int, int]  # trial and epoch: of equal candidates the first stays on the front
    values: tuple[float, float, float]
    needs_group: bool
    point: FrontPoint | None  # what front.json says of it, where that is asked for


class GrowingFront:
    """Front and hypervolume of the candidates that stand.

    An event costs the size of the front at most, not that of the journal. The hypervolume is that
    of what could be chosen. With `points=False` it holds figures alone, which takes little memory
    in a search of thousands of trials; `as_front` is not to be had then.
    """

    def __init__(self, facts: Experiment, *, points: bool = True) -> None:
        self.version = 0  # rises whenever the front changes
        self._facts = facts
        self._group_allowed = group_at_prediction(facts)
        self._axes = 2 + facts["sparsity"]
        self._with_points = points
        self._dense: DenseNet = {"tune": None, "test": None}
        self._candidates: Candidates[_Feasible | None] = Candidates(self._feasible)
        self._front: list[_Feasible] = []  # by `order`
        self._volume: float | None = 0.0  # None: to be computed

    def take(self, event: Event) -> None:
        """Any event of the journal, in its order."""
        if event["event"] == "dense":
            self._dense["tune"] = {
                "performance": event["performance"],
                "bias": event["bias"],
                "sparsity": event["sparsity"],
            }
        change = self._candidates.take(event)
        if change is not None:
            self._follow(change)

    @property
    def hypervolume(self) -> float:
        """The share of the box that the points cover which could be chosen."""
        if self._volume is None:
            values = np.array([each.values[: self._axes] for each in self._could_be_chosen()])
            box = self._facts["reference"][: self._axes], IDEAL[: self._axes]
            self._volume = hypervolume(values.reshape(-1, self._axes), *box)
        return self._volume

    @property
    def best(self) -> Best | None:
        """The point of best performance among those that could be chosen."""
        could = self._could_be_chosen()
        if not could:
            return None
        best = max(could, key=lambda each: each.values[0])
        performance, bias, sparsity = best.values
        return {
            "trial": best.trial,
            "epoch": best.order[1],
            "performance": performance,
            "bias": bias,
            "sparsity": sparsity,
        }

    def values(self) -> dict[str, tuple[float, ...]]:
        """Candidate -> its place along the objectives, of the points that could be chosen."""
        return {each.candidate: each.values[: self._axes] for each in self._could_be_chosen()}

    def as_front(self) -> Front:
        """What front.json holds, as far as it is known; best performance first."""
        points = [each.point for each in self._front if each.point is not None]
        chosen = chosen_of(
            [cast("Row", {**p["tune"], "needs_group": p["needs_group"]}) for p in points],
            np.ones(len(points), dtype=bool),
            sparsity=self._axes == 3,
            group_allowed=self._group_allowed,
        )
        marked: list[FrontPoint] = [
            {**point, "chosen": number == chosen} for number, point in enumerate(points)
        ]
        facts = self._facts
        return {
            "name": facts["name"],
            "objective": {
                **facts["objective"],
                "sparsity": facts["sparsity"],
                "group_at_prediction": self._group_allowed,
                "group": facts["group"],
                "groups": facts["group_names"],
                "reference": facts["reference"],
            },
            "hypervolume": self.hypervolume,
            "opening": None,
            "dense": self._dense,
            "references": [],
            "points": sorted(marked, key=lambda point: -(point["tune"]["performance"] or 0.0)),
        }

    def _could_be_chosen(self) -> list[_Feasible]:
        return [each for each in self._front if self._group_allowed or not each.needs_group]

    def _feasible(self, report: ReportEvent) -> _Feasible | None:
        """What is kept of a candidate; of an infeasible one nothing."""
        if not is_feasible(report):
            return None
        bias = cast("float", report["bias"])  # what is feasible has both
        return _Feasible(
            trial=report["trial"],
            candidate=cast("str", report["candidate"]),
            order=(self._candidates.place(report["trial"]), report["epoch"]),
            values=(cast("float", report["performance"]), bias, report["sparsity"]),
            needs_group=needs_group(report),
            point=self._point(report) if self._with_points else None,
        )

    def _point(self, report: ReportEvent) -> FrontPoint:
        start = self._candidates.start(report["trial"])
        tune: PointValues = {
            "performance": report["performance"],
            "performance_se": report["performance_se"],
            "performance_interval": report["performance_interval"],
            "bias": report["bias"],
            "bias_interval": report["bias_interval"],
            "sparsity": report["sparsity"],
            "measures": report["measures"],
            "feasible": report["feasible"],
            "beats_trivial": report["beats_trivial"],
        }
        return {
            "candidate": cast("str", report["candidate"]),
            "trial": report["trial"],
            "epoch": report["epoch"],
            "method": start["method"],
            "settings": start["spec"]["settings"],
            "learns_from": start.get("learns_from"),
            "needs_group": needs_group(report),
            "live": report["live"],
            "tune": tune,
            "test": None,
            "feasible": True,
            "chosen": False,
            "kept_promise": None,
        }

    def _follow(self, change: Change) -> None:
        """Takes a new candidate in, then out what no longer stands.

        In this order: what a new candidate replaces has mostly left the front by then. Only what
        leaves it for another reason uncovers others, for which all candidates are looked at.
        """
        if change.added is not None:
            added = self._candidates.of(change.trial)[change.added]
            if added is not None and not self._is_beaten(added):
                self._set([*self._front, added])
        if any(
            each.trial == change.trial and each.candidate in change.removed for each in self._front
        ):
            self._set([each for each in self._candidates if each is not None])

    def _is_beaten(self, new: _Feasible) -> bool:
        """Whether a point of the front is better in all that counts, as it mostly is."""
        hiding = self._front if new.needs_group else self._could_be_chosen()
        if not hiding:
            return False
        signs = np.array([1.0, -1.0, 1.0])[: self._axes]
        values = np.array([each.values[: self._axes] for each in hiding]) * signs
        return bool((values > np.array(new.values[: self._axes]) * signs).all(axis=1).any())

    def _set(self, candidates: list[_Feasible]) -> None:
        """Makes the front that of `candidates`."""
        candidates.sort(key=lambda each: each.order)
        on_front = front_of(
            np.array([each.values[: self._axes] for each in candidates]).reshape(-1, self._axes),
            np.array([each.needs_group for each in candidates], dtype=bool),
            group_allowed=self._group_allowed,
        )
        front = [each for each, stays in zip(candidates, on_front, strict=True) if stays]
        if front != self._front:
            self._front, self._volume = front, None
            self.version += 1

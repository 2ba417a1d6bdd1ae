"""The front of a running search, kept up event by event: the terminal, MLflow and compare ask it.

Its points are those that front.json would hold at that moment, as the search judges them: all of
them are certain to keep the tolerance. Who is named for test is asked at the end (`naming`).
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import compress
from typing import cast

import numpy as np
from numpy.typing import NDArray

from analysis.front_json import DenseNet, Front, FrontPoint, PointValues, Reference
from analysis.hypervolume import GrowingHypervolume
from search.front.references import judged_references
from search.front.selection import IDEAL, Row, chosen_of, front_of
from search.front.view import view_of
from search.journal.candidates import (
    Candidates,
    Change,
    group_at_prediction,
    is_feasible,
    needs_group,
)
from search.journal.events import Best, Dense, Event, Experiment, ReportEvent


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
        self._of_dense: Dense | None = None
        self._references: list[Reference] = []
        self._candidates: Candidates[_Feasible | None] = Candidates(self._feasible)
        self._front = _Front.of([], self._axes)
        self._volume = GrowingHypervolume(facts["reference"][: self._axes], IDEAL[: self._axes])
        self._best: tuple[int, Best | None] = (0, None)  # at a version

    def take(self, event: Event) -> None:
        """Any event of the journal, in its order."""
        if event["event"] == "dense":
            self._dense["tune"] = {
                "performance": event["performance"],
                "bias": event["bias"],
                "sparsity": event["sparsity"],
            }
            self._of_dense = event if self._with_points else None
        if event["event"] == "references" and self._of_dense is not None:
            view = view_of(self._facts)
            self._references = judged_references(self._of_dense, event, self._facts, view)
            self.version += 1
        change = self._candidates.take(event)
        if change is not None:
            self._follow(change)

    @property
    def hypervolume(self) -> float:
        """The share of the box that the points cover which could be chosen."""
        return self._volume.value

    @property
    def best(self) -> Best | None:
        """The point of best performance among those that could be chosen."""
        if self._best[0] != self.version:
            self._best = self.version, self._find_best()
        return self._best[1]

    def values(self) -> dict[str, tuple[float, ...]]:
        """Candidate -> its place along the objectives, of the points that could be chosen."""
        return {
            each.candidate: each.values[: self._axes]
            for each in self._front.in_order()
            if self._could_be_chosen(each)
        }

    def as_front(self) -> Front:
        """What front.json holds, as far as it is known, before its points are named by their
        chances; best performance first."""
        points = [each.point for each in self._front.in_order() if each.point is not None]
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
            "objective": view_of(facts).described(facts["reference"]),
            "hypervolume": self.hypervolume,
            "opening": None,
            "methods": sorted({s["method"] for s in self._candidates.starts().values()}),
            "dense": self._dense,
            "references": self._references,
            "points": sorted(marked, key=lambda point: -(point["tune"]["performance"] or 0.0)),
        }

    def _could_be_chosen(self, candidate: _Feasible) -> bool:
        return self._group_allowed or not candidate.needs_group

    def _find_best(self) -> Best | None:
        could = [each for each in self._front.in_order() if self._could_be_chosen(each)]
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
            "claim": None,
        }

    def _follow(self, change: Change) -> None:
        """Takes a new candidate in, then out what no longer stands.

        In this order: what a new candidate replaces has mostly left the front by then. Only what
        leaves it for another reason uncovers others, for which all candidates are looked at.
        """
        if change.added is not None:
            added = self._candidates.of(change.trial)[change.added]
            if added is not None and self._front.add(added, group_allowed=self._group_allowed):
                self.version += 1
                if self._could_be_chosen(added):
                    self._volume.add(added.values[: self._axes])
        if any((change.trial, name) in self._front for name in change.removed):
            self._rebuild()

    def _rebuild(self) -> None:
        """The front of all candidates that stand."""
        feasible = [each for each in self._candidates if each is not None]
        values = np.array([each.values[: self._axes] for each in feasible])
        on_front = front_of(
            values.reshape(-1, self._axes),
            np.array([each.needs_group for each in feasible], dtype=bool),
            group_allowed=self._group_allowed,
        )
        points = [each for each, stays in zip(feasible, on_front, strict=True) if stays]
        self._front = _Front.of(points, self._axes)
        could = [each.values[: self._axes] for each in points if self._could_be_chosen(each)]
        self._volume.restart(could)
        self.version += 1


@dataclass
class _Front:
    """Candidates of which none hides another. Arrays stand beside them, so that a newcomer is
    compared with all in one go."""

    candidates: list[_Feasible]
    larger_is_better: NDArray[np.float64]  # (n, 2 or 3)
    needs_group: NDArray[np.bool_]  # (n,)
    names: set[tuple[str, str]]  # trial and candidate

    @classmethod
    def of(cls, candidates: list[_Feasible], axes: int) -> _Front:
        signs = np.array([1.0, -1.0, 1.0])[:axes]
        values = np.array([each.values[:axes] for each in candidates]).reshape(-1, axes)
        return cls(
            candidates,
            values * signs,
            np.array([each.needs_group for each in candidates], dtype=bool),
            {(each.trial, each.candidate) for each in candidates},
        )

    def __contains__(self, name: tuple[str, str]) -> bool:
        return name in self.names

    def in_order(self) -> list[_Feasible]:
        """By trial and epoch."""
        return sorted(self.candidates, key=lambda each: each.order)

    def add(self, new: _Feasible, *, group_allowed: bool) -> bool:
        """Takes `new` in and out what it hides; False where it is hidden itself. As `front_of`
        says: where the group is not allowed, what needs it hides only its like."""
        axes = self.larger_is_better.shape[1]
        place = _Front.of([new], axes).larger_is_better
        hides_new = (self.larger_is_better >= place).all(axis=1)
        hidden_by_new = (self.larger_is_better <= place).all(axis=1)
        if not group_allowed and new.needs_group:
            hidden_by_new &= self.needs_group
        elif not group_allowed:
            hides_new &= ~self.needs_group
        equal = hides_new & hidden_by_new
        if (hides_new & ~equal).any() or any(
            self.candidates[i].order < new.order for i in np.flatnonzero(equal)
        ):
            return False
        for i in np.flatnonzero(hidden_by_new):
            self.names.discard((self.candidates[i].trial, self.candidates[i].candidate))
        self.names.add((new.trial, new.candidate))
        stays = np.logical_not(hidden_by_new)
        self.candidates = [*compress(self.candidates, stays.tolist()), new]
        self.larger_is_better = np.concatenate([self.larger_is_better[stays], place])
        self.needs_group = np.append(self.needs_group[stays], new.needs_group)
        return True

"""Stops trials that promise less than new ones.

A policy of our own, after the idea of freeze-thaw optimisation (Swersky, Snoek and Adams,
arXiv:1406.3896, 2014). Instead of fitting a parametric curve it forecasts a trial from what
completed trials of its method did later on, moved to where the trial stands now.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from search.journal.candidates import is_feasible
from search.journal.record import TrialRecord
from search.schedulers.policy import Stopping, Verdict
from search.schedulers.volume import SampledVolume
from search.schedulers.watch import (
    FeasiblePoints,
    Points,
    RecentReports,
    WatchingPolicy,
    explored,
    point_of,
    stage_share,
    trial_share,
    undominated,
)
from trainables.evaluation.report import Report

Floats = NDArray[np.float64]
Place = tuple[int, int]  # in a trial: stage, position in `BiasForecast.SHARES`

POINTS = 8  # that a later course is kept by
RECENT = 256  # completed trials that are kept for each place, so that time stays bounded
NEAREST = 20  # of these, how many make a forecast; a third of them where that is more


class BiasForecast(WatchingPolicy):
    """Ends trials that promise less hypervolume for the rest of their cost than a new trial.

    A trial with a feasible candidate finishes early and keeps it. A trial without one is stopped,
    with caution, since what it could have become is lost. Networks that may not be chosen, because
    they need the group, add no hypervolume; their trials are shown beside the others and so run to
    their end.

    Where a stage prunes in rounds, a trial stands where its present round does, at its sparsity,
    and what others did in their later rounds is what it may still add.
    """

    SHARES = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)  # of each stage: where it decides
    ENOUGH = 8  # completed trials of the method, before which nothing is ended
    EXPLORE = 0.02  # share of trials that run to their end whatever the forecast says
    NEGLIGIBLE = 0.001  # share of what the search covers that is not worth a trial's later epochs
    CAUTION = (
        0.1  # share of a new trial's promise, below which a trial without candidate is stopped
    )

    def __init__(self, stopping: Stopping) -> None:
        super().__init__()
        self._limit, self._seed = stopping.limit, stopping.seed
        self._trivial = stopping.reference[0]  # performance of a constant prediction
        self._not_chosen = stopping.not_to_be_chosen
        self._columns = 2 + stopping.sparsity
        self._feasible = FeasiblePoints(self._columns)
        self._volume = SampledVolume(stopping)
        self._courses: dict[str, _Course] = {}  # by trial
        self._completed: dict[tuple[str, Place], CompletedTrials] = {}  # by method and place
        self._charged = 0.0  # samples of all trials

    def _report(self, trial: TrialRecord, report: Report) -> Verdict | None:
        course = self._courses.setdefault(trial.trial, _Course())
        self._charged += report["charged"] - course.charged
        course.charged = report["charged"]
        course.recent.take(report)
        if report["final_stage"]:
            self._take_point(trial, course, report)
        place = self._place(report)
        if place == course.place:
            return None
        course.place = place
        level = self._level(course.recent)
        course.levels[place] = (level, len(course.points), course.charged)
        if trial.method in self._not_chosen:
            return None
        return self._verdict(trial, course, level, report)

    def _take_point(self, trial: TrialRecord, course: _Course, report: Report) -> None:
        if not report["beats_trivial"] or report["bias"] is None:
            return
        point = point_of(report, sparsity=self._columns == 3)
        course.points.append(point)
        if is_feasible(report):
            self._feasible.add(trial.trial, point)
            if trial.method not in self._not_chosen:
                self._volume.add(trial.trial, point)

    def _place(self, report: Report) -> Place:
        passed = sum(stage_share(report) >= share for share in self.SHARES)
        return report["stage"], passed - 1

    def _level(self, recent: RecentReports) -> Points:
        values = [recent.performance, -recent.bias, recent.sparsity]
        return np.array(values[: self._columns])

    def _verdict(
        self, trial: TrialRecord, course: _Course, level: Points, report: Report
    ) -> Verdict | None:
        completed = self._completed.get((trial.method, course.place))
        lucky = explored(self._seed, trial.trial, self.EXPLORE)
        decided = report["last"] or (trial.status != "running" and not lucky)
        if decided or course.spared or completed is None or len(completed) < self.ENOUGH:
            return None
        keeps = trial.trial in self._feasible
        per_sample = self._volume.exclusive() / self._charged  # what a new trial promises
        if keeps:
            worth = max(per_sample * completed.left, self.NEGLIGIBLE * self._volume.covered())
        else:
            worth = self.CAUTION * per_sample * completed.left
        if self._gain(completed, level) >= worth:
            return None
        if lucky:
            course.spared = course.place
            return None
        at = f"{'early, ' if keeps else ''}at {100 * trial_share(trial, report):.0f} %"
        return Verdict(f"{at}: promises less than a new trial", keeps)

    def _gain(self, completed: CompletedTrials, level: Points) -> float:
        """The share of the box that a trial at `level` is expected to add."""
        courses, weights, names = completed.courses_from(level)
        feasible = (-courses[..., 1] < self._limit) & (courses[..., 0] > self._trivial)
        courses[~feasible] = -np.inf
        return float(np.average(self._volume.gains(courses, names), weights=weights))

    def _end(self, trial: TrialRecord) -> None:
        course = self._courses.pop(trial.trial, None)
        self._feasible.remove(trial.trial)
        if trial.status != "finished":
            self._volume.remove(trial.trial)
        elif course is not None and trial.reports[-1]["last"]:
            self._learn_from(trial, course)

    def _learn_from(self, trial: TrialRecord, course: _Course) -> None:
        """Adds a trial that ran to its end at every place where it was looked at."""
        points = np.array(course.points).reshape(-1, self._columns)
        for place, (level, seen, charged) in course.levels.items():
            only_by_lot = course.spared is not None and place >= course.spared
            weight = 1 / self.EXPLORE if only_by_lot else 1.0  # it stands for those not spared
            key = (trial.method, place)
            if key not in self._completed:
                self._completed[key] = CompletedTrials(self._columns)
            self._completed[key].add(
                trial.trial, level, points[seen:], course.charged - charged, weight
            )


class CompletedTrials:
    """Completed trials of one method, seen from one place of a trial.

    Of each it knows where it stood there (its level) and what it did after that (its course).
    """

    def __init__(self, columns: int) -> None:
        """`columns` is 2 or 3, see `Points`."""
        self._total = 0  # added so far; of these the last RECENT are kept, in a ring
        self._names = [""] * RECENT
        self._levels = np.zeros((RECENT, columns))
        self._courses = np.zeros((RECENT, POINTS, columns))
        self._unread: dict[int, Points] = {}  # whole courses, summarised when first asked for
        self._later = np.zeros((RECENT, columns))  # medians of the courses; NaN where empty
        self._left = np.zeros(RECENT)  # samples from here to the end
        self._weights = np.zeros(RECENT)

    def add(self, name: str, level: Points, later: Points, left: float, weight: float) -> None:
        """Adds a trial that stood at `level` (2 or 3,), then at the points `later` (n, 2 or 3).

        It was charged `left` samples for these, and stands for `weight` trials.
        """
        at = self._total % RECENT
        self._total += 1
        self._names[at], self._left[at], self._weights[at] = name, left, weight
        self._levels[at], self._unread[at] = level, later
        self._later[at] = np.median(later, axis=0) if len(later) else np.nan

    def __len__(self) -> int:
        return min(self._total, RECENT)

    @property
    def left(self) -> float:
        """Mean number of samples from here to the end."""
        return float(self._left[: len(self)].mean())

    def courses_from(self, level: Points) -> tuple[Floats, Floats, list[str]]:
        """The courses that a trial at `level` may take (n, POINTS, 2 or 3), the weight of each
        (n,) and the name of the trial whose course it was.

        They are the courses of the trials that stood nearest to it. Each is shifted by that part
        of the difference in level which lasts, as `_lasting` tells for each column.
        """
        for at, later in self._unread.items():
            self._courses[at] = summarised(later)
        self._unread.clear()
        levels = self._levels[: len(self)]
        lasting = self._lasting()
        distance = lasting * (levels - level) / (levels.std(axis=0) + 1e-6)
        nearest = np.argsort((distance**2).sum(axis=1), kind="stable")
        nearest = nearest[: max(NEAREST, len(levels) // 3)]
        shifts = lasting * (level - levels[nearest])
        names = [self._names[index] for index in nearest]
        return self._courses[nearest] + shifts[:, None], self._weights[nearest], names

    def _lasting(self) -> Floats:
        """(columns,) the share of a difference in level that is still there later on, in [0, 1].

        It is the slope of a weighted regression of later values on levels; 1 where the levels do
        not differ enough to say.
        """
        known = ~np.isnan(self._later[: len(self), 0])
        later, levels = self._later[: len(self)][known], self._levels[: len(self)][known]
        if len(levels) < 3:
            return np.ones(levels.shape[1])
        weights = self._weights[: len(self)][known] / self._weights[: len(self)][known].sum()
        x, y = levels - weights @ levels, later - weights @ later
        spread = weights @ x**2
        slopes = np.divide(
            weights @ (x * y), spread, out=np.ones_like(spread), where=spread > 1e-9
        )
        return np.asarray(np.clip(slopes, 0.0, 1.0))


def summarised(later: Points) -> Points:
    """A later course (n, 2 or 3) as `POINTS` rows: its non-dominated points.

    They are thinned out evenly where there are more, and padded with -inf where there are fewer.
    The others are not needed: a dominated point stays dominated when the whole course is shifted.
    """
    best = undominated(later)
    best = best[np.argsort(best[:, 1])]
    if len(best) > POINTS:
        best = best[np.linspace(0, len(best) - 1, POINTS).round().astype(int)]
    padded = np.full((POINTS, later.shape[1]), -np.inf)
    padded[: len(best)] = best
    return padded


@dataclass
class _Course:
    """A trial so far."""

    recent: RecentReports = field(default_factory=RecentReports)
    # Place -> the level there, how many of `points` there were by then, and the samples.
    levels: dict[Place, tuple[Points, int, float]] = field(default_factory=dict)
    points: list[Points] = field(default_factory=list)  # of its last stage, if above trivial
    charged: float = 0.0
    place: Place = (0, -1)
    spared: Place | None = None  # where it would have been ended, had the lot not spared it

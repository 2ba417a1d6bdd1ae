"""Stops trials that promise less than new ones.

A policy of our own, after the idea of freeze-thaw optimisation (Swersky, Snoek and Adams,
arXiv:1406.3896, 2014). In place of a parametric curve it takes the later courses of completed
trials and shifts them to where a trial stands now.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from search.journal.record import TrialRecord
from search.schedulers.policy import Stopping, Verdict
from search.schedulers.volume import SampledVolume
from search.schedulers.watch import (
    FeasiblePoints,
    Points,
    Report,
    Watching,
    Window,
    explored,
    feasible_candidate,
    point_of,
    stage_share,
    trial_share,
    undominated,
)

Floats = NDArray[np.float64]
POINTS = 8  # that a later course is kept by
RECENT = 256  # peers that are kept, so that time stays bounded
NEAREST = 20  # of them whose courses are looked at, or a third of all


def summarised(later: Points) -> Points:
    """`POINTS` rows for a later course (n, 2 or 3): its non-dominated ones, thinned out evenly
    where they are more, padded with -inf where they are fewer.

    Whatever is dominated now stays so when all of the course is shifted.
    """
    best = undominated(later)
    best = best[np.argsort(best[:, 1])]
    if len(best) > POINTS:
        best = best[np.linspace(0, len(best) - 1, POINTS).round().astype(int)]
    padded = np.full((POINTS, later.shape[1]), -np.inf)
    padded[: len(best)] = best
    return padded


class Peers:
    """Completed trials of one method at one place: where each stood, and its course after that."""

    def __init__(self, columns: int) -> None:
        """`columns` is 2 or 3: performance, -bias and, where it is an objective, sparsity."""
        self._total = 0  # added so far; the last RECENT are kept, in a ring
        self._names = [""] * RECENT
        self._levels = np.zeros((RECENT, columns))
        self._courses = np.zeros((RECENT, POINTS, columns))
        self._unread: dict[int, Points] = {}  # whole courses, summarised when first asked for
        self._later = np.zeros((RECENT, columns))  # medians of the courses; NaN where empty
        self._left = np.zeros(RECENT)
        self._weights = np.zeros(RECENT)

    def add(self, name: str, level: Points, later: Points, left: float, weight: float) -> None:
        """A trial that stood at `level` (2 or 3,), took the points `later` (n, 2 or 3) after that,
        was charged `left` samples for them and stands for `weight` trials."""
        at = self._total % RECENT
        self._total += 1
        self._names[at], self._left[at], self._weights[at] = name, left, weight
        self._levels[at], self._unread[at] = level, later
        self._later[at] = np.median(later, axis=0) if len(later) else np.nan

    def __len__(self) -> int:
        return min(self._total, RECENT)

    @property
    def left(self) -> float:
        """Mean samples to the end."""
        return float(self._left[: len(self)].mean())

    def courses_from(self, level: Points) -> tuple[Floats, Floats, list[str]]:
        """The courses that a trial at `level` may take (n, POINTS, 2 or 3), with weights (n,) and
        the names of those whose courses they were.

        Those of the peers nearest to it, each shifted by the part of the difference between them
        that lasts, as the regression of later values on the level tells, column by column.
        """
        for at, later in self._unread.items():
            self._courses[at] = summarised(later)
        self._unread.clear()
        levels = self._levels[: len(self)]
        lasting = self._slopes()
        distance = lasting * (levels - level) / (levels.std(axis=0) + 1e-6)
        nearest = np.argsort((distance**2).sum(axis=1), kind="stable")
        nearest = nearest[: max(NEAREST, len(levels) // 3)]
        shifts = lasting * (level - levels[nearest])
        names = [self._names[index] for index in nearest]
        return self._courses[nearest] + shifts[:, None], self._weights[nearest], names

    def _slopes(self) -> Floats:
        """How much of a difference in level is left later on, in [0, 1], by column; 1 where the
        levels do not differ enough to say."""
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


Place = tuple[int, int]  # stage, position in SHARES


@dataclass
class _Course:
    """A trial's course so far."""

    window: Window = field(default_factory=Window)
    levels: dict[Place, tuple[Points, int, float]] = field(default_factory=dict)
    points: list[Points] = field(default_factory=list)  # of its last stage, where better than none
    charged: float = 0.0
    place: Place = (0, -1)
    spared: Place | None = None  # where it would have been stopped, were it not explored


class BiasForecast(Watching):
    """Ends trials that promise less hypervolume for the rest of their cost than a new trial.

    One with a feasible candidate finishes early and keeps it; one without is stopped, with
    caution: what it could have become is lost. Networks that may not be chosen, since they need
    the group, cover nothing; their trials, which are shown beside the others, run to their end.
    """

    SHARES = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)  # of each stage
    ENOUGH = 8  # completed trials of the method
    EXPLORE = 0.02  # share of trials that run to their end whatever the forecast says
    NEGLIGIBLE = 0.001  # share of what the search covers that is not worth a trial's later epochs
    CAUTION = 0.1  # of a new trial's promise, below which a trial with nothing to keep is stopped

    def __init__(self, stopping: Stopping) -> None:
        super().__init__()
        self._limit, self._seed = stopping.limit, stopping.seed
        self._trivial = stopping.reference[0]
        self._shown_only = stopping.not_to_be_chosen
        self._columns = 2 + stopping.sparsity
        self._feasible = FeasiblePoints(self._columns)
        self._volume = SampledVolume(stopping)
        self._courses: dict[str, _Course] = {}
        self._peers: dict[tuple[str, Place], Peers] = {}
        self._charged = 0.0  # samples of all trials

    def _report(self, trial: TrialRecord, report: Report) -> Verdict | None:
        course = self._courses.setdefault(trial.trial, _Course())
        self._charged += report["charged"] - course.charged
        course.charged = report["charged"]
        course.window.take(report)
        if report["final_stage"]:
            self._take_point(trial, course, report)
        place = self._place(report)
        if place == course.place:
            return None
        course.place = place
        level = self._level(course.window)
        course.levels[place] = (level, len(course.points), course.charged)
        if trial.method in self._shown_only:
            return None
        return self._verdict(trial, course, level, report)

    def _take_point(self, trial: TrialRecord, course: _Course, report: Report) -> None:
        if not report["beats_trivial"] or report["bias"] is None:
            return
        point = point_of(report, sparsity=self._columns == 3)
        course.points.append(point)
        if feasible_candidate(report):
            self._feasible.add(trial.trial, point)
            if trial.method not in self._shown_only:
                self._volume.add(trial.trial, point)

    def _place(self, report: Report) -> Place:
        reached = sum(stage_share(report) >= share for share in self.SHARES)
        return report["stage"], reached - 1

    def _level(self, window: Window) -> Points:
        values = [window.performance, -window.bias, window.sparsity]
        return np.array(values[: self._columns])

    def _verdict(
        self, trial: TrialRecord, course: _Course, level: Points, report: Report
    ) -> Verdict | None:
        peers = self._peers.get((trial.method, course.place))
        spare = explored(self._seed, trial.trial, self.EXPLORE)
        over = report["last"] or (trial.status != "running" and not spare)  # nothing to decide
        if over or course.spared or peers is None or len(peers) < self.ENOUGH:
            return None
        keeps = trial.trial in self._feasible
        gain, new_trial = self._gain(peers, level), self._volume.exclusive() / self._charged
        if keeps:
            enough = max(new_trial * peers.left, self.NEGLIGIBLE * self._volume.covered())
        else:
            enough = self.CAUTION * new_trial * peers.left
        if gain >= enough:
            return None
        if spare:
            course.spared = course.place
            return None
        at = f"{'early, ' if keeps else ''}at {100 * trial_share(trial, report):.0f} %"
        return Verdict(f"{at}: promises less than a new trial", keeps)

    def _gain(self, peers: Peers, level: Points) -> float:
        """Expected share of the box that the trial will add."""
        courses, weights, names = peers.courses_from(level)
        fair = (-courses[..., 1] < self._limit) & (courses[..., 0] > self._trivial)
        courses[~fair] = -np.inf
        return float(np.average(self._volume.gains(courses, names), weights=weights))

    def _end(self, trial: TrialRecord) -> None:
        course = self._courses.pop(trial.trial, None)
        self._feasible.remove(trial.trial)
        if trial.status != "finished":
            self._volume.remove(trial.trial)
        elif course is not None and trial.reports[-1]["last"]:
            points = np.array(course.points).reshape(-1, self._columns)
            for place, (level, seen, charged) in course.levels.items():
                thinned_out = course.spared is not None and place >= course.spared
                weight = 1 / self.EXPLORE if thinned_out else 1.0
                key = (trial.method, place)
                if key not in self._peers:
                    self._peers[key] = Peers(self._columns)
                self._peers[key].add(
                    trial.trial, level, points[seen:], course.charged - charged, weight
                )

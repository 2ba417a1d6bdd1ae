"""Stops trials that promise less than new ones: a policy of our own, see forecast.py."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from search.record import TrialRecord
from search.schedulers.exploration import explored
from search.schedulers.feasible import FeasiblePoints, Points, point_of
from search.schedulers.forecast import Peers
from search.schedulers.policy import Stopping, Verdict
from search.schedulers.volume import SampledVolume
from search.schedulers.watch import (
    Report,
    Watching,
    Window,
    feasible_candidate,
    stage_share,
    trial_share,
)

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

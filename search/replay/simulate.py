"""A search replayed on recorded trials: with the real record and policy, but in virtual time.

The sampler proposes as it would in a search; the recorded trial that is nearest to the proposal
runs in its place. A worker's clock counts the samples that its trials were charged. Reports come
in the order of virtual time, those of equal time in the order in which they were awaited.
"""

from __future__ import annotations

import heapq
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import count
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from optuna.samplers import BaseSampler

from search.engine.study import MethodStudy, Target
from search.journal.events import EndStatus
from search.journal.record import Record, TrialRecord
from search.replay.pool import Pool, RecordedTrial, coordinates
from search.samplers.sampling import Sampling
from search.schedulers.policy import Policy
from spaces.space import Range
from trainables.stage import derived_seed


def simulate(
    method: str, proposals: Proposals, policy: Policy | None, *, trials: int, workers: int
) -> ReplayedSearch:
    """Runs `trials` proposals (fewer where there are no more) on `workers` workers."""
    if trials < 1 or workers < 1:
        raise ValueError(f"replay: needs a trial and a worker, got {trials} and {workers}")
    simulation = _Simulation(method, proposals, policy, trials)
    for _ in range(workers):
        simulation.start(0)
    while simulation.step():
        pass
    return ReplayedSearch(simulation.record, tuple(simulation.order), simulation.now)


@dataclass(frozen=True, eq=False)
class ReplayedSearch:
    """What a replayed search leaves."""

    record: Record
    order: tuple[RecordedTrial, ...]  # in which they were started
    makespan: int  # samples charged by the worker that worked longest

    @property
    def epochs(self) -> int:
        return sum(trial.epoch for trial in self.record.trials.values())

    @property
    def charged(self) -> int:
        """Samples of all trials."""
        reports = [trial.reports for trial in self.record.trials.values() if trial.reports]
        return sum(int(of_trial[-1]["charged"]) for of_trial in reports)


class Proposals(Protocol):
    """Hands out each recorded trial at most once; learns from how they ended."""

    def next(self) -> RecordedTrial | None:
        """The next trial; None where all were handed out."""
        ...

    def tell(self, trial: TrialRecord) -> None:
        """Takes over how a trial ended."""
        ...


def proposals_of(pool: Pool, sampler: str, seed: int, budget: int) -> Proposals:
    """What `sampler` proposes in a search of `budget` trials."""
    if sampler == "random":
        return RandomOrder(pool, seed)
    return NearestRecorded(pool, sampler, seed, budget)


class RandomOrder:
    """The published settings first, as in a search, then the others in a random order.

    The recorded trials were drawn at random, so any order of them is a random search.
    """

    def __init__(self, pool: Pool, seed: int) -> None:
        self._unused = _UnusedTrials(pool)
        generator = np.random.default_rng(derived_seed(seed, "replay", pool.task))
        self._order = iter(generator.permutation(len(pool.trials)).tolist())
        self._first = True

    def next(self) -> RecordedTrial | None:
        if self._first:
            self._first = False
            if (published := self._unused.published()) is not None:
                return published
        for index in self._order:
            if (trial := self._unused.at(index)) is not None:
                return trial
        return None

    def tell(self, trial: TrialRecord) -> None:
        """Nothing: random draws do not learn."""


class NearestRecorded:
    """Replaces each proposal of a study by the nearest recorded trial that was not used yet.

    The study is told of both: of its own proposal as failed, from which no sampler learns, and of
    the recorded settings as adopted. So it learns from true values of true settings.
    """

    def __init__(self, pool: Pool, sampler: str, seed: int, budget: int) -> None:
        self._pool = pool
        self._unused = _UnusedTrials(pool)
        sampling = _EverySecond(sampler, derived_seed(seed, "sampler", pool.method), budget)
        target = Target(pool.header.objective.safe_bias, pool.header.sparsity)
        self._study = MethodStudy(pool.space, sampling, target)
        self._proposed = 0

    def next(self) -> RecordedTrial | None:
        self._proposed += 1
        name = f"proposal {self._proposed}"
        settings = self._study.ask(name)
        place = coordinates(self._pool.space, self._pool.space.searched(settings))
        self._study.tell(TrialRecord(name, self._pool.method, {}, status="failed"))
        nearest = self._unused.nearest(np.array(place))
        if nearest is not None:
            self._study.adopt(nearest.trial, self._pool.space.nest(nearest.settings))
        return nearest

    def tell(self, trial: TrialRecord) -> None:
        self._study.tell(trial)


class _EverySecond(Sampling):
    """Numbers the proposals as a search would.

    Each takes two numbers of the study here: its own and that of the recorded trial.
    """

    def sampler(self, number: int, ranges: Mapping[str, Range]) -> BaseSampler:
        return super().sampler(number // 2, ranges)


class _UnusedTrials:
    """The recorded trials that were not handed out yet."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._left = np.ones(len(pool.trials), dtype=bool)

    def nearest(self, place: NDArray[np.float64]) -> RecordedTrial | None:
        """The one nearest to `place` in the unit cube, the first of equals."""
        if not self._left.any():
            return None
        distance = ((self._pool.places - place) ** 2).sum(axis=1)
        return self._taken(int(np.where(self._left, distance, np.inf).argmin()))

    def published(self) -> RecordedTrial | None:
        """The one nearest to the published settings, where the space has any."""
        space = self._pool.space
        if not space.published:
            return None
        # A setting without a published value takes that of the first recorded trial.
        settings = {**self._pool.trials[0].settings, **space.published}
        return self.nearest(np.array(coordinates(space, settings)))

    def at(self, index: int) -> RecordedTrial | None:
        return self._taken(index) if self._left[index] else None

    def _taken(self, index: int) -> RecordedTrial:
        self._left[index] = False
        return self._pool.trials[index]


class _Simulation:
    """A replayed search under way."""

    def __init__(
        self, method: str, proposals: Proposals, policy: Policy | None, trials: int
    ) -> None:
        self.record = Record()
        self.order: list[RecordedTrial] = []  # in which they were started
        self.now = 0  # virtual time
        self._method = method
        self._proposals = proposals
        self._policy = policy
        self._trials = trials
        self._turn = count()
        # (time, turn, trial, reports that will have come by then)
        self._awaited: list[tuple[int, int, RecordedTrial, int]] = []

    def start(self, time: int) -> None:
        """Gives a free worker its next trial, if there is one."""
        if len(self.order) == self._trials:
            return
        trial = self._proposals.next()
        if trial is None:
            return
        self.order.append(trial)
        self.record.replay(
            [
                {
                    "event": "trial_start",
                    "trial": trial.trial,
                    "method": self._method,
                    "spec": {"trial": trial.trial, "settings": trial.settings},
                }
            ]
        )
        self._await(time, trial, 0)

    def step(self) -> bool:
        """Takes the next report, or all reports of a trial where no policy decides on them.

        False where nothing is left to run.
        """
        if not self._awaited:
            return False
        self.now, _, recorded, reported = heapq.heappop(self._awaited)
        trial = self.record.trials[recorded.trial]
        if reported:
            self.record.replay(recorded.reports[trial.epoch : reported])
            self._show(trial)
        if reported == len(recorded.reports):
            self._end(trial, recorded.status)
        elif self._policy is not None and (verdict := self._policy.decide(trial)) is not None:
            self._end(trial, verdict.status, verdict.reason)
        else:
            self._await(self.now, recorded, reported)
        return True

    def _await(self, time: int, trial: RecordedTrial, reported: int) -> None:
        """Queues the worker's next report, or the trial's last one where there is no policy."""
        ahead = min(reported + 1, len(trial.reports))
        if self._policy is None:
            ahead = len(trial.reports)
        before = trial.reports[reported - 1]["charged"] if reported else 0
        after = trial.reports[ahead - 1]["charged"] if ahead else 0
        heapq.heappush(self._awaited, (time + after - before, next(self._turn), trial, ahead))

    def _end(self, trial: TrialRecord, status: EndStatus, reason: str | None = None) -> None:
        self.record.replay(
            [{"event": "trial_end", "trial": trial.trial, "status": status, "reason": reason}]
        )
        self._show(trial)
        self._proposals.tell(trial)
        self.start(self.now)

    def _show(self, trial: TrialRecord) -> None:
        if self._policy is not None:
            self._policy.saw(trial)

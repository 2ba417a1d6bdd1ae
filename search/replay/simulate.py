"""A search replayed on recorded trials: workers in virtual time, record and policy the real ones.

Its sampler proposes as it would have; the recorded trial that is nearest to the proposal runs.
A worker's clock is the number of samples its trials were charged. Reports come in the order of
virtual time, those of equal time in the order in which they were awaited.
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
from search.journal.record import Record, Status, TrialRecord
from search.replay.pool import Pool, Recorded, coordinates
from search.samplers import Sampling
from search.schedulers import Policy
from spaces.space import Range
from trainables.stage import derived_seed


class Proposals(Protocol):
    """Hands out each recorded trial at most once; learns from how they ended."""

    def next(self) -> Recorded | None:
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


class _Unused:
    """The recorded trials that were not handed out yet."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._left = np.ones(len(pool.trials), dtype=bool)

    def nearest(self, place: NDArray[np.float64]) -> Recorded | None:
        """The one nearest to `place` in the unit cube, the first of equals."""
        if not self._left.any():
            return None
        distance = ((self._pool.places - place) ** 2).sum(axis=1)
        return self._taken(int(np.where(self._left, distance, np.inf).argmin()))

    def published(self) -> Recorded | None:
        """The one nearest to the published settings, where the space has any."""
        space = self._pool.space
        if not space.published:
            return None
        # What is not published counts as at its first recorded value: only the rest is compared.
        settings = {**self._pool.trials[0].settings, **space.published}
        return self.nearest(np.array(coordinates(space, settings)))

    def at(self, index: int) -> Recorded | None:
        return self._taken(index) if self._left[index] else None

    def _taken(self, index: int) -> Recorded:
        self._left[index] = False
        return self._pool.trials[index]


class RandomOrder:
    """The published settings first, as in a search, then the others in a random order.

    The recorded trials were drawn at random, so any order of them is a random search.
    """

    def __init__(self, pool: Pool, seed: int) -> None:
        self._unused = _Unused(pool)
        generator = np.random.default_rng(derived_seed(seed, "replay", pool.task))
        self._order = iter(generator.permutation(len(pool.trials)).tolist())
        self._first = True

    def next(self) -> Recorded | None:
        if self._first:
            self._first = False
            if (published := self._unused.published()) is not None:
                return published
        for index in self._order:
            if (one := self._unused.at(index)) is not None:
                return one
        return None

    def tell(self, trial: TrialRecord) -> None:
        """Nothing: random draws do not learn."""


class _EverySecond(Sampling):
    """Numbers proposals as a search would, although each takes two numbers of the study: its own
    and that of the recorded trial."""

    def sampler(self, number: int, ranges: Mapping[str, Range]) -> BaseSampler:
        return super().sampler(number // 2, ranges)


class NearestRecorded:
    """A study's proposal, replaced by the recorded trial nearest to it that was not used yet.

    The study is told so: its own proposal as failed, of which no sampler learns, and the recorded
    settings as adopted. So what it learns from are true values of true settings.
    """

    def __init__(self, pool: Pool, sampler: str, seed: int, budget: int) -> None:
        self._pool = pool
        self._unused = _Unused(pool)
        sampling = _EverySecond(sampler, derived_seed(seed, "sampler", pool.method), budget)
        target = Target(pool.header.objective.safe_bias, pool.header.sparsity)
        self._study = MethodStudy(pool.space, sampling, target)
        self._asked = 0

    def next(self) -> Recorded | None:
        self._asked += 1
        name = f"proposal {self._asked}"
        settings = self._study.ask(name)
        place = coordinates(self._pool.space, self._pool.space.searched(settings))
        self._study.tell(TrialRecord(name, self._pool.method, {}, status="failed"))
        one = self._unused.nearest(np.array(place))
        if one is not None:
            self._study.adopt(one.trial, self._pool.space.nest(one.settings))
        return one

    def tell(self, trial: TrialRecord) -> None:
        self._study.tell(trial)


@dataclass(frozen=True, eq=False)
class Replayed:
    """What a replayed search leaves."""

    record: Record
    order: tuple[Recorded, ...]  # in which they were started
    makespan: int  # samples charged by the worker that worked longest

    @property
    def epochs(self) -> int:
        return sum(trial.epoch for trial in self.record.trials.values())

    @property
    def charged(self) -> int:
        """Samples of all trials."""
        reported = [trial.reports for trial in self.record.trials.values() if trial.reports]
        return sum(int(reports[-1]["charged"]) for reports in reported)


def simulate(
    method: str, proposals: Proposals, policy: Policy | None, *, trials: int, workers: int
) -> Replayed:
    """Runs `trials` proposals (fewer where there are no more) on `workers` workers."""
    if trials < 1 or workers < 1:
        raise ValueError(f"replay: needs a trial and a worker, got {trials} and {workers}")
    simulation = _Simulation(method, proposals, policy, trials)
    for _ in range(workers):
        simulation.start(0)
    while simulation.step():
        pass
    return Replayed(simulation.record, tuple(simulation.order), simulation.now)


class _Simulation:
    def __init__(
        self, method: str, proposals: Proposals, policy: Policy | None, trials: int
    ) -> None:
        self.record = Record()
        self.order: list[Recorded] = []
        self.now = 0
        self._method = method
        self._proposals = proposals
        self._policy = policy
        self._trials = trials
        self._turn = count()
        # (time, turn, trial, reports that will have come by then)
        self._awaited: list[tuple[int, int, Recorded, int]] = []

    def start(self, time: int) -> None:
        """Gives a free worker its next trial, if there is one."""
        if len(self.order) == self._trials:
            return
        one = self._proposals.next()
        if one is None:
            return
        self.order.append(one)
        start = {"event": "trial_start", "trial": one.trial, "method": self._method}
        self.record.replay([{**start, "spec": {"trial": one.trial, "settings": one.settings}}])
        self._await(time, one, 0)

    def step(self) -> bool:
        """Takes the next report, or reports where nobody decides on them; False at the end."""
        if not self._awaited:
            return False
        self.now, _, one, reported = heapq.heappop(self._awaited)
        trial = self.record.trials[one.trial]
        if reported:
            self.record.replay(one.reports[trial.epoch : reported])
            self._show(trial)
        if reported == len(one.reports):
            self._end(trial, one.status)
        elif self._policy is not None and (verdict := self._policy.decide(trial)) is not None:
            self._end(trial, verdict.status, verdict.reason)
        else:
            self._await(self.now, one, reported)
        return True

    def _await(self, time: int, one: Recorded, reported: int) -> None:
        """The worker's next report; without a policy nobody looks before the trial's last."""
        ahead = min(reported + 1, len(one.reports))
        if self._policy is None:
            ahead = len(one.reports)
        before = one.reports[reported - 1]["charged"] if reported else 0
        after = one.reports[ahead - 1]["charged"] if ahead else 0
        heapq.heappush(self._awaited, (time + after - before, next(self._turn), one, ahead))

    def _end(self, trial: TrialRecord, status: Status, reason: str | None = None) -> None:
        end = {"event": "trial_end", "trial": trial.trial, "status": status, "reason": reason}
        self.record.replay([end])
        self._show(trial)
        self._proposals.tell(trial)
        self.start(self.now)

    def _show(self, trial: TrialRecord) -> None:
        if self._policy is not None:
            self._policy.saw(trial)

"""Which recorded trial a replayed search runs next: what its sampler would have proposed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from optuna.samplers import BaseSampler

from search.record import TrialRecord
from search.replay.pool import Pool, Recorded, coordinates
from search.samplers import Sampling
from search.studies import MethodStudy, Target
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

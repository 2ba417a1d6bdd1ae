"""Hypervolume of a search under way, by fixed points in its box: cheap to update and to ask."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.stats import qmc

from search.schedulers.policy import Stopping
from search.schedulers.watch import Points

Cover = NDArray[np.bool_]  # (samples,) which of them are dominated


class SampledVolume:
    """How many trials cover each of `SAMPLES` places in the box (Sobol's sequence).

    The box is the hypervolume's, but for sparsity it begins below 0: else networks that keep all
    weights would be worth nothing.
    """

    SAMPLES = 2048
    SLACK = 0.1  # below the reference's sparsity

    def __init__(self, stopping: Stopping) -> None:
        performance, bias, sparsity = stopping.reference
        low = [performance, -bias, sparsity - self.SLACK][: 2 + stopping.sparsity]
        high = [1.0, 0.0, 1.0][: 2 + stopping.sparsity]
        places = qmc.Sobol(len(low), rng=np.random.default_rng(0)).random(self.SAMPLES)
        self._places = np.array(low) + places * (np.array(high) - np.array(low))
        self._count = np.zeros(self.SAMPLES, dtype=np.int64)
        self._covers: dict[str, Cover] = {}

    def add(self, trial: str, point: Points) -> None:
        """Takes a feasible candidate of a trial, one row (2 or 3,)."""
        cover = np.all(self._places <= point, axis=1)
        known = self._covers.get(trial)
        self._count += cover if known is None else cover & ~known
        self._covers[trial] = cover if known is None else cover | known

    def remove(self, trial: str) -> None:
        """Forgets a trial that was stopped or failed."""
        cover = self._covers.pop(trial, None)
        if cover is not None:
            self._count -= cover

    def covered(self) -> float:
        """Share of the box that is covered."""
        return float(np.mean(self._count > 0))

    def exclusive(self) -> float:
        """Share of the box that is covered by one trial alone: what the searches' trials have
        brought beyond each other, thus what one more like them will bring beyond them all (the
        argument of Good, Biometrika 1953)."""
        return float(np.mean(self._count == 1))

    def gains(self, sets: NDArray[np.float64], owners: list[str]) -> NDArray[np.float64]:
        """Share of the box that each set of points would add (sets,), were its owner not there:
        what it covers alone counts as free for its own set. `sets` is (sets, points, 2 or 3),
        padded with -inf."""
        reach = sets.max(axis=(0, 1))
        open_to = (self._count <= 1) & np.all(self._places <= reach, axis=1)
        places, free = self._places[open_to], self._count[open_to] == 0
        nothing = np.zeros(len(free), dtype=bool)
        own = [self._covers[o][open_to] if o in self._covers else nothing for o in owners]
        covered = np.ones((*sets.shape[:2], len(free)), dtype=bool)
        for column in range(sets.shape[2]):
            covered &= sets[:, :, column, None] >= places[:, column]
        added = covered.any(axis=1) & (free | np.array(own))
        return np.asarray(added.sum(axis=1) / self.SAMPLES)

"""The hypervolume that a search covers so far, estimated by sampling: cheap to update and to ask.

The box between the reference point and the ideal point is sampled at a fixed set of places. For
each place the number of trials is kept that dominate it (that cover it). All volumes are shares of
the box.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from search.schedulers.policy import Stopping
from search.schedulers.watch import Points

Cover = NDArray[np.bool_]  # (samples,) which places are dominated


class SampledVolume:
    """How many trials cover each of `SAMPLES` places (Sobol's sequence) of the box.

    The box is that of the search's hypervolume, except that its sparsity begins a little lower.
    Otherwise networks that keep all weights would cover nothing.
    """

    SAMPLES = 2048
    SLACK = 0.1  # how far the box begins below the reference's sparsity

    def __init__(self, stopping: Stopping) -> None:
        from scipy.stats import qmc  # takes half a second: only where this is used

        performance, bias, sparsity = stopping.reference
        low = [performance, -bias, sparsity - self.SLACK][: 2 + stopping.sparsity]
        high = [1.0, 0.0, 1.0][: 2 + stopping.sparsity]
        in_unit_cube = qmc.Sobol(len(low), rng=np.random.default_rng(0)).random(self.SAMPLES)
        self._places = np.array(low) + in_unit_cube * (np.array(high) - np.array(low))
        self._count = np.zeros(self.SAMPLES, dtype=np.int64)  # trials that cover each place
        self._covers: dict[str, Cover] = {}  # by trial

    def add(self, trial: str, point: Points) -> None:
        """Adds a feasible candidate of a trial, one row (2 or 3,)."""
        cover = np.all(self._places <= point, axis=1)
        earlier = self._covers.get(trial)
        self._count += cover if earlier is None else cover & ~earlier
        self._covers[trial] = cover if earlier is None else cover | earlier

    def remove(self, trial: str) -> None:
        """Forgets a trial that was stopped or failed: it leaves no candidates."""
        cover = self._covers.pop(trial, None)
        if cover is not None:
            self._count -= cover

    def covered(self) -> float:
        """The volume that all trials cover together."""
        return float(np.mean(self._count > 0))

    def exclusive(self) -> float:
        """The volume that exactly one trial covers: what the trials have added beyond each other.

        Divided by what they cost, it estimates what a new trial would add for its cost (the
        argument of Good, Biometrika 1953, about species that were not seen yet).
        """
        return float(np.mean(self._count == 1))

    def gains(self, sets: NDArray[np.float64], owners: list[str]) -> NDArray[np.float64]:
        """(sets,) the volume that each set of points would add to what is covered.

        `sets` is (sets, points, 2 or 3), padded with -inf. `owners` names the trial that each set
        comes from: what that trial alone covers counts as not covered for its own set.
        """
        highest = sets.max(axis=(0, 1))
        open_to_some = (self._count <= 1) & np.all(self._places <= highest, axis=1)
        places, uncovered = self._places[open_to_some], self._count[open_to_some] == 0
        nothing = np.zeros(len(uncovered), dtype=bool)
        by_owner = [
            self._covers[owner][open_to_some] if owner in self._covers else nothing
            for owner in owners
        ]
        dominated = np.ones((*sets.shape[:2], len(uncovered)), dtype=bool)
        for column in range(sets.shape[2]):
            dominated &= sets[:, :, column, None] >= places[:, column]
        added = dominated.any(axis=1) & (uncovered | np.array(by_owner))
        return np.asarray(added.sum(axis=1) / self.SAMPLES)

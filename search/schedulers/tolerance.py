"""The pure rule of `bias_tolerance`: can this trial's bias still come under the limit?

Calibrated on completed trials by conformal prediction with a finite-sample correction (Vovk,
Gammerman and Shafer, Algorithmic Learning in a Random World, 2005), within the class of trials
that became feasible, and weighted where stopping has thinned out that class (Tibshirani et al.,
Conformal prediction under covariate shift, NeurIPS 2019).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

NEVER = float("inf")


@dataclass(frozen=True)
class ToleranceRule:
    """Whether a trial without a feasible candidate should stop, from how high its bias stands.

    A trial's `excess` after share s of its last stage is how far the lower bound of its smoothed
    bias lies above the limit, divided by 1 - s: the nearer the end, the less may be left. It is
    stopped where its excess is larger than the largest that nearly all completed trials which
    became feasible had before they did (`bar`).
    """

    limit: float  # tolerance - margin: below it a candidate is feasible
    error_rate: float = 0.05
    grace: float = 0.1  # share of the stage before which nothing is stopped
    patience: float = 0.3  # share of the stage
    z: float = 1.0  # how many standard errors the lower bound lies below the bias

    def excess(self, share: float, bias: float, standard_error: float | None) -> float:
        """0 where the bound is under the limit, before the grace is over, at the stage's end, and
        where nothing is known of the error."""
        if standard_error is None or not self.grace <= share < 1:
            return 0.0
        return max(0.0, bias - self.z * standard_error - self.limit) / (1 - share)

    def stagnates(self, lows: Sequence[float], epochs: int) -> bool:
        """Whether the last `patience` of the stage brought no new low; `lows` is the lowest bias
        after each of its epochs so far."""
        wait = max(5, int(np.ceil(self.patience * epochs)))
        return len(lows) > wait and lows[-1] >= lows[-1 - wait]


@dataclass
class Bar:
    """The largest excesses of completed trials that became feasible, each before it did, sorted.

    `value` is the smallest excess such that, of the trials that would become feasible and come
    from where these came from, at most `error_rate` exceed it: a quantile with the finite-sample
    correction n + 1. Infinite where there are too few to say.
    """

    error_rate: float
    _excesses: NDArray[np.float64] = field(default_factory=lambda: np.empty(0))
    _weights: NDArray[np.float64] = field(default_factory=lambda: np.empty(0))

    def add(self, excess: float, weight: float = 1.0) -> None:
        """`weight` is how many trials this one stands for, itself included."""
        at = int(np.searchsorted(self._excesses, excess))
        self._excesses = np.insert(self._excesses, at, excess)
        self._weights = np.insert(self._weights, at, weight)

    def __len__(self) -> int:
        return len(self._excesses)

    @property
    def highest(self) -> float:
        """The largest excess seen; 0 before there is one."""
        return float(self._excesses[-1]) if len(self) else 0.0

    @property
    def value(self) -> float:
        """The trial in question counts with the largest weight seen: it may be such a one."""
        if not len(self):
            return NEVER
        total = self._weights.sum() + self._weights.max()
        enough = np.flatnonzero(np.cumsum(self._weights) >= (1 - self.error_rate) * total - 1e-9)
        return float(self._excesses[enough[0]]) if enough.size else NEVER

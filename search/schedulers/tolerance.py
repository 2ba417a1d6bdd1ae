"""The pure rule of `bias_tolerance`: can this trial's bias still come under the tolerance?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Curve:
    """One trial's last stage: bias after each of its epochs, so far or to the end."""

    bias: Sequence[float | None]  # None where it could not be estimated
    epochs: int  # of the whole stage


@dataclass(frozen=True)
class ToleranceRule:
    """Stops a trial whose bias can not be expected to come under the limit by its end.

    "Bias above the tolerance, so stop" is wrong while a network recovers: the bias still falls.
    The rule adds to the smoothed bias now the fall that completed trials of the same method still
    had before them at the same share of the stage, taken at the quantile `1 - error_rate`, and a
    one-sided normal bound for the sampling error. With fewer than `enough` completed trials it
    falls back to patience: the lower bound of the bias itself must have stayed above the limit
    without a new low for `patience` of the stage.
    """

    limit: float  # tolerance - margin: below it a candidate is feasible
    error_rate: float = 0.05
    grace: float = 0.3  # share of the stage before which nothing is stopped
    patience: float = 0.3  # share of the stage
    enough: int = 5  # completed trials of the method
    smooth: int = 5  # reports whose median is "the bias now"
    z: float = 1.645  # one-sided 95 % normal quantile

    def stops(self, now: Curve, standard_error: float, completed: Sequence[Curve]) -> bool:
        """Whether the trial should stop after the last epoch of `now`."""
        done = len(now.bias)
        if done < max(2, np.ceil(self.grace * now.epochs)) or done >= now.epochs:
            return False
        bias = _numbers(now.bias)
        if np.nanmin(bias) < self.limit:  # it has a feasible candidate; stopping would lose it
            return False
        lowest = _level(bias, self.smooth) - self.z * standard_error
        if len(completed) < self.enough:
            return bool(lowest > self.limit) and self._stagnates(bias, now.epochs)
        falls = [_fall_left(curve, done / now.epochs, self.smooth) for curve in completed]
        return bool(lowest - np.quantile(falls, 1 - self.error_rate) > self.limit)

    def _stagnates(self, bias: NDArray[np.float64], epochs: int) -> bool:
        wait = max(self.smooth, int(np.ceil(self.patience * epochs)))
        if len(bias) <= wait:
            return False
        return bool(np.nanmin(bias[-wait:]) >= np.nanmin(bias[:-wait]))


def _numbers(bias: Sequence[float | None]) -> NDArray[np.float64]:
    """Biases as numbers; one that could not be estimated counts as the worst, 1."""
    return np.array([1.0 if value is None else value for value in bias], dtype=np.float64)


def _level(bias: NDArray[np.float64], smooth: int) -> float:
    return float(np.median(bias[-smooth:]))


def _fall_left(curve: Curve, share: float, smooth: int) -> float:
    """How far the bias fell from its level at `share` of the stage to its later minimum."""
    bias = _numbers(curve.bias)
    at = min(max(1, round(share * len(bias))), len(bias) - 1) if len(bias) > 1 else 1
    later = bias[at:] if len(bias) > at else bias[-1:]
    return max(0.0, _level(bias[:at], smooth) - float(later.min()))

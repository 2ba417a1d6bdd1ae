"""Reject option: near the threshold, the unprivileged group gets the favourable label.

Kamiran, Karim, Zhang, Decision theory for discrimination-aware classification (ICDM 2012). Where
|score - t| <= m, a classifier with threshold t is unsure. There the unprivileged group gets the
favourable label and everybody else the other one. Nothing is drawn by lot. So this comes to a
threshold per group: t - m for one, t + m for the other.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import ClassVar, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from trainables.corrections.decision import Decision, scores_of_groups
from trainables.corrections.group_thresholds import ThresholdPerGroup
from trainables.evaluation.counts import BINS, Counts, ScoreCounts, tables_at_all_thresholds
from trainables.evaluation.objective import Objective
from trainables.evaluation.trivial import is_trivial

FittedOn = Literal["spd", "aod", "eod", "objective"]
THRESHOLD_GRID = 100  # in [.01, .99]
MARGIN_GRID = 50  # in [0, min(t, 1 - t)] of each threshold t


class RejectBand(ThresholdPerGroup):
    """The two thresholds that a reject option comes to."""

    kind = "reject_option"


@dataclass(frozen=True)
class RejectOption:
    """The best balanced accuracy on the published grid among points with |measure| <= `bound`.

    Both are those of the held-back rows; where no point keeps the bound, the smallest |measure| is
    taken. With `measure = "objective"` it is the objective's bias, which the result is judged by.
    The grid is that of AIF360 (100 thresholds, 50 margins each), rounded to the 1001
    thresholds that counts are kept by. Group 0 is the unprivileged one. `favourable` is the label
    that it is better to get. Data sets do not say which that is, and different networks
    disadvantage different groups, so without it both labels are tried. With `favourable = 1` group
    0 is only ever helped to predictions of 1, as published.
    """

    needs_group: ClassVar[bool] = True
    binary: ClassVar[bool] = True
    two_groups: ClassVar[bool] = True
    within_cells: ClassVar[bool] = True

    measure: FittedOn = "spd"
    bound: float = 0.05
    favourable: int | None = None

    def __post_init__(self) -> None:
        if self.measure not in get_args(FittedOn):
            raise ValueError(
                f"reject_option: measure must be one of {get_args(FittedOn)}, got {self.measure!r}"
            )
        if not 0 <= self.bound < 1:
            raise ValueError(f"reject_option: bound must lie in [0, 1), got {self.bound}")
        if self.favourable not in (None, 0, 1):
            raise ValueError(f"reject_option: favourable must be 0 or 1, got {self.favourable}")

    def fit(
        self,
        held_back: Counts | ScoreCounts,
        objective: Objective,
        priors: NDArray[np.float64],
        seed: int,
    ) -> Decision:
        """Rates that depend on the label mix (spd) are weighted by `priors`; nothing is drawn."""
        scores = scores_of_groups("reject_option", held_back, exactly=2)
        labels = (1, 0) if self.favourable is None else (self.favourable,)
        pairs = np.concatenate([grid(label) for label in labels])
        measure = objective.bias if self.measure == "objective" else self.measure
        fitted_on = Objective("balanced_accuracy", measure)
        tables = tables_at_all_thresholds(
            fitted_on.counted(scores), beside_dense=fitted_on.against_dense
        )[pairs, np.arange(2)]
        performance, bias = fitted_on.judge(tables, priors)
        worth = np.where(bias <= self.bound, 1.0 + performance, -bias)
        first, second = pairs[np.where(np.isnan(worth), -np.inf, worth).argmax()].tolist()
        return RejectBand((first, second), trivial=is_trivial(scores.at((first, second))))


@cache
def grid(favourable: int) -> NDArray[np.int64]:
    """(5000, 2) threshold indices of group 0 and group 1, thresholds slowest, margins rising."""
    thresholds = np.linspace(0.01, 0.99, THRESHOLD_GRID)[:, None]
    margins = np.linspace(0, 1, MARGIN_GRID) * np.minimum(thresholds, 1 - thresholds)
    low, high = thresholds - margins, thresholds + margins
    helped, others = (low, high) if favourable == 1 else (high, low)
    pairs = np.stack([helped, others], axis=-1).reshape(-1, 2) * (BINS - 1)
    return np.rint(pairs).astype(np.int64)

"""One threshold for everybody.

"fair" is the choice of Savani, White, Govindarajulu, Intra-processing methods for debiasing neural
networks, NeurIPS 2020: of 1001 thresholds the first with the largest mean Phi over 5 bootstrap
resamples, where Phi is the performance if bias < tolerance - margin, else 0.

Where rows are few that is a constant prediction: its bias is 0 in every resample, while the noise
of small cells alone puts any other over the limit in most. "gain" (ours) counts the performance
over that of a constant prediction instead, which is to be had for nothing: the threshold that
gains most in those of the same resamples in which it is fair, so that any that has shown a chance
of being fair comes before a constant.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar, Self, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from trainables.corrections.chosen_by import ChosenBy
from trainables.corrections.decision import (
    Decision,
    Groups,
    binary_scores,
    check_index,
    raw_scores,
    scores_to_decide,
)
from trainables.evaluation.counts import (
    THRESHOLDS,
    Counts,
    ScoreCounts,
    tables_at_all_thresholds,
)
from trainables.evaluation.intervals import resample
from trainables.evaluation.objective import Objective, phi
from trainables.evaluation.rates import PerTable
from trainables.evaluation.report import DecisionDict
from trainables.evaluation.trivial import is_trivial


@dataclass(frozen=True)
class CommonThreshold(Decision):
    """Positive iff score > THRESHOLDS[index], whatever the group."""

    kind = "threshold"
    needs_group = False

    index: int
    trivial: bool = False

    def __post_init__(self) -> None:
        check_index(self.kind, self.index)

    def decide(
        self, counts: Counts | ScoreCounts, crossing_to_group: Groups | None = None
    ) -> Counts:
        return scores_to_decide(self.kind, counts).at(self.index)

    def predict(self, scores: ArrayLike, groups: ArrayLike | None = None) -> NDArray[np.int64]:
        values = raw_scores(self.kind, scores)
        return np.asarray(values > THRESHOLDS[self.index], dtype=np.int64)

    def to_dict(self) -> DecisionDict:
        threshold = float(THRESHOLDS[self.index])
        return {
            "kind": self.kind,
            "index": self.index,
            "threshold": threshold,
            "trivial": self.trivial,
        }

    @classmethod
    def from_dict(cls, state: DecisionDict) -> Self:
        return cls(int(state["index"]), bool(state["trivial"]))


HALF = int(np.searchsorted(THRESHOLDS, 0.5))  # the index of the threshold .5
RESAMPLES = 5
SLOPE = 20.0  # of the fair loss' multiplier as published


@dataclass(frozen=True)
class Threshold:
    """ "fair" maximises Phi, "gain" what is gained over a constant prediction where that is fair,
    "balanced_accuracy" the performance alone, "fixed" is .5.

    `margin` takes the place of the objective's: Savani et al. choose with .01 where networks are
    tried, with .02 where they are trained. It decides no more than the threshold, and Phi in the
    stages of the trial.
    """

    needs_group: ClassVar[bool] = False
    binary: ClassVar[bool] = True
    two_groups: ClassVar[bool] = False
    within_cells: ClassVar[bool] = False

    choose: ChosenBy = "fair"
    margin: float | None = None

    def __post_init__(self) -> None:
        if self.margin is not None and not 0 <= self.margin < 1:
            raise ValueError(f"threshold: margin must lie in [0, 1), got {self.margin}")
        if self.choose not in get_args(ChosenBy):
            raise ValueError(
                f"threshold: choose must be one of {get_args(ChosenBy)}, got {self.choose!r}"
            )

    def objective_of(self, objective: Objective) -> Objective:
        """The objective with this margin. Raises ValueError where it leaves the tolerance no
        room."""
        return objective if self.margin is None else replace(objective, margin=self.margin)

    def fit(
        self,
        held_back: Counts | ScoreCounts,
        objective: Objective,
        priors: NDArray[np.float64],
        seed: int,
    ) -> CommonThreshold:
        """One threshold; only "fair" and "gain" draw, from `seed`.

        With nothing feasible, "fair" takes the trivial classifier, which is the threshold 0 (it
        has no bias, unless it is compared with the dense net), and the decision says that it is
        trivial. Where not even that is feasible, it takes the threshold of the smallest mean bias.
        "gain" divides gains by what the fair loss would be multiplied with there, so that it
        weighs gain and bias against one another.
        """
        scores, objective = binary_scores("threshold", held_back), self.objective_of(objective)
        if self.choose == "fair":
            index = _fairest(objective.counted(scores), objective, priors, seed)
        elif self.choose == "gain":
            index = _most_gained(objective.counted(scores), objective, priors, seed)
        elif self.choose == "fixed":
            index = HALF
        else:
            index = _best(scores.histogram, objective, priors)
        return CommonThreshold(index, trivial=is_trivial(scores.at(index)))


def _on_resamples(
    histogram: NDArray[np.int64],
    objective: Objective,
    priors: NDArray[np.float64],
    seed: int,
) -> tuple[PerTable, PerTable]:
    """Performance and bias (resamples, 1001) at every threshold, of rows drawn anew.

    `histogram` is as `objective` counts it.
    """
    drawn = resample(histogram, RESAMPLES, np.random.default_rng(seed))
    tables = tables_at_all_thresholds(drawn, beside_dense=objective.against_dense)
    return objective.judge(tables, priors)


def _fairest(
    histogram: NDArray[np.int64],
    objective: Objective,
    priors: NDArray[np.float64],
    seed: int,
) -> int:
    """`histogram` as `objective` counts it."""
    performance, bias = _on_resamples(histogram, objective, priors, seed)
    fair = phi(performance, bias, objective.safe_bias).mean(axis=0)  # (1001,)
    if fair.max() > 0:
        return int(fair.argmax())
    mean_bias = bias.mean(axis=0)
    return int(np.where(np.isnan(mean_bias), np.inf, mean_bias).argmin())


def _most_gained(
    histogram: NDArray[np.int64],
    objective: Objective,
    priors: NDArray[np.float64],
    seed: int,
) -> int:
    """`histogram` as `objective` counts it."""
    performance, bias = _on_resamples(histogram, objective, priors, seed)
    performance = np.nan_to_num(performance)
    constant = performance[:, [0, -1]].max(axis=1, keepdims=True)  # everybody, nobody
    gain = np.maximum(performance - constant, 0)  # (resamples, 1001)
    excess = np.nan_to_num(bias - objective.safe_bias, nan=1.0)
    fair = np.where(excess < 0, gain, 0).mean(axis=0)
    if fair.max() > 0:
        return _middle_of_best(fair)
    return _middle_of_best((gain / (SLOPE * np.maximum(excess, 0) + 1)).mean(axis=0))


def _middle_of_best(worth: NDArray[np.float64]) -> int:
    """In the middle of the first run of equal thresholds that are worth most, (1001,).

    Few rows leave wide gaps between scores; an end of one is where the next row may fall.
    """
    first = int(worth.argmax())
    run = int((worth[first:] == worth[first]).cumprod().sum())
    return first + (run - 1) // 2


def _best(histogram: NDArray[np.int64], objective: Objective, priors: NDArray[np.float64]) -> int:
    performance = objective.judge_performance(tables_at_all_thresholds(histogram), priors)
    return int(np.nan_to_num(performance, nan=-1.0).argmax())

"""Calibrated equalized odds: some scores of the group that errs less become its base rate.

Pleiss, Raghavan, Wu, Kleinberg, Weinberger, On fairness and calibration (NIPS 2017), algorithm 1.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from trainables.corrections.decision import Decision, scores_of_groups
from trainables.corrections.flips import Flips
from trainables.corrections.threshold import HALF
from trainables.evaluation.counts import BINS, THRESHOLDS, Counts, ScoreCounts
from trainables.evaluation.objective import Objective
from trainables.evaluation.trivial import is_trivial

Cost = Literal["fnr", "fpr", "weighted"]

Costs = NDArray[np.float64]  # (groups,) or (groups, labels)


class WithheldScores(Flips):
    """Some scores are replaced by their group's base rate, then positive iff score > .5.

    All scores that are replaced fall on the same side of .5. So this comes to flipping the same
    share of the predictions on the other side.
    """

    kind = "calibrated_odds"


@dataclass(frozen=True)
class CalibratedOdds:
    """Makes a generalised cost of two groups equal.

    The cost is taken from scores, not from predictions. "fnr" is the mean of 1 - score over label
    1 (equal opportunity), "fpr" the mean score over label 0, and "weighted" weights both by how
    often they occur. The scores are counted in 1000 bins, whose middles are at most .0005 from the
    scores, and so are the means.

    AIF360 equalises the same "fnr" and "fpr", unweighted; its "weighted" gives both rates the
    weight of label 0, where the paper weights the false negatives by label 1. It takes base rates
    from the rows that it is fitted on (we: from train), cuts no share to [0, 1], counts a score of
    .5 as positive (we: as negative), and draws which scores are replaced; we flip exact shares.
    """

    needs_group: ClassVar[bool] = True
    binary: ClassVar[bool] = True
    two_groups: ClassVar[bool] = True
    within_cells: ClassVar[bool] = True

    cost: Cost = "fnr"

    def __post_init__(self) -> None:
        if self.cost not in get_args(Cost):
            raise ValueError(
                f"calibrated_odds: cost must be one of {get_args(Cost)}, got {self.cost!r}"
            )

    def fit(
        self,
        held_back: Counts | ScoreCounts,
        objective: Objective,
        priors: NDArray[np.float64],
        seed: int,
    ) -> Decision:
        """Base rates are those of train (`priors`), since the held-back rows may be balanced.

        Raises ValueError where a group lacks rows of a label: its costs are unknown.
        """
        scores = scores_of_groups("calibrated_odds", held_back, exactly=2)
        if not scores.cells.all():
            group, label = np.argwhere(scores.cells == 0)[0]
            raise ValueError(f"calibrated_odds: needs rows of group {group} with label {label}")
        base = priors[:, 1] / priors.sum(axis=1)
        costs = generalised_costs(self.cost, mean_scores(scores), base)
        # a group that always gets its base rate, whatever the label
        trivial = generalised_costs(self.cost, np.stack([base, base], axis=1), base)
        shares = withheld(costs, trivial)
        flips = tuple(
            (float(share), 0.0) if rate > THRESHOLDS[HALF] else (0.0, float(share))
            for share, rate in zip(shares, base, strict=True)
        )
        decision = WithheldScores(HALF, flips, seed)
        return WithheldScores(HALF, flips, seed, is_trivial(decision.decide(scores)))


def mean_scores(scores: ScoreCounts) -> Costs:
    """(groups, labels) the mean score of each cell, from the middles of the bins."""
    middles = np.concatenate([[0.0], THRESHOLDS[1:] - 0.5 / (BINS - 1)])
    return np.asarray((scores.histogram * middles).sum(axis=-1) / scores.cells)


def generalised_costs(cost: Cost, means: Costs, base: Costs) -> Costs:
    """(groups,) costs of groups with mean scores (groups, labels) and base rates (groups,)."""
    fpr, fnr = means[:, 0], 1 - means[:, 1]
    if cost == "weighted":
        return np.asarray((fpr * (1 - base) + fnr * base) / 2)
    return np.asarray(fpr if cost == "fpr" else fnr)


def withheld(costs: Costs, trivial: Costs) -> Costs:
    """(2,) the share of each group's scores that is replaced so that the costs become equal.

    Only scores of the cheaper group are replaced: none where the base rate costs no more than its
    scores, all where not even that is enough.
    """
    shares = np.zeros(2)
    own = int(costs.argmin())
    room = trivial[own] - costs[own]
    if room > 1e-9:
        shares[own] = min(1.0, (costs[1 - own] - costs[own]) / room)
    return shares

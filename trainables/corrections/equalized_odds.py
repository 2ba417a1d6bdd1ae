"""Equalized odds by flipping predictions at random.

Hardt, Price, Srebro, Equality of opportunity in supervised learning (NIPS 2016), section 4.1. A
predictor can be derived from predictions and groups by P(derived = 1 | prediction, group). The
best one with equal true and false positive rates solves a linear program over these probabilities.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from trainables.corrections.decision import Decision, scores_of_groups
from trainables.corrections.flips import Flips
from trainables.corrections.threshold import Threshold
from trainables.evaluation.counts import Counts, ScoreCounts
from trainables.evaluation.objective import Objective
from trainables.evaluation.rates import Rates, error_rates
from trainables.evaluation.trivial import is_trivial

Start = Literal["balanced_accuracy", "fixed"]
Minimised = Literal["balanced_error", "error"]


class DerivedPredictor(Flips):
    """Predictions at one threshold, flipped until all groups have the same TPR and FPR."""

    kind = "equalized_odds"


@dataclass(frozen=True)
class EqualizedOdds:
    """Derives the predictor from the predictions at one threshold, without looking at labels.

    The threshold is that of the best balanced accuracy or, with "fixed", .5, as AIF360's users
    take it. Where few rows score above .5, a derived predictor can only lower what little TPR
    there is; hence our default.

    "balanced_error" is what AIF360 minimises: where the rates are equal, its sum of FPR - TPR over
    the groups is the number of groups times 1 - 2 balanced accuracy. "error" weights the two kinds
    of error by how often they occur in train, as the paper does. There may be more than two
    groups.
    """

    needs_group: ClassVar[bool] = True
    binary: ClassVar[bool] = True
    two_groups: ClassVar[bool] = False
    within_cells: ClassVar[bool] = True

    threshold: Start = "balanced_accuracy"
    minimise: Minimised = "balanced_error"

    def __post_init__(self) -> None:
        for name, value, known in (
            ("threshold", self.threshold, get_args(Start)),
            ("minimise", self.minimise, get_args(Minimised)),
        ):
            if value not in known:
                raise ValueError(f"equalized_odds: {name} must be one of {known}, got {value!r}")

    def fit(
        self,
        held_back: Counts | ScoreCounts,
        objective: Objective,
        priors: NDArray[np.float64],
        seed: int,
    ) -> Decision:
        """Raises ValueError where a group lacks rows of a label: its rates are unknown."""
        scores = scores_of_groups("equalized_odds", held_back)
        if not scores.cells.all():
            group, label = np.argwhere(scores.cells == 0)[0]
            raise ValueError(f"equalized_odds: needs rows of group {group} with label {label}")
        best = Objective("balanced_accuracy", objective.bias)
        index = Threshold(choose=self.threshold).fit(scores, best, priors, seed).index
        rates = error_rates(scores.at(index).table)
        positive = derived(rates, self._weights(priors))
        flips = tuple((float(of_0), float(1 - of_1)) for of_0, of_1 in positive)
        decision = DerivedPredictor(index, flips, seed)
        return DerivedPredictor(index, flips, seed, is_trivial(decision.decide(scores)))

    def _weights(self, priors: NDArray[np.float64]) -> Rates:
        """(groups, 2) what a false positive rate and a true positive rate cost in each group."""
        if self.minimise == "balanced_error":
            return np.full(priors.shape, 1.0) * (1, -1)
        return priors * (1, -1)


def derived(rates: Rates, weights: Rates) -> Rates:
    """(groups, 2) P(derived = 1 | prediction 0) and P(derived = 1 | prediction 1).

    They are those of the cheapest predictor with equal rates. `rates` and `weights` (groups, 2)
    are the FPR and TPR of the given predictions and what each costs. A derived rate is rate * P(1
    | 1) + (1 - rate) * P(1 | 0). There always is a solution: if everybody is negative, the rates
    are equal.
    """
    from scipy.optimize import linprog  # takes half a second, and every worker imports this file

    groups = len(rates)
    # of each group and rate, the part of P(1 | 0) and of P(1 | 1)
    parts = np.stack([1 - rates, rates], axis=-1)  # (groups, FPR and TPR, 2)
    costs = (weights[:, :, None] * parts).sum(axis=1).ravel()
    equal = np.zeros((groups - 1, 2, groups, 2))
    for other in range(1, groups):
        equal[other - 1, :, 0], equal[other - 1, :, other] = parts[0], -parts[other]
    constraints = equal.reshape(2 * (groups - 1), 2 * groups)
    solved = linprog(costs, A_eq=constraints, b_eq=np.zeros(len(constraints)), bounds=(0, 1))
    if not solved.success:
        raise RuntimeError(f"equalized_odds: the linear program has no solution: {solved.message}")
    positive = np.clip(solved.x, 0, 1).reshape(groups, 2)
    # where a prediction never occurs any probability will do: it is left as it is
    return np.asarray(np.where(parts.any(axis=1), positive, (0.0, 1.0)))

"""Fair classification by reductions: a classifier drawn by lot that keeps a bias constraint.

Agarwal, Beygelzimer, Dudik, Langford, Wallach, A reductions approach to fair classification (ICML
2018), algorithm 1: exponentiated gradient. Two deviations. The constraints compare every pair of
groups, as the measures here do, in place of each group with everybody. And as in fairlearn, the
mixture is the best one of the classifiers that were found (a linear program), not their average.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import permutations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
# Labels (n,) and their weights (n,) -> weights (d,) and intercept of a linear classifier.
Oracle = Callable[[Ints, Floats], tuple[Floats, float]]

ROUNDS = 30  # for each of the two bounds that are gone through
MULTIPLIERS = 10.0  # sum of the Lagrange multipliers, at most
RATE = 0.2  # of the first round; it falls with the root of the rounds
VIOLATION = 100.0  # what the linear program charges for it, per unit


@dataclass(frozen=True)
class Constraint:
    """Which rates of the groups must agree, and how closely for a bias of 1."""

    name: str  # as fairlearn calls it
    labels: tuple[int, ...] | None = None  # the rates of each of these; None: of all rows together
    errors: bool = False  # rates of errors; else of predictions of 1
    ratio: bool = False  # the smallest rate is compared by its share of the largest
    gap: Callable[[int], float] = lambda groups: 1.0  # that keeps a bias of 1


# By the measure. Where no such rates exist (a comparison with the dense net, the groups' shares
# among those predicted a class) there is none.
CONSTRAINTS = {
    "spd": Constraint("DemographicParity"),
    "di": Constraint("DemographicParity", ratio=True),
    "eod": Constraint("TruePositiveRateParity", labels=(1,)),
    "aod": Constraint("EqualizedOdds", labels=(0, 1)),
    "abs_aod": Constraint("EqualizedOdds", labels=(0, 1)),
    "deo_max": Constraint("EqualizedOdds", labels=(0, 1)),
    "deo_mean": Constraint("EqualizedOdds", labels=(0, 1)),
    "deo_sum": Constraint("EqualizedOdds", labels=(0, 1), gap=lambda groups: 0.5),
    # No standard deviation is larger than that of rates of which half lie at either end.
    "accuracy_std": Constraint(
        "ErrorRateParity", errors=True, gap=lambda groups: 2 * ((groups - 1) / groups) ** 0.5
    ),
}


class Moments:
    """The rates that are constrained, each the mean of `offset + sign * prediction` of a cell."""

    def __init__(self, constraint: Constraint, labels: Ints, groups: Ints) -> None:
        self.constraint, self.n_groups = constraint, int(groups.max()) + 1
        of_label = constraint.labels or (0,)
        event = np.zeros(len(labels), dtype=np.int64)
        if constraint.labels is not None:
            event = np.array([_place(label, of_label) for label in (0, 1)])[labels]
        self.cell = np.where(event < 0, -1, event * self.n_groups + groups)  # (n,) -1: in none
        inside = self.cell >= 0
        self.rows = np.bincount(self.cell[inside], minlength=len(of_label) * self.n_groups)
        self.offset = labels.astype(np.float64) if constraint.errors else np.zeros(len(labels))
        self.sign = 1.0 - 2.0 * labels if constraint.errors else np.ones(len(labels))
        self.pairs = [
            (first + start, second + start)
            for start in range(0, len(self.rows), self.n_groups)
            for first, second in permutations(range(self.n_groups), 2)
            if self.rows[first + start] and self.rows[second + start]
        ]

    def rates(self, predictions: Floats) -> Floats:
        """(cells,) of predictions, or probabilities of 1, (n,)."""
        inside = self.cell >= 0
        values = (self.offset + self.sign * predictions)[inside]
        sums = np.bincount(self.cell[inside], values, len(self.rows))
        return np.asarray(sums / np.maximum(self.rows, 1))

    def bounded(self, bias: float) -> tuple[Floats, Floats]:
        """Matrix (pairs, cells) and limits (pairs,): matrix @ rates <= limits keeps `bias`."""
        matrix = np.zeros((len(self.pairs), len(self.rows)))
        share = 1.0 - bias if self.constraint.ratio else 1.0
        for row, (first, second) in enumerate(self.pairs):
            matrix[row, first] = share
            matrix[row, second] = -1.0
        gap = 0.0 if self.constraint.ratio else bias * self.constraint.gap(self.n_groups)
        return matrix, np.full(len(self.pairs), gap)

    def slope(self, multipliers: Floats, matrix: Floats) -> Floats:
        """(n,) by how much the constraints' share of the Lagrangian rises with a prediction."""
        of_cell = np.append((multipliers @ matrix) / np.maximum(self.rows, 1), 0.0)
        return np.asarray(self.sign * of_cell[self.cell])


@dataclass(frozen=True, eq=False)
class Pool:
    """The classifiers that exponentiated gradient has found, and what they are worth on train."""

    weights: Floats  # (classifiers, d)
    intercepts: Floats  # (classifiers,)
    errors: Floats  # (classifiers,) mean costs
    rates: Floats  # (classifiers, cells)

    def mixture(self, moments: Moments, bias: float) -> Floats:
        """(classifiers,) the shares of the mixture of least cost that keeps `bias` on train; where
        none does, of the one that comes closest."""
        from scipy.optimize import linprog

        matrix, limits = moments.bounded(bias)
        count = len(self.errors)
        over = np.append(matrix @ self.rates.T - limits[:, None], -np.ones((len(limits), 1)), 1)
        found = linprog(
            np.append(self.errors, VIOLATION),
            A_ub=over,
            b_ub=np.zeros(len(limits)),
            A_eq=np.append(np.ones((1, count)), np.zeros((1, 1)), 1),
            b_eq=[1.0],
        )
        shares = np.maximum(found.x[:count], 0.0)
        return np.asarray(shares / shares.sum())


def exponentiated_gradient(
    inputs: Floats,
    labels: Ints,
    costs: Floats,
    moments: Moments,
    oracle: Oracle,
    biases: Iterable[float],
) -> Pool:
    """Classifiers from between the cheapest one and those that keep each of `biases`.

    `inputs` (n, d) are those that `oracle` reads; `costs` (n,) is what a wrong prediction of a
    row costs, on average 1.
    """
    found: list[tuple[Floats, float]] = []
    said: list[Floats] = []
    wrong = np.where(labels == 0, costs, -costs) / len(
        labels
    )  # of a prediction of 1 in place of 0
    powers = np.zeros(len(moments.pairs))
    for bias in biases:
        matrix, limits = moments.bounded(bias)
        for number in range(ROUNDS):
            shares = np.exp(powers - max(powers.max(initial=0.0), 0.0))
            idle = np.exp(-max(powers.max(initial=0.0), 0.0))
            multipliers = MULTIPLIERS * shares / (idle + shares.sum())
            slope = wrong + moments.slope(multipliers, matrix)
            linear = oracle((slope < 0).astype(np.int64), np.abs(slope) / np.abs(slope).mean())
            predictions = (inputs @ linear[0] + linear[1] > 0).astype(np.float64)
            found.append(linear)
            said.append(predictions)
            powers += RATE / (1 + number) ** 0.5 * (matrix @ moments.rates(predictions) - limits)
    return Pool(
        np.stack([weights for weights, _ in found]),
        np.array([intercept for _, intercept in found]),
        np.array([float((costs * np.abs(one - labels)).mean()) for one in said]),
        np.stack([moments.rates(one) for one in said]),
    )


def _place(label: int, labels: tuple[int, ...]) -> int:
    return labels.index(label) if label in labels else -1

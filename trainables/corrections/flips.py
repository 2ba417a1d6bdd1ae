"""Decisions by lot: some predictions of a group are flipped. Which ones is drawn from a seed."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from trainables.corrections.decision import (
    Decision,
    Groups,
    check_index,
    groups_of_cells,
    groups_of_rows,
    raw_scores,
    scores_to_decide,
)
from trainables.evaluation.counts import THRESHOLDS, Counts, ScoreCounts
from trainables.evaluation.report import DecisionDict

_ROUNDING = 1e-9  # so that .29 of 100 rows are 29 of them in floating point too


@dataclass(frozen=True)
class Flips(Decision):
    """Positive iff score > THRESHOLDS[index]; then some predictions of each group are flipped.

    `rates[group]` are the share of the group's negatives and that of its positives that are
    flipped. Which rows is drawn by lot from `seed`; how many is not: of n rows it is the whole
    part of their share. (Hardt, Price, Srebro 2016 flip each row with that probability. A fixed
    number has the same mean and less noise.) Rows that are predicted together are drawn from
    together, so a row that is predicted alone keeps its prediction unless the rate is 1.

    `predict` permutes the rows themselves. On counts the draw without replacement falls on the
    cells of a group by the multivariate hypergeometric law, which is the law of that. What the
    dense net decides for the flipped rows of a cell is drawn by the same law, from a stream of its
    own: whether it is known changes no other draw.
    """

    needs_group = True

    index: int
    rates: tuple[tuple[float, float], ...]
    seed: int
    trivial: bool = False

    def __post_init__(self) -> None:
        check_index(self.kind, self.index)
        for pair in self.rates:
            if len(pair) != 2 or not all(0 <= rate <= 1 for rate in pair):
                raise ValueError(f"{self.kind}: rates must be two in [0, 1] a group, got {pair}")

    def decide(
        self, counts: Counts | ScoreCounts, crossing_to_group: Groups | None = None
    ) -> Counts:
        scores = scores_to_decide(self.kind, counts)
        groups = groups_of_cells(self.kind, scores, crossing_to_group, len(self.rates))
        before = scores.at(self.index).of_groups(groups >= 0)
        flipped = np.zeros_like(before.table)  # rows by cell, label and prediction before
        generator = np.random.default_rng(self.seed)
        for group, rates in enumerate(self.rates):
            cells = np.flatnonzero(groups == group)
            flipped[cells] = _drawn(before.table[cells], rates, generator)
        beside = before.beside_dense
        if beside is not None:
            parts = _split(flipped, beside, np.random.default_rng([self.seed, 1]))
            beside = beside - parts + parts[..., ::-1]
        return Counts(before.table - flipped + flipped[..., ::-1], beside_dense=beside)

    def predict(self, scores: ArrayLike, groups: ArrayLike | None = None) -> NDArray[np.int64]:
        values = raw_scores(self.kind, scores)
        group = groups_of_rows(self.kind, values, groups, len(self.rates))
        before = np.asarray(values > THRESHOLDS[self.index], dtype=np.int64)
        after = before.copy()
        generator = np.random.default_rng(self.seed)
        for number, rates in enumerate(self.rates):
            for predicted, rate in enumerate(rates):
                rows = np.flatnonzero((group == number) & (before == predicted))
                after[generator.permutation(rows)[: flips_among(len(rows), rate)]] = 1 - predicted
        return after

    def to_dict(self) -> DecisionDict:
        return {
            "kind": self.kind,
            "index": self.index,
            "threshold": float(THRESHOLDS[self.index]),
            "rates": [list(pair) for pair in self.rates],
            "seed": self.seed,
            "trivial": self.trivial,
        }

    @classmethod
    def from_dict(cls, state: DecisionDict) -> Self:
        rates = tuple((float(of_0), float(of_1)) for of_0, of_1 in state["rates"])
        return cls(int(state["index"]), rates, int(state["seed"]), bool(state["trivial"]))


def flips_among(rows: int, rate: float) -> int:
    """How many of `rows` are flipped: the whole part of their share."""
    return math.floor(rows * rate + _ROUNDING)


def _drawn(
    cells: NDArray[np.int64], rates: tuple[float, float], generator: np.random.Generator
) -> NDArray[np.int64]:
    """How many rows of one group are flipped in each of its `cells`.

    Both are (group's cells, labels, predictions before); those predicted 0 are drawn first.
    """
    drawn = []
    for predicted, rate in enumerate(rates):
        rows = cells[:, :, predicted]
        number = flips_among(int(rows.sum()), rate)
        drawn.append(
            generator.multivariate_hypergeometric(rows.ravel(), number).reshape(rows.shape)
        )
    return np.stack(drawn, axis=-1)


def _split(
    flipped: NDArray[np.int64], beside: NDArray[np.int64], generator: np.random.Generator
) -> NDArray[np.int64]:
    """`flipped` (cells, labels, predictions) by what the dense net decides for these rows.

    Drawn from `beside` (cells, labels, the dense net's 2 decisions, predictions), whose shape the
    result has.
    """
    positive = generator.hypergeometric(beside[:, :, 1], beside[:, :, 0], flipped)
    return np.stack([flipped - positive, positive], axis=2)

"""One threshold per group: what is possible if the group may be used at prediction time.

The idea is that of Hardt, Price, Srebro, Equality of opportunity in supervised learning (NIPS
2016), without their randomisation. Of the thresholds with bias < tolerance - margin on the
held-back rows, those with the best performance are taken; where there are none, those of the least
bias.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from trainables.corrections.decision import (
    Decision,
    Groups,
    check_index,
    groups_of_cells,
    groups_of_rows,
    raw_scores,
    scores_of_groups,
    scores_to_decide,
)
from trainables.evaluation.counts import THRESHOLDS, Counts, ScoreCounts, tables_at_all_thresholds
from trainables.evaluation.objective import Objective
from trainables.evaluation.rates import PerTable, Tables
from trainables.evaluation.report import DecisionDict
from trainables.evaluation.trivial import is_trivial


@dataclass(frozen=True)
class ThresholdPerGroup(Decision):
    """Positive iff score > THRESHOLDS[indices[group]]: the group is needed to predict."""

    kind = "group_thresholds"
    needs_group = True

    indices: tuple[int, ...]
    trivial: bool = False

    def __post_init__(self) -> None:
        for index in self.indices:
            check_index(self.kind, index)

    def decide(
        self, counts: Counts | ScoreCounts, crossing_to_group: Groups | None = None
    ) -> Counts:
        scores = scores_to_decide(self.kind, counts)
        groups = groups_of_cells(self.kind, scores, crossing_to_group, len(self.indices))
        known = groups >= 0
        indices = np.where(known, np.array(self.indices)[groups], 0)
        return scores.at(indices).of_groups(known)

    def predict(self, scores: ArrayLike, groups: ArrayLike | None = None) -> NDArray[np.int64]:
        values = raw_scores(self.kind, scores)
        group = groups_of_rows(self.kind, values, groups, len(self.indices))
        return np.asarray(values > THRESHOLDS[np.array(self.indices)[group]], dtype=np.int64)

    def to_dict(self) -> DecisionDict:
        return {
            "kind": self.kind,
            "indices": list(self.indices),
            "thresholds": THRESHOLDS[list(self.indices)].tolist(),
            "trivial": self.trivial,
        }

    @classmethod
    def from_dict(cls, state: DecisionDict) -> Self:
        return cls(tuple(int(index) for index in state["indices"]), bool(state["trivial"]))


GRID = 100  # candidates per group in the first pass over pairs
LEVELS = 101  # rates that starts for more than two groups give to every group
BANDS = 12  # of neighbouring levels; the search starts from the best of each
SWEEPS = 20  # at most so many rounds over the groups

Indices = NDArray[np.int64]


@dataclass(frozen=True)
class GroupThresholds:
    """Searches the thresholds; nothing is drawn at random.

    Two groups: all pairs of a grid of at most 100 thresholds each, then all pairs around the best
    one. That is exact while no group has more than 100 distinct operating points. More groups: one
    threshold after the other is improved, from the best common threshold and from thresholds that
    give all groups the same rates. That ends in a local optimum (Adult by race, 3 groups: within
    .002 of the best triple).
    """

    needs_group: ClassVar[bool] = True
    binary: ClassVar[bool] = True
    two_groups: ClassVar[bool] = False
    within_cells: ClassVar[bool] = False

    def fit(
        self,
        held_back: Counts | ScoreCounts,
        objective: Objective,
        priors: NDArray[np.float64],
        seed: int,
    ) -> Decision:
        scores = scores_of_groups("group_thresholds", held_back)
        search = _Search(scores, objective, priors)
        indices = search.pairs() if scores.n_groups == 2 else search.coordinates()
        chosen = tuple(int(index) for index in indices)
        return ThresholdPerGroup(chosen, trivial=is_trivial(scores.at(chosen)))


class _Search:
    """The held-back rows at every threshold, and what thresholds are worth there."""

    def __init__(
        self, scores: ScoreCounts, objective: Objective, priors: NDArray[np.float64]
    ) -> None:
        self.objective, self.priors, self.n_groups = objective, priors, scores.n_groups
        # (1001, groups, 2, 2), or (1001, groups, 2, 2, 2) with the dense net's decisions
        self.tables = tables_at_all_thresholds(
            objective.counted(scores), beside_dense=objective.against_dense
        )
        # a threshold changes something where its bin holds rows of the group
        rows = scores.histogram.sum(axis=1)
        self.distinct = [np.union1d([0], np.flatnonzero(of_group)) for of_group in rows]

    def worth(self, tables: Tables) -> PerTable:
        """1 + performance where feasible, else -bias; -inf where that is not estimable."""
        performance, bias = self.objective.judge(tables, self.priors)
        worth = np.where(bias < self.objective.safe_bias, 1.0 + performance, -bias)
        return np.where(np.isnan(worth), -np.inf, worth)

    def at(self, indices: Indices) -> Tables:
        """(..., groups, 2, 2) tables of threshold indices (..., groups)."""
        return np.asarray(self.tables[indices, np.arange(self.n_groups)])

    def pairs(self) -> Indices:
        """The best pair on a grid, then the best within one step of the grid around it."""
        strides = [-(-len(points) // GRID) for points in self.distinct]
        grids = [points[::stride] for points, stride in zip(self.distinct, strides, strict=True)]
        best = self._best_pair(*grids)
        if max(strides) == 1:
            return best
        windows = []
        for points, stride, index in zip(self.distinct, strides, best, strict=True):
            at = int(np.searchsorted(points, index))
            windows.append(points[max(0, at - stride) : at + stride + 1])
        return self._best_pair(*windows)

    def _best_pair(self, first: Indices, second: Indices) -> Indices:
        pairs = np.stack(np.meshgrid(first, second, indexing="ij"), axis=-1).reshape(-1, 2)
        return self._best(pairs)

    def coordinates(self) -> Indices:
        """The best of what the climbs from all starts end in."""
        bands = np.array_split(self._equal_rate_starts(), BANDS)
        starts = [self._best(band) for band in (self._common_starts(), *bands)]
        return self._best(np.stack([self._climb(start) for start in starts]))

    def _climb(self, indices: Indices) -> Indices:
        """One group after the other takes its best threshold, until none changes any more."""
        for _ in range(SWEEPS):
            before = indices
            for group, points in enumerate(self.distinct):
                choices = np.repeat(indices[None], len(points) + 1, axis=0)
                choices[1:, group] = points  # the first stays as it is and wins a tie
                indices = self._best(choices)
            if np.array_equal(indices, before):
                break
        return indices

    def _best(self, choices: Indices) -> Indices:
        """The first of the best choices (n, groups)."""
        return np.asarray(choices[self.worth(self.at(choices)).argmax()])

    def _common_starts(self) -> Indices:
        return np.stack([np.arange(len(self.tables))] * self.n_groups, axis=1)

    def _equal_rate_starts(self) -> Indices:
        """(101, groups) thresholds that give all groups nearly the same rate, for 101 rates.

        The rate is what the bias measure compares.
        """
        rates = self.objective.bias_measure.rates(self.tables).mean(-1)  # (1001, groups)
        rates = np.where(np.isnan(rates), np.inf, rates)
        lowest = -1 if self.objective.against_dense else 0  # accuracy may be lost or won
        levels = np.linspace(lowest, 1, LEVELS)[:, None, None]
        return np.asarray(np.abs(rates - levels).argmin(axis=1))

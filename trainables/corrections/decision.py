"""Decisions: how scores become predictions, the same on raw scores and on counts."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar, Protocol, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from trainables.evaluation.counts import BINS, Counts, ScoreCounts
from trainables.evaluation.objective import Objective
from trainables.evaluation.report import DecisionDict

Groups = Sequence[int] | NDArray[np.int64]


class Decision(ABC):
    """What a fitted correction leaves: a rule from scores to predictions.

    `decide` applies it to counts and `predict` to raw scores. They agree on every single row;
    where rows are drawn by lot, they agree on how many, and on the law of the draw.
    """

    kind: ClassVar[str]
    needs_group: ClassVar[bool]
    trivial: bool  # (nearly) everybody gets the same prediction on the rows it was fitted on

    @abstractmethod
    def decide(
        self, counts: Counts | ScoreCounts, crossing_to_group: Groups | None = None
    ) -> Counts:
        """The decided counts, cell by cell as they are counted.

        `counts` are kept at the finest crossing of attributes. `crossing_to_group` (n_crossing,)
        is the group of each cell; None means that the cells are the groups. A cell of group -1
        (left out) has no group to decide by: where the decision needs the group, it stays empty.
        """

    def decide_by_group(self, counts: Counts | ScoreCounts, crossing_to_group: Groups) -> Counts:
        """The decided counts by group, which a decision is judged by.

        They are decided at the finest crossing and then summed. So where rows are drawn by lot,
        groups and cells show the same draw.
        """
        return self.decide(counts, crossing_to_group).regroup(np.asarray(crossing_to_group))

    @abstractmethod
    def predict(self, scores: ArrayLike, groups: ArrayLike | None = None) -> NDArray[np.int64]:
        """(n,) predictions of raw scores, and of the rows' groups where they are needed."""

    @abstractmethod
    def to_dict(self) -> DecisionDict:
        """JSON types, "kind" among them; `from_dict` is the inverse."""

    @classmethod
    @abstractmethod
    def from_dict(cls, state: DecisionDict) -> Self:
        """The inverse of `to_dict`; `decision_from_dict` finds the class by the kind."""


class Correction(Protocol):
    """Frozen settings; their fields are exactly what a space may search."""

    needs_group: ClassVar[bool]  # predictions need the group of every row
    binary: ClassVar[bool]  # for binary tasks; otherwise for those with more classes
    two_groups: ClassVar[bool]  # defined for two groups and no more
    within_cells: ClassVar[bool]  # fitted by rates within cells: each group needs each label

    def fit(
        self,
        held_back: Counts | ScoreCounts,
        objective: Objective,
        priors: NDArray[np.float64],
        seed: int,
    ) -> Decision:
        """The decision for `held_back`, counted by the groups of `priors` (groups, labels).

        The rows may be balanced over the cells; `priors` are the cells' shares in train.
        """
        ...


def binary_scores(who: str, held_back: Counts | ScoreCounts) -> ScoreCounts:
    """`held_back` if thresholds can be fitted on it."""
    if not isinstance(held_back, ScoreCounts):
        raise ValueError(f"{who}: needs the scores of a binary task; more classes take argmax")
    if held_back.total == 0:
        raise ValueError(f"{who}: needs rows to be fitted on, got none")
    return held_back


def scores_of_groups(who: str, held_back: Counts | ScoreCounts, exactly: int = 0) -> ScoreCounts:
    """`held_back` if it can be fitted on group by group.

    That takes two groups or more, or, where `exactly` is given, exactly so many.
    """
    scores = binary_scores(who, held_back)
    if scores.n_groups < 2 or (exactly and scores.n_groups != exactly):
        wanted = "exactly two groups" if exactly == 2 else "two groups"
        raise ValueError(f"{who}: needs {wanted}, got {scores.n_groups}")
    return scores


def scores_to_decide(who: str, counts: Counts | ScoreCounts) -> ScoreCounts:
    """`counts` if there are scores in them to be decided."""
    if not isinstance(counts, ScoreCounts):
        raise ValueError(f"{who}: needs scores of a binary task, got {type(counts).__name__}")
    return counts


def raw_scores(who: str, scores: ArrayLike) -> NDArray[np.float64]:
    """(n,) scores in [0, 1]."""
    values = np.asarray(scores, dtype=np.float64)
    if values.ndim != 1 or not ((values >= 0) & (values <= 1)).all():
        raise ValueError(f"{who}: scores must be (n,) in [0, 1], got shape {values.shape}")
    return values


def check_index(who: str, index: int) -> None:
    """Raises ValueError unless `index` is one of THRESHOLDS."""
    if not 0 <= index < BINS:
        raise ValueError(f"{who}: threshold index must lie in [0, {BINS}), got {index}")


def groups_of_cells(
    who: str, scores: ScoreCounts, crossing_to_group: Groups | None, n_groups: int
) -> NDArray[np.int64]:
    """(cells,) the group of each counted cell, -1 where it is left out."""
    default = np.arange(n_groups)
    groups = default if crossing_to_group is None else np.asarray(crossing_to_group)
    if groups.shape != (scores.n_groups,):
        raise ValueError(
            f"{who}: needs the group of each of {scores.n_groups} counted cells, "
            f"got {groups.shape}"
        )
    _check_groups(who, groups[groups >= 0], n_groups)
    return groups


def groups_of_rows(
    who: str, scores: NDArray[np.float64], groups: ArrayLike | None, n_groups: int
) -> NDArray[np.int64]:
    """(n,) the group of each scored row."""
    if groups is None:
        raise ValueError(f"{who}: needs the group of every row, got None")
    group = np.asarray(groups)
    if group.shape != scores.shape:
        raise ValueError(f"{who}: groups must have shape {scores.shape}, got {group.shape}")
    _check_groups(who, group, n_groups)
    return group


def _check_groups(who: str, groups: NDArray[Any], n_groups: int) -> None:
    if groups.size and (groups.min() < 0 or groups.max() >= n_groups):
        raise ValueError(
            f"{who}: groups lie in [0, {n_groups}), got {groups.min()} to {groups.max()}"
        )

"""Decisions: how scores become predictions, the same on raw scores and on counts."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from trainables.evaluation.counts import BINS, THRESHOLDS, Counts, ScoreCounts
from trainables.objective import Objective

Groups = Sequence[int] | NDArray[np.int64]


class Decision(ABC):
    """What a fitted correction leaves. `decide` and `predict` agree on every single row."""

    kind: ClassVar[str]
    needs_group: ClassVar[bool]
    trivial: bool  # (nearly) everybody gets the same prediction on the rows it was fitted on

    @abstractmethod
    def decide(
        self, counts: Counts | ScoreCounts, crossing_to_group: Groups | None = None
    ) -> Counts:
        """The decided counts.

        `counts` are kept by group or, with `crossing_to_group` (n_crossing,), at the finest
        crossing. A cell whose group is -1 (left out) has no group to decide by: where the decision
        needs the group, it stays empty.
        """

    @abstractmethod
    def predict(self, scores: ArrayLike, groups: ArrayLike | None = None) -> NDArray[np.int64]:
        """(n,) predictions of raw scores, and of the rows' groups where they are needed."""

    @abstractmethod
    def to_dict(self) -> dict[str, Any]:
        """JSON types; `decision_from_dict` is the inverse."""


class Correction(Protocol):
    """Frozen settings; their fields are exactly what a space may search."""

    needs_group: ClassVar[bool]  # predictions need the group of every row
    binary: ClassVar[bool]  # for binary tasks; otherwise for those with more classes

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


def _scores_of(who: str, counts: Counts | ScoreCounts) -> ScoreCounts:
    if not isinstance(counts, ScoreCounts):
        raise ValueError(f"{who}: needs scores of a binary task, got {type(counts).__name__}")
    return counts


def _binary_scores(who: str, scores: ArrayLike) -> NDArray[np.float64]:
    values = np.asarray(scores, dtype=np.float64)
    if values.ndim != 1 or not ((values >= 0) & (values <= 1)).all():
        raise ValueError(f"{who}: scores must be (n,) in [0, 1], got shape {values.shape}")
    return values


def _check_index(who: str, index: int) -> None:
    if not 0 <= index < BINS:
        raise ValueError(f"{who}: threshold index must lie in [0, {BINS}), got {index}")


@dataclass(frozen=True)
class CommonThreshold(Decision):
    """Positive iff score > THRESHOLDS[index], whatever the group."""

    kind = "threshold"
    needs_group = False

    index: int
    trivial: bool = False

    def __post_init__(self) -> None:
        _check_index(self.kind, self.index)

    def decide(
        self, counts: Counts | ScoreCounts, crossing_to_group: Groups | None = None
    ) -> Counts:
        return _scores_of(self.kind, counts).at(self.index)

    def predict(self, scores: ArrayLike, groups: ArrayLike | None = None) -> NDArray[np.int64]:
        values = _binary_scores(self.kind, scores)
        return np.asarray(values > THRESHOLDS[self.index], dtype=np.int64)

    def to_dict(self) -> dict[str, Any]:
        threshold = float(THRESHOLDS[self.index])
        return {
            "kind": self.kind,
            "index": self.index,
            "threshold": threshold,
            "trivial": self.trivial,
        }


@dataclass(frozen=True)
class ThresholdPerGroup(Decision):
    """Positive iff score > THRESHOLDS[indices[group]]: the group is needed to predict."""

    kind = "group_thresholds"
    needs_group = True

    indices: tuple[int, ...]
    trivial: bool = False

    def __post_init__(self) -> None:
        for index in self.indices:
            _check_index(self.kind, index)

    def decide(
        self, counts: Counts | ScoreCounts, crossing_to_group: Groups | None = None
    ) -> Counts:
        scores = _scores_of(self.kind, counts)
        default = np.arange(len(self.indices))
        groups = default if crossing_to_group is None else np.asarray(crossing_to_group)
        if groups.shape != (scores.n_groups,):
            raise ValueError(
                f"{self.kind}: needs the group of each of {scores.n_groups} counted cells, "
                f"got {groups.shape}"
            )
        known = groups >= 0
        self._check_groups(groups[known])
        table = scores.at(np.where(known, np.array(self.indices)[groups], 0)).table
        return Counts(np.where(known[:, None, None], table, 0))

    def predict(self, scores: ArrayLike, groups: ArrayLike | None = None) -> NDArray[np.int64]:
        values = _binary_scores(self.kind, scores)
        if groups is None:
            raise ValueError(f"{self.kind}: needs the group of every row, got None")
        group = np.asarray(groups)
        if group.shape != values.shape:
            raise ValueError(
                f"{self.kind}: groups must have shape {values.shape}, got {group.shape}"
            )
        self._check_groups(group)
        return np.asarray(values > THRESHOLDS[np.array(self.indices)[group]], dtype=np.int64)

    def _check_groups(self, groups: NDArray[Any]) -> None:
        if groups.size and (groups.min() < 0 or groups.max() >= len(self.indices)):
            raise ValueError(
                f"{self.kind}: groups lie in [0, {len(self.indices)}), "
                f"got {groups.min()} to {groups.max()}"
            )

    def to_dict(self) -> dict[str, Any]:
        return {
            "kind": self.kind,
            "indices": list(self.indices),
            "thresholds": THRESHOLDS[list(self.indices)].tolist(),
            "trivial": self.trivial,
        }


@dataclass(frozen=True)
class LargestScore(Decision):
    """The class with the largest score, the first of equals; counts are already decided so."""

    kind = "argmax"
    needs_group = False

    trivial: bool = False

    def decide(
        self, counts: Counts | ScoreCounts, crossing_to_group: Groups | None = None
    ) -> Counts:
        if not isinstance(counts, Counts):
            raise ValueError(f"{self.kind}: needs decided counts, got {type(counts).__name__}")
        return counts

    def predict(self, scores: ArrayLike, groups: ArrayLike | None = None) -> NDArray[np.int64]:
        values = np.asarray(scores, dtype=np.float64)
        if values.ndim != 2 or not np.isfinite(values).all():
            raise ValueError(
                f"{self.kind}: scores must be finite (n, classes), got shape {values.shape}"
            )
        return np.asarray(values.argmax(axis=1), dtype=np.int64)

    def to_dict(self) -> dict[str, Any]:
        return {"kind": self.kind, "trivial": self.trivial}


def decision_from_dict(state: Mapping[str, Any]) -> Decision:
    """The inverse of `to_dict`."""
    kind, trivial = state["kind"], bool(state["trivial"])
    if kind == CommonThreshold.kind:
        return CommonThreshold(int(state["index"]), trivial)
    if kind == ThresholdPerGroup.kind:
        return ThresholdPerGroup(tuple(int(index) for index in state["indices"]), trivial)
    if kind == LargestScore.kind:
        return LargestScore(trivial)
    known = [CommonThreshold.kind, ThresholdPerGroup.kind, LargestScore.kind]
    raise ValueError(f"decision: kind must be one of {known}, got {kind!r}")

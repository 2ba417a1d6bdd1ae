"""Integer counts of (group, label, outcome): all that is kept of a network's scores."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, NotRequired, Self, cast

import numpy as np
from numpy.typing import ArrayLike, NDArray

from trainables.evaluation.packing import PackedArray, packed, unpacked
from trainables.evaluation.pairs import checked_pairs, count_pairs

# 1001 thresholds, 0 to 1 (Savani et al. NeurIPS 2020); positive iff score > threshold.
THRESHOLDS: NDArray[np.float64] = np.arange(1001) / 1000
THRESHOLDS.setflags(write=False)
BINS = len(THRESHOLDS)  # scores in [0, 1] exceed 0 to 1000 of the thresholds: 1001 bins


class CountsDict(PackedArray):
    """Counts as JSON types; `counts_from_dict` reads them."""

    kind: str  # "decided" or "scores"
    pairs: NotRequired[PackedArray]  # of decided counts whose rows come as pairs


class _GroupCounts:
    """Immutable whole numbers by (group, label, outcome). Subclasses name their one field."""

    _field: ClassVar[str]
    _kind: ClassVar[str]  # how `to_dict` calls it

    @property
    def array(self) -> NDArray[np.int64]:
        """(groups, labels, outcomes)."""
        return cast("NDArray[np.int64]", getattr(self, self._field))

    def _freeze(self) -> tuple[int, ...]:
        """Checks the field, replaces it by a copy that nobody can write to, returns its shape."""
        who = type(self).__name__
        given = np.asarray(self.array)
        if given.dtype.kind not in "iu":
            raise ValueError(f"{who}: counts must be whole numbers, got {given.dtype}")
        array = given.astype(np.int64)
        if array.ndim != 3 or array.size == 0:
            raise ValueError(f"{who}: must have 3 filled axes, got shape {array.shape}")
        if array.min() < 0:
            raise ValueError(f"{who}: counts cannot be negative, got {array.min()}")
        array.setflags(write=False)
        object.__setattr__(self, self._field, array)
        return array.shape

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, _GroupCounts)
            and type(self) is type(other)
            and np.array_equal(self.array, other.array)
        )

    __hash__ = None  # type: ignore[assignment]  # equal arrays have no cheap common hash

    @property
    def n_groups(self) -> int:
        return int(self.array.shape[0])

    @property
    def n_labels(self) -> int:
        return int(self.array.shape[1])

    @property
    def total(self) -> int:
        """Rows counted."""
        return int(self.array.sum())

    @property
    def cells(self) -> NDArray[np.int64]:
        """Rows per (group, label)."""
        return np.asarray(self.array.sum(axis=-1))

    def regroup(self, mapping: Sequence[int] | NDArray[np.int64]) -> Self:
        """Adds up groups: `mapping[old]` is the new group, -1 leaves the old one out.

        The result has `max(mapping) + 1` groups.
        """
        new = np.asarray(mapping)
        if new.shape != (self.n_groups,) or new.dtype.kind not in "iu":
            raise ValueError(
                f"regroup: needs one new group for each of {self.n_groups} groups, "
                f"got {new.dtype} of shape {new.shape}"
            )
        if new.min() < -1 or new.max() < 0:
            raise ValueError(f"regroup: new groups start at 0, -1 is left out, got {new.tolist()}")
        array = np.zeros((int(new.max()) + 1, *self.array.shape[1:]), dtype=np.int64)
        kept = new >= 0
        np.add.at(array, new[kept], self.array[kept])
        return self._regrouped(array, new)

    def _regrouped(self, array: NDArray[np.int64], mapping: NDArray[np.int64]) -> Self:
        return type(self)(**{self._field: array})

    def to_dict(self) -> CountsDict:
        """A compressed form of JSON types; `counts_from_dict` is the inverse."""
        return cast("CountsDict", {"kind": self._kind, **packed(self.array)})

    @classmethod
    def from_dict(cls, state: CountsDict) -> Self:
        counts = counts_from_dict(state)
        if not isinstance(counts, cls):
            raise ValueError(f"{cls.__name__}: cannot be read from kind {state['kind']!r}")
        return counts


@dataclass(frozen=True, eq=False)
class Counts(_GroupCounts):
    """Decided outcomes: a table (groups, labels, predictions).

    Rows of two groups may be copies of the same objects, such as colour and grey images. Then
    `pairs` (labels, predictions of group 0's copy, predictions of group 1's copy) counts the
    objects and says which predictions go together.
    """

    _field = "table"
    _kind = "decided"

    table: NDArray[np.int64]
    pairs: NDArray[np.int64] | None = None

    def __post_init__(self) -> None:
        shape = self._freeze()
        if shape[1] != shape[2] or shape[1] < 2:
            raise ValueError(
                f"Counts: needs as many predictions as labels, at least 2, got shape {shape}"
            )
        if self.pairs is not None:
            object.__setattr__(self, "pairs", checked_pairs(self.pairs, self.table))

    def __eq__(self, other: object) -> bool:
        if not super().__eq__(other) or not isinstance(other, Counts):
            return False
        if self.pairs is None or other.pairs is None:
            return self.pairs is other.pairs
        return np.array_equal(self.pairs, other.pairs)

    __hash__ = None  # as for all counts

    def _regrouped(self, array: NDArray[np.int64], mapping: NDArray[np.int64]) -> Self:
        """The pairs are kept where both groups are, under their own or each other's number."""
        pairs, order = self.pairs, mapping.tolist()
        if pairs is None or order not in ([0, 1], [1, 0]):
            return type(self)(array)
        return type(self)(array, pairs if order == [0, 1] else pairs.swapaxes(1, 2))

    def to_dict(self) -> CountsDict:
        state = super().to_dict()
        return state if self.pairs is None else {**state, "pairs": packed(self.pairs)}


@dataclass(frozen=True, eq=False)
class ScoreCounts(_GroupCounts):
    """Scores of a binary task: a histogram (groups, 2 labels, 1001 bins).

    A score's bin is the number of thresholds that lie strictly below it. So the rows that are
    positive at threshold index k, those with score > THRESHOLDS[k], are exactly the rows in bins >
    k. Which rows are copies of one object is not kept: it would take 1001 x 1001 bins.
    """

    _field = "histogram"
    _kind = "scores"

    histogram: NDArray[np.int64]

    def __post_init__(self) -> None:
        shape = self._freeze()
        if shape[1:] != (2, BINS):
            raise ValueError(f"ScoreCounts: needs shape (groups, 2, {BINS}), got {shape}")

    def at(self, threshold_index: int | Sequence[int] | NDArray[np.int64]) -> Counts:
        """The decided counts at one threshold index, or at one index per group."""
        index = np.asarray(threshold_index)
        if index.dtype.kind not in "iu" or index.shape not in ((), (self.n_groups,)):
            raise ValueError(
                f"ScoreCounts.at: needs one index or one for each of {self.n_groups} groups, "
                f"got {threshold_index!r}"
            )
        if index.min() < 0 or index.max() >= BINS:
            raise ValueError(f"ScoreCounts.at: indices lie in [0, {BINS}), got {threshold_index}")
        positive = np.arange(BINS) > index.reshape(-1, 1, 1)  # (1 or groups, 1, bins)
        positives = np.where(positive, self.array, 0).sum(axis=-1)
        return Counts(np.stack([self.cells - positives, positives], axis=-1))


def tables_at_all_thresholds(histograms: NDArray[Any]) -> NDArray[Any]:
    """Tables (..., 1001, groups, 2, 2) of histograms (..., groups, 2, 1001), in one cumsum."""
    negatives = np.moveaxis(np.cumsum(histograms, axis=-1), -1, -3)
    return np.stack([negatives, histograms.sum(axis=-1)[..., None, :, :] - negatives], axis=-1)


def counts_from_dict(state: CountsDict) -> Counts | ScoreCounts:
    """The inverse of `to_dict`."""
    kinds: dict[str, type[Counts] | type[ScoreCounts]] = {
        kind._kind: kind for kind in (Counts, ScoreCounts)
    }
    if state["kind"] not in kinds:
        raise ValueError(f"counts: kind must be one of {sorted(kinds)}, got {state['kind']!r}")
    if "pairs" in state:
        return Counts(unpacked(state), unpacked(state["pairs"]))
    return kinds[state["kind"]](unpacked(state))


def bins_of(scores: NDArray[np.float64]) -> NDArray[np.int64]:
    """(n,) number of thresholds strictly below each score, 0 to 1000."""
    return np.searchsorted(THRESHOLDS, scores, side="left")


def count(
    scores: ArrayLike,
    labels: ArrayLike,
    groups: ArrayLike,
    n_groups: int,
    units: ArrayLike | None = None,
) -> Counts | ScoreCounts:
    """Counts of raw scores by (group, label).

    Scores (n,) in [0, 1] are those of the positive class and become a `ScoreCounts`; scores
    (n, classes) are decided by argmax, the first of equals, and become `Counts`, with pairs where
    two groups hold one row of each of the `units` (n,).
    """
    values = np.asarray(scores, dtype=np.float64)
    if values.ndim == 1:
        return count_scores(values, labels, groups, n_groups)
    if values.ndim != 2 or values.shape[1] < 2:
        raise ValueError(f"count: scores must be (n,) or (n, classes), got {values.shape}")
    if not np.isfinite(values).all():
        raise ValueError("count: scores must be finite, got NaN or infinity")
    predictions, n_labels = values.argmax(axis=1), values.shape[1]
    counts = count_predictions(predictions, labels, groups, n_groups, n_labels)
    if units is None or n_groups != 2:
        return counts
    return Counts(counts.table, count_pairs(predictions, labels, groups, units, n_labels))


def count_scores(
    scores: NDArray[np.float64], labels: ArrayLike, groups: ArrayLike, n_groups: int
) -> ScoreCounts:
    """The histogram of scores (n,) in [0, 1] of a binary task."""
    outside = ~((scores >= 0) & (scores <= 1))  # also true for NaN
    if outside.any():
        raise ValueError(f"count: scores must lie in [0, 1], got {scores[outside][0]}")
    return ScoreCounts(_histogram(bins_of(scores), labels, groups, (n_groups, 2, BINS)))


def count_predictions(
    predictions: ArrayLike, labels: ArrayLike, groups: ArrayLike, n_groups: int, n_labels: int
) -> Counts:
    """The table of predictions (n,) that are already decided."""
    return Counts(_histogram(predictions, labels, groups, (n_groups, n_labels, n_labels)))


def _histogram(
    outcomes: ArrayLike, labels: ArrayLike, groups: ArrayLike, shape: tuple[int, int, int]
) -> NDArray[np.int64]:
    """Counts of shape (groups, labels, outcomes) of three index arrays (n,)."""
    axes = {
        "group": (np.asarray(groups), shape[0]),
        "label": (np.asarray(labels), shape[1]),
        "prediction": (np.asarray(outcomes), shape[2]),
    }
    rows = axes["prediction"][0].shape
    for name, (values, size) in axes.items():
        if values.ndim != 1 or values.shape != rows:
            raise ValueError(f"count: {name}s must have shape {rows}, got {values.shape}")
        if values.dtype.kind not in "iub":
            raise ValueError(f"count: {name}s must be whole numbers, got {values.dtype}")
        if values.size and (values.min() < 0 or values.max() >= size):
            raise ValueError(
                f"count: {name}s lie in [0, {size}), got {values.min()} to {values.max()}"
            )
    group, label, outcome = (values.astype(np.int64) for values, _ in axes.values())
    flat = (group * shape[1] + label) * shape[2] + outcome
    return np.bincount(flat, minlength=int(np.prod(shape))).reshape(shape)


def weighted(tables: NDArray[Any], priors: NDArray[np.float64]) -> NDArray[np.float64]:
    """Tables (..., groups, labels, outcomes) whose cell masses are the priors (groups, labels).

    On a label-balanced set this restores the rates that depend on the label mix (SPD, DI,
    accuracy), and leaves the rates within a cell (TPR, FPR) as they are. Where a cell is empty but
    should have mass, its group is not estimable: NaN.
    """
    if priors.shape != tables.shape[-3:-1]:
        raise ValueError(
            f"weighted: priors must have shape {tables.shape[-3:-1]}, got {priors.shape}"
        )
    cells = tables.sum(axis=-1)
    empty = np.where(priors > 0, np.nan, 0.0)
    factors = np.where(cells > 0, priors / np.maximum(cells, 1), empty)
    return np.asarray(tables * factors[..., None], dtype=np.float64)

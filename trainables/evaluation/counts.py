"""Integer counts of (group, label, outcome): all that is kept of a network's scores.

Counts may keep beside each outcome what the dense net decides for the same rows. So what pruning
has changed can be measured without the rows, and without losing which outcomes go together.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, NotRequired, Self, cast

import numpy as np
from numpy.typing import NDArray

from trainables.evaluation.packing import PackedArray, packed, unpacked
from trainables.evaluation.pairs import checked_pairs

# 1001 thresholds, 0 to 1 (Savani et al. NeurIPS 2020); positive iff score > threshold.
THRESHOLDS: NDArray[np.float64] = np.arange(1001) / 1000
THRESHOLDS.setflags(write=False)
BINS = len(THRESHOLDS)  # scores in [0, 1] exceed 0 to 1000 of the thresholds: 1001 bins


class CountsDict(PackedArray):
    """Counts as JSON types; `counts_from_dict` reads them.

    The array has 4 axes where the dense net's decisions are kept: (groups, labels, the dense
    net's decision, outcomes). Earlier versions wrote 3: (groups, labels, outcomes).
    """

    kind: str  # "decided", "scores" or "expected"
    pairs: NotRequired[PackedArray]  # of decided counts whose rows come as pairs
    expected: NotRequired[list[float]]  # in place of `counts`: of predictions drawn by lot


class _GroupCounts:
    """Immutable counts by (group, label, outcome). Subclasses name their field.

    `beside_dense` (groups, labels, the dense net's decision, outcomes) counts the same rows; it
    is None where the dense net's decisions are not known.
    """

    _field: ClassVar[str]
    _kind: ClassVar[str]  # how `to_dict` calls it
    _whole: ClassVar[bool] = True  # whether they are whole numbers

    beside_dense: NDArray[np.int64] | None

    @property
    def array(self) -> NDArray[np.int64]:
        """(groups, labels, outcomes)."""
        return cast("NDArray[np.int64]", getattr(self, self._field))

    @property
    def finest(self) -> NDArray[np.int64]:
        """The counts with the dense net's decisions, where these are known."""
        return self.array if self.beside_dense is None else self.beside_dense

    def _freeze(self) -> tuple[int, ...]:
        """Checks the arrays, replaces them by copies that nobody can write to.

        Returns the shape of the field.
        """
        array = self._frozen(self._field, 3)
        if self.beside_dense is not None:
            beside = self._frozen("beside_dense", 4)
            expected = (*array.shape[:2], array.shape[1], array.shape[2])
            same = np.array_equal if self._whole else np.allclose
            if beside.shape != expected or not same(beside.sum(axis=2), array):
                raise ValueError(
                    f"{type(self).__name__}: beside_dense must have shape {expected} and add up "
                    f"to the {self._field}, got shape {beside.shape}"
                )
        return array.shape

    def _frozen(self, field: str, axes: int) -> NDArray[np.int64]:
        who = type(self).__name__
        given = np.asarray(getattr(self, field))
        if self._whole and given.dtype.kind not in "iu":
            raise ValueError(f"{who}: counts must be whole numbers, got {given.dtype}")
        array = given.astype(np.int64 if self._whole else np.float64)
        if array.ndim != axes or array.size == 0:
            raise ValueError(f"{who}: must have {axes} filled axes, got shape {array.shape}")
        if array.min() < 0:
            raise ValueError(f"{who}: counts cannot be negative, got {array.min()}")
        array.setflags(write=False)
        object.__setattr__(self, field, array)
        return cast("NDArray[np.int64]", array)

    @classmethod
    def of_counted(cls, array: NDArray[np.int64]) -> Self:
        """Counts of what rows were just counted to; nobody else writes to the array.

        It has 4 axes where the dense net's decisions are known, as in `CountsDict`.
        """
        if array.ndim == 3:
            return cls._following(**{cls._field: array})
        return cls._following(**{cls._field: array.sum(axis=2), "beside_dense": array})

    @classmethod
    def _following(cls, **arrays: NDArray[np.int64]) -> Self:
        """Counts whose fields follow from valid ones: neither checked nor copied.

        To check histograms takes longer than to add them up.
        """
        made = object.__new__(cls)
        for name, array in arrays.items():
            array.setflags(write=False)
            object.__setattr__(made, name, array)
        return made

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, _GroupCounts)
            and type(self) is type(other)
            and np.array_equal(self.array, other.array)
            and _equal(self.beside_dense, other.beside_dense)
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
        if np.array_equal(new, np.arange(self.n_groups)):
            return self
        beside = self.beside_dense
        arrays = {self._field: _summed(self.array, new)}
        if beside is not None:
            arrays["beside_dense"] = _summed(beside, new)
        return self._regrouped(arrays, new)

    def _regrouped(self, arrays: dict[str, NDArray[np.int64]], mapping: NDArray[np.int64]) -> Self:
        return self._following(**arrays)

    def to_dict(self) -> CountsDict:
        """A compressed form of JSON types; `counts_from_dict` is the inverse."""
        return cast("CountsDict", {"kind": self._kind, **packed(self.finest)})

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

    `beside_dense` is (groups, labels, the dense net's predictions, predictions).
    """

    _field = "table"
    _kind = "decided"

    table: NDArray[np.int64]
    pairs: NDArray[np.int64] | None = None
    beside_dense: NDArray[np.int64] | None = None

    def __post_init__(self) -> None:
        shape = self._freeze()
        if shape[1] != shape[2] or shape[1] < 2:
            raise ValueError(
                f"Counts: needs as many predictions as labels, at least 2, got shape {shape}"
            )
        if self.pairs is not None:
            object.__setattr__(self, "pairs", checked_pairs(self.pairs, self.table))

    def __eq__(self, other: object) -> bool:
        return (
            super().__eq__(other) and isinstance(other, Counts) and _equal(self.pairs, other.pairs)
        )

    __hash__ = None  # as for all counts

    def _regrouped(self, arrays: dict[str, NDArray[np.int64]], mapping: NDArray[np.int64]) -> Self:
        """The pairs are kept where both groups are, under each other's number."""
        if self.pairs is not None and mapping.tolist() == [1, 0]:
            arrays["pairs"] = self.pairs.swapaxes(1, 2)
        return self._following(**arrays)

    def of_groups(self, kept: NDArray[np.bool_]) -> Self:
        """The rows of the groups that are `kept` (groups,); the others stay, and hold none."""
        beside = self.beside_dense
        if beside is not None:
            beside = np.where(kept[:, None, None, None], beside, 0)
        return type(self)(np.where(kept[:, None, None], self.table, 0), beside_dense=beside)

    def to_dict(self) -> CountsDict:
        state = super().to_dict()
        return state if self.pairs is None else {**state, "pairs": packed(self.pairs)}


@dataclass(frozen=True, eq=False)
class ExpectedCounts(Counts):
    """What is to be expected of predictions that are drawn by lot: counts with fractions.

    Cells have as many rows as there are. Each row counts towards both predictions, by their
    probabilities. Nothing is drawn, so nobody profits from a lucky draw.
    """

    _kind = "expected"
    _whole = False

    def to_dict(self) -> CountsDict:
        values = [float(value) for value in self.finest.reshape(-1)]
        return {"kind": self._kind, "shape": list(self.finest.shape), "expected": values}


@dataclass(frozen=True, eq=False)
class ScoreCounts(_GroupCounts):
    """Scores of a binary task: a histogram (groups, 2 labels, 1001 bins).

    A score's bin is the number of thresholds that lie strictly below it. So the rows that are
    positive at threshold index k, those with score > THRESHOLDS[k], are exactly the rows in bins >
    k. Which rows are copies of one object is not kept: it would take 1001 x 1001 bins.

    `beside_dense` is (groups, 2 labels, the dense net's 2 decisions, 1001 bins).
    """

    _field = "histogram"
    _kind = "scores"

    histogram: NDArray[np.int64]
    beside_dense: NDArray[np.int64] | None = None

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
        return Counts.of_counted(_decided(self.finest, index))


def _decided(histogram: NDArray[np.int64], index: NDArray[Any]) -> NDArray[np.int64]:
    """(groups, ..., predictions) of bins (groups, ..., bins) at one index, or one per group."""
    if index.ndim == 0:
        positives = histogram[..., int(index) + 1 :].sum(axis=-1)
    else:
        positive = np.arange(BINS) > index.reshape(-1, *(1,) * (histogram.ndim - 1))
        positives = np.where(positive, histogram, 0).sum(axis=-1)
    return np.stack([histogram.sum(axis=-1) - positives, positives], axis=-1)


def tables_at_all_thresholds(
    histograms: NDArray[Any], *, beside_dense: bool = False
) -> NDArray[Any]:
    """Tables (..., 1001, groups, 2, 2) of histograms (..., groups, 2, 1001), in one cumsum.

    With `beside_dense`, both have an axis more: the dense net's decision, after the labels.
    """
    axis = -4 if beside_dense else -3
    # Thresholds stay side by side in memory: what is computed of tables runs along them.
    both = np.empty((2, *histograms.shape), np.int64)
    np.cumsum(histograms, axis=-1, out=both[0])
    np.subtract(both[0][..., -1:], both[0], out=both[1])
    return np.moveaxis(both, (-1, 0), (axis - 1, -1))


def counts_from_dict(state: CountsDict) -> Counts | ScoreCounts:
    """The inverse of `to_dict`."""
    kinds: dict[str, type[Counts] | type[ScoreCounts]] = {
        kind._kind: kind for kind in (Counts, ExpectedCounts, ScoreCounts)
    }
    if state["kind"] not in kinds:
        raise ValueError(f"counts: kind must be one of {sorted(kinds)}, got {state['kind']!r}")
    kind = kinds[state["kind"]]
    if "expected" in state:
        given = np.asarray(state["expected"]).reshape(state["shape"])
    else:
        given = unpacked(state)
    arrays = {kind._field: given}
    if given.ndim == 4:
        arrays = {kind._field: given.sum(axis=2), "beside_dense": given}
    if "pairs" in state:
        return Counts(**arrays, pairs=unpacked(state["pairs"]))
    return kind(**arrays)


def _equal(one: NDArray[np.int64] | None, other: NDArray[np.int64] | None) -> bool:
    if one is None or other is None:
        return one is other
    return np.array_equal(one, other)


def _summed(array: NDArray[np.int64], mapping: NDArray[np.int64]) -> NDArray[np.int64]:
    """`array` (old groups, ...) added up to (new groups, ...); -1 is left out."""
    result = np.zeros((int(mapping.max()) + 1, *array.shape[1:]), dtype=array.dtype)
    for old, new in enumerate(mapping.tolist()):  # `np.add.at` goes entry by entry
        if new >= 0:
            result[new] += array[old]
    return result


def weighted(
    tables: NDArray[Any], priors: NDArray[np.float64], *, beside_dense: bool = False
) -> NDArray[np.float64]:
    """Tables (..., groups, labels, outcomes) whose cell masses are the priors (groups, labels).

    On a label-balanced set this restores the rates that depend on the label mix (SPD, DI,
    accuracy), and leaves the rates within a cell (TPR, FPR) as they are. Where a cell is empty but
    should have mass, the group's other cells take it, if they hold more than half of the group's:
    a group of enough rows may have a rare label of which there is none. Otherwise the group is not
    estimable: NaN. With `beside_dense` the tables have an axis more: the dense net's decision,
    after the labels.
    """
    outcomes = (-2, -1) if beside_dense else (-1,)
    cells = tables.sum(axis=outcomes)
    if priors.shape != cells.shape[-2:]:
        raise ValueError(
            f"weighted: priors must have shape {cells.shape[-2:]}, got {priors.shape}"
        )
    shares = priors.sum(axis=-1, keepdims=True)
    seen = np.where(cells > 0, priors, 0.0).sum(axis=-1, keepdims=True)
    spread = np.where(seen > shares / 2, shares / np.where(seen > 0, seen, 1.0), np.nan)
    factors = np.where(priors > 0, priors / np.maximum(cells, 1) * spread, 0.0)
    return np.asarray(tables * np.expand_dims(factors, outcomes), dtype=np.float64)

"""From a data set to splits that a network can read, with their groups, weights and priors."""

from __future__ import annotations

import dataclasses
import hashlib
import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainables.data.encoder import Encoder, fit_encoder
from trainables.data.fair_data import FairData
from trainables.data.grouping import Grouping
from trainables.data.input_scale import InputScale
from trainables.data.scaling import scaled
from trainables.data.small_cells import (
    MinCellOf,
    Resolved,
    SmallCells,
    resolve_small_cells,
)
from trainables.data.splits import balance_weights, cap_cells, draw_splits, hold_back, stream
from trainables.data.values.numbers_as_text import numbers_as_text
from trainables.data.values.text import counted
from trainables.lazily import is_frame, pd

BALANCED = ("debias", "held_back")
_AT_ONCE = 1024  # rows of arrays that are copied to be hashed


@dataclass(frozen=True, eq=False)
class Part:
    """One split, ready for a network."""

    inputs: NDArray[Any]  # float32 (n, d), or float32 or raw uint8 (n, channels, height, width)
    labels: NDArray[np.int64]  # (n,)
    crossing: NDArray[np.int64]  # (n,) cell of the finest crossing of all attributes
    groups: NDArray[np.int64]  # (n,) group of the experiment's grouping; -1 in left_out
    units: NDArray[np.int64]  # (n,) rows of one unit show one object
    weights: NDArray[np.float32]  # (n,) mean 1; balance group x label on debias and held_back
    rows: NDArray[np.int64]  # (n,) row numbers in FairData

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True, eq=False)
class Prepared:
    """The splits of one experiment, and what has to be known about them."""

    name: str
    classes: tuple[str, ...]
    grouping: str  # the experiment's, such as sex*race
    group_names: tuple[str, ...]  # index = group
    attribute_names: tuple[str, ...]
    crossing_names: tuple[tuple[str, ...], ...]  # (n_crossing,) attribute values of each cell
    crossing_to_group: NDArray[np.int64]  # (n_crossing,) -1 where left out
    # train, early_stop, debias, held_back, tune, test; and left_out, if it has rows: those of
    # train whose group is too small to be judged. Only the groups to prune by know of it.
    parts: Mapping[str, Part]
    priors: NDArray[np.float64]  # (groups, labels) shares outside of balanced splits; sum 1
    crossing_priors: NDArray[np.float64]  # (n_crossing, labels) the same at the finest crossing
    input_shape: tuple[int, ...]  # of one input
    encoder: Encoder
    augment: bool
    notes: tuple[str, ...]
    hashes: Mapping[str, str]  # sha256 of each split's rows as drawn, before any was left out
    refusals: tuple[str, ...] = ()  # why no new search should start; runs of such data may go on

    @property
    def binary(self) -> bool:
        return len(self.classes) == 2

    @property
    def n_groups(self) -> int:
        return len(self.group_names)

    @property
    def attribute_values(self) -> dict[str, tuple[str, ...]]:
        """The names of each attribute's values; what `Grouping.of_crossing` takes."""
        columns = zip(*self.crossing_names, strict=True)
        return dict(
            zip(self.attribute_names, (tuple(dict.fromkeys(c)) for c in columns), strict=True)
        )

    def sealed(self) -> Prepared:
        """Without the test split: what workers and searchers are given."""
        parts = {name: part for name, part in self.parts.items() if name != "test"}
        return dataclasses.replace(self, parts=parts)


def prepare(
    data: FairData,
    *,
    group: str,
    split_seed: int = 0,
    min_cell: int = 20,
    fractions: Mapping[str, float] | None = None,
    small_cells: SmallCells = "merge",
    min_cell_of: MinCellOf = "cells",
    inputs: InputScale = "standardised",
) -> Prepared:
    """Splits, groups, balances and encodes `data`. What the user should know of it is in `notes`.

    Groups with a cell (or, by `min_cell_of`, groups) under `min_cell` rows on held_back, tune or
    test are merged or left out, in every split. (Multi-class tasks fit no threshold on held_back,
    so cells may be small there.) `inputs` says how numbers are scaled. Raises ValueError for an
    unknown group, a scale that does not fit, or where fewer than two groups are left.
    """
    if min_cell < 1:
        raise ValueError(f"min_cell: must be at least 1, got {min_cell}")
    grouping = Grouping.parse(group)
    drawn = draw_splits(data, split_seed=split_seed, fractions=fractions)
    rule = _Rule(min_cell, min_cell_of, small_cells)
    chosen = _choose_rows(data, grouping, drawn, split_seed, rule)
    groups, resolved, splits = chosen.groups, chosen.resolved, chosen.splits
    all_train = np.concatenate([splits["train"], splits["early_stop"]])
    seen = _take(data.inputs, all_train)
    encoder = scaled(fit_encoder(seen, impute=data.impute), seen, inputs)
    parts = {
        name: _part(data, rows, groups, encoder, rule.rare if name in BALANCED else None)
        for name, rows in splits.items()
    }
    if len(left_out := _left_out(chosen)):
        parts["left_out"] = _part(data, left_out, groups, encoder)
    train = _table(data, groups, all_train, len(resolved.names))
    crossing = tuple(itertools.product(*data.attribute_values.values()))
    natural = splits["tune"] if data.skewed_train else all_train
    texts = list(numbers_as_text(data.inputs))
    return Prepared(
        name=data.name,
        classes=data.classes,
        grouping=grouping.written(data.attribute_values),
        group_names=resolved.names,
        attribute_names=tuple(data.attributes),
        crossing_names=crossing,
        crossing_to_group=resolved.mapping[grouping.of_crossing(data.attribute_values)],
        parts=parts,
        priors=_shares(groups[natural], data.labels[natural], resolved.names, data.classes),
        crossing_priors=_shares(
            data.crossing[natural], data.labels[natural], crossing, data.classes
        ),
        input_shape=parts["train"].inputs.shape[1:],
        encoder=encoder,
        augment=data.augment,
        notes=(
            *data.notes,
            *resolved.notes,
            *_balance_notes(data, chosen),
            *_train_notes(data, chosen, train, min_cell),
            *_unseen_notes(data, encoder),
            *(f"{column.column}: {column}" for column in texts),
        ),
        refusals=tuple(f"column {c.column!r}: {c}" for c in texts if c.too_many),
        hashes={name: _row_hash(data, rows) for name, rows in chosen.drawn.items()},
    )


@dataclass(frozen=True)
class _Rule:
    """How many rows of what there must be, and what becomes of groups with fewer."""

    min_cell: int
    of: MinCellOf
    policy: SmallCells

    @property
    def rare(self) -> int:
        """A cell of fewer rows must not outweigh others; where cells must be large, none has."""
        return self.min_cell if self.of == "groups" else 0


@dataclass(frozen=True, eq=False)
class _Chosen:
    """The rows of each split, before and after small cells were resolved and large ones capped."""

    drawn: Mapping[str, NDArray[np.int64]]
    splits: Mapping[str, NDArray[np.int64]]
    groups: NDArray[np.int64]  # (n,) -1 where left out
    resolved: Resolved
    uncapped: int  # rows of debias before its large cells were capped


def _choose_rows(
    data: FairData,
    grouping: Grouping,
    drawn: dict[str, NDArray[np.int64]],
    split_seed: int,
    rule: _Rule,
) -> _Chosen:
    """Holds back a part of debias, resolves small groups, and caps the large cells of debias."""
    binary = len(data.classes) == 2
    groups = grouping.groups(data.attributes)
    cells = groups if rule.of == "groups" else groups * len(data.classes) + data.labels
    needed = rule.min_cell if binary else 0
    drawn = drawn | hold_back(data, drawn["debias"], cells, split_seed=split_seed, min_cell=needed)
    names = grouping.names(data.attribute_values)
    estimated = ("held_back", "tune", "test") if binary else ("tune", "test")
    tables = {name: _table(data, groups, drawn[name], len(names)) for name in estimated}
    resolved = resolve_small_cells(
        grouping.written(data.attribute_values),
        names,
        data.classes,
        tables,
        min_cell=rule.min_cell,
        policy=rule.policy,
        of=rule.of,
    )
    groups = resolved.mapping[groups]
    splits = {name: rows[groups[rows] >= 0] for name, rows in drawn.items()}
    whole = splits["debias"]
    cells = groups[whole] * len(data.classes) + data.labels[whole]
    splits["debias"] = whole[cap_cells(cells, stream(split_seed, "cap"))]
    return _Chosen(drawn, splits, groups, resolved, len(whole))


def _left_out(chosen: _Chosen) -> NDArray[np.int64]:
    """The rows of train whose group is not compared, for being too small."""
    rows = chosen.drawn["train"]
    return rows[chosen.groups[rows] < 0]


def _take(inputs: NDArray[Any] | pd.DataFrame, rows: NDArray[np.int64]) -> Any:
    return inputs.iloc[rows] if is_frame(inputs) else inputs[rows]


def _shares(
    groups: NDArray[np.int64],
    labels: NDArray[np.int64],
    names: Sequence[object],
    classes: tuple[str, ...],
) -> NDArray[np.float64]:
    """(groups, labels) share of the rows (n,) in each cell.

    The rows are those of train with its early-stopping rows, or those of tune where train is
    skewed on purpose.
    """
    table = np.zeros((len(names), len(classes)))
    np.add.at(table, (groups, labels), 1.0)
    return np.asarray(table / len(labels))


def _table(
    data: FairData, groups: NDArray[np.int64], rows: NDArray[np.int64], n_groups: int
) -> NDArray[np.int64]:
    """(groups, labels) how many of `rows` fall into each cell."""
    n_classes = len(data.classes)
    cells = groups[rows] * n_classes + data.labels[rows]
    return np.bincount(cells, minlength=n_groups * n_classes).reshape(n_groups, n_classes)


def _part(
    data: FairData,
    rows: NDArray[np.int64],
    groups: NDArray[np.int64],
    encoder: Encoder,
    rare: int | None = None,
) -> Part:
    """Balanced by weights where `rare` is given (see `balance_weights`)."""
    cells = groups[rows] * len(data.classes) + data.labels[rows]
    return Part(
        inputs=encoder.stored(_take(data.inputs, rows)),
        labels=data.labels[rows],
        crossing=data.crossing[rows],
        groups=groups[rows],
        units=data.unit_of_row[rows],
        weights=(
            np.ones(len(rows), dtype=np.float32) if rare is None else balance_weights(cells, rare)
        ),
        rows=rows,
    )


def _balance_notes(data: FairData, chosen: _Chosen) -> list[str]:
    """How many rows of debias were left out to balance it, and what weights make up for."""
    rows, names = chosen.splits["debias"], chosen.resolved.names
    counts = _table(data, chosen.groups, rows, len(names))
    exists = _existing(data, chosen.groups, len(names))
    smallest = counts[exists].min()
    notes = []
    if chosen.uncapped > len(rows):
        notes.append(
            f"debias: {chosen.uncapped - len(rows)} of {chosen.uncapped} rows of its large cells "
            f"are not used, so that no cell has more than {counts.max()}"
        )
    if counts.max() > smallest:
        group, label = np.argwhere(exists & (counts == smallest))[0]
        made_up = "weights make up for the difference" if smallest else "nothing makes up for that"
        notes.append(
            f"debias: its rarest cell ({names[group]}, {data.classes[label]}) has "
            f"{smallest} rows, its largest {counts.max()}; {made_up}"
        )
    return notes


def _existing(data: FairData, groups: NDArray[np.int64], n_groups: int) -> NDArray[np.bool_]:
    """(groups, labels) the cells with rows anywhere: where groups are labels, others cannot be."""
    return _table(data, groups, np.flatnonzero(groups >= 0), n_groups) > 0


def _train_notes(
    data: FairData, chosen: _Chosen, counts: NDArray[np.int64], min_cell: int
) -> list[str]:
    """Which cells of train are small: nothing is done about them."""
    names = chosen.resolved.names
    exists = _existing(data, chosen.groups, len(names))
    small = ", ".join(
        f"({names[group]}, {data.classes[label]}) {counts[group, label]}"
        for group, label in np.argwhere(exists & (counts < min_cell))
    )
    return [f"train: cells with fewer than {min_cell} rows: {small}"] if small else []


def _unseen_notes(data: FairData, encoder: Encoder) -> list[str]:
    return [
        f"{column}: values that train does not have are encoded as zeros: {counted(values)}"
        for column, values in encoder.unseen(data.inputs).items()
    ]


def _row_hash(data: FairData, rows: NDArray[np.int64]) -> str:
    """Depends on inputs, labels and attributes of the rows and on nothing else."""
    digest = hashlib.sha256()
    if is_frame(data.inputs):
        taken = data.inputs.iloc[rows]
        digest.update("\x1f".join(map(str, taken.columns)).encode())
        hashed = pd.util.hash_pandas_object(taken, index=False).to_numpy()
        digest.update(hashed.tobytes())
    else:
        for first in range(0, len(rows), _AT_ONCE):  # images of a split may fill the memory
            digest.update(data.inputs[rows[first : first + _AT_ONCE]].tobytes())
    digest.update(data.labels[rows].tobytes())
    for name, attribute in data.attributes.items():
        digest.update(f"{name}\x1f{attribute.names}".encode())
        digest.update(attribute.values[rows].tobytes())
    return digest.hexdigest()

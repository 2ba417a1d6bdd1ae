"""Drawing splits: stratified, disjoint, and never separating the rows of a unit.

debias is balanced over group x label: rows of large cells are left out, weights do the rest.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from trainables.data import SPLITS
from trainables.data.fair_data import FairData
from trainables.names import known_names

CAP = 3  # a cell of debias may keep this many times the rows of the rarest one
MEAN_SHARE = 0.5  # and, however rare that is, this share of the mean size of the cells
HEAVIEST = 10.0  # what a row of a very rare cell weighs at most; the mean is 1


def cap_cells(cells: NDArray[np.int64], generator: np.random.Generator) -> NDArray[np.int64]:
    """Sorted positions of the rows to keep so that no cell is too large.

    `cells` (n,) is the cell of each row.
    """
    present, counts = np.unique(cells, return_counts=True)
    cap = max(CAP * int(counts.min()), round(MEAN_SHARE * len(cells) / len(present)))
    order = np.lexsort((generator.random(len(cells)), cells))
    ordered = cells[order]
    rank = np.arange(len(cells)) - np.searchsorted(ordered, ordered)  # inside the cell
    return np.sort(order[rank < cap])


def balance_weights(cells: NDArray[np.int64], rare: int = 0) -> NDArray[np.float32]:
    """(n,) weights of mean 1 that give each cell present the same total.

    Where a cell has fewer than `rare` rows, these get at most HEAVIEST before the mean is made 1
    again: a row or two that stand for a whole cell would drown all others.
    """
    _, cell, counts = np.unique(cells, return_inverse=True, return_counts=True)
    weights = len(cells) / (len(counts) * counts)
    too_heavy = (counts < rare) & (weights > HEAVIEST)
    if not too_heavy.any():
        return np.asarray(weights[cell], dtype=np.float32)
    capped = np.where(too_heavy, HEAVIEST, weights)[cell]
    return np.asarray(capped / capped.mean(), dtype=np.float32)


FRACTIONS = {"train": 0.5, "debias": 0.15, "tune": 0.15, "test": 0.2}
FRACTIONS_BESIDE_TEST = {"train": 0.7, "debias": 0.15, "tune": 0.15}  # test is fixed by the data
EARLY_STOP = 0.1  # of train
HELD_BACK = 0.3  # of debias
HELD_BACK_AT_MOST = 0.5  # of a cell of debias that would be too small otherwise


def apportion(
    strata: NDArray[np.int64], fractions: Mapping[str, float], generator: np.random.Generator
) -> NDArray[np.int64]:
    """(n,) index into `fractions` for each of n units with the given strata `(n,)`.

    Units are shuffled inside their stratum. Then they are dealt out in the order of the strata,
    each to the share that is furthest behind. So every stratum, every run of neighbouring strata
    and the whole get their fractions up to rounding.
    """
    order = np.lexsort((generator.random(len(strata)), strata))
    shares = np.array(list(fractions.values()), dtype=np.float64)
    behind = np.zeros(len(shares))
    owner = np.empty(len(strata), dtype=np.int64)
    for unit in order:
        behind += shares
        ahead = int(behind.argmax())
        behind[ahead] -= 1.0
        owner[unit] = ahead
    return owner


def divide(
    data: FairData,
    rows: NDArray[np.int64],
    fractions: Mapping[str, float],
    generator: np.random.Generator,
) -> dict[str, NDArray[np.int64]]:
    """Divides `rows` (k,) of the data by `fractions`; the parts are sorted row numbers.

    Strata are label x finest crossing of the attributes. So the split is stratified for any
    grouping that an experiment compares, and the same for all of them. A unit counts by the label
    of its first row and by the smallest and largest crossing among its rows.
    """
    _, first, unit = np.unique(data.unit_of_row[rows], return_index=True, return_inverse=True)
    crossing = data.crossing[rows]
    low = np.full(len(first), crossing.max(initial=0))
    np.minimum.at(low, unit, crossing)
    high = np.zeros(len(first), dtype=np.int64)
    np.maximum.at(high, unit, crossing)
    keys = np.stack([data.labels[rows][first], low, high], axis=1)
    _, strata = np.unique(keys, axis=0, return_inverse=True)
    owner = apportion(strata.reshape(-1), fractions, generator)[unit]
    return {name: np.sort(rows[owner == index]) for index, name in enumerate(fractions)}


def draw_splits(
    data: FairData, *, split_seed: int, fractions: Mapping[str, float] | None = None
) -> dict[str, NDArray[np.int64]]:
    """Row numbers of train, early_stop, debias, tune and test.

    What the data set fixes stays; the rest is drawn by `fractions`, else the data set's own, else
    the defaults. early_stop is then carved from train.
    """
    fixed = dict(data.splits or {})
    wanted = resolve_fractions(data, fractions)
    splits = dict(fixed)
    if wanted:
        free = np.ones(len(data), dtype=bool)
        for rows in fixed.values():
            free[rows] = False
        splits |= divide(data, np.flatnonzero(free), wanted, stream(split_seed, "splits"))
    shares = {"train": 1 - EARLY_STOP, "early_stop": EARLY_STOP}
    splits |= divide(data, splits["train"], shares, stream(split_seed, "early_stop"))
    for name, rows in splits.items():
        if not len(rows):
            raise ValueError(
                f"{data.name}: split {name!r} must have rows, got none of {len(data)}"
            )
    return splits


def hold_back(
    data: FairData,
    rows: NDArray[np.int64],
    cells: NDArray[np.int64],
    *,
    split_seed: int,
    min_cell: int,
) -> dict[str, NDArray[np.int64]]:
    """Divides debias in two: what methods learn from, and held_back.

    `rows` are those of debias, `cells` (n,) the cell of each row of the data (its group, where
    only groups must be large). held_back gets 30 % of each cell. Where that is under `min_cell` it
    gets as much as is needed, up to half of the cell, so that a group is not lost for want of a
    few rows. A unit goes by the cell of its first row.
    """
    _, first, unit = np.unique(data.unit_of_row[rows], return_index=True, return_inverse=True)
    counts = np.bincount(cells[rows])
    needed = np.minimum((min_cell + 1) / np.maximum(counts, 1), HELD_BACK_AT_MOST)
    share = np.maximum(needed, HELD_BACK)[cells[rows][first][unit]]
    parts: dict[str, list[NDArray[np.int64]]] = {"debias": [], "held_back": []}
    for index, held in enumerate(np.unique(share)):
        generator = stream(split_seed, "held_back", index)
        shares = {"debias": 1 - float(held), "held_back": float(held)}
        for name, taken in divide(data, rows[share == held], shares, generator).items():
            parts[name].append(taken)
    return {name: np.sort(np.concatenate(taken)) for name, taken in parts.items()}


def resolve_fractions(
    data: FairData, fractions: Mapping[str, float] | None = None
) -> dict[str, float]:
    """The shares of the splits that are to be drawn; they sum to 1, or are empty."""
    fixed = set(data.splits or {})
    default = FRACTIONS_BESIDE_TEST if fixed == {"test"} else FRACTIONS
    chosen = dict(fractions or data.fractions or default)
    for name, share in chosen.items():
        if name not in SPLITS:
            raise ValueError(f"fractions: unknown split {name!r}; {known_names(name, SPLITS)}")
        if fractions is not None and name in fixed:
            raise ValueError(
                f"fractions: {data.name} fixes {name!r}, so it cannot be set, got {share}"
            )
        if not 0 < share <= 1:
            raise ValueError(f"fractions: {name} must lie in (0, 1], got {share}")
    needed = [name for name in SPLITS if name not in fixed]
    absent = [name for name in needed if name not in chosen]
    if absent:
        raise ValueError(f"fractions: must name {', '.join(needed)}, got none for {absent}")
    total = sum(chosen[name] for name in needed)
    if fractions is not None and abs(total - 1) > 1e-6:
        raise ValueError(f"fractions: must sum to 1, got {total:g}")
    return {name: chosen[name] / total for name in needed}


def stream(split_seed: int, purpose: str, index: int = 0) -> np.random.Generator:
    """The generator for one purpose; streams of different purposes do not depend on each other."""
    if split_seed < 0:
        raise ValueError(f"split_seed: must be 0 or more, got {split_seed}")
    return np.random.default_rng([split_seed, index, *purpose.encode()])

"""Drawing splits: stratified, disjoint, and never separating the rows of a unit."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from trainables.data.fair_data import SPLITS, FairData
from trainables.data.naming import nearest

FRACTIONS = {"train": 0.5, "debias": 0.15, "tune": 0.15, "test": 0.2}
FRACTIONS_BESIDE_TEST = {"train": 0.7, "debias": 0.15, "tune": 0.15}  # test is fixed by the data
EARLY_STOP = 0.1  # of train
HELD_BACK = 0.3  # of debias


def apportion(
    strata: NDArray[np.int64], fractions: Mapping[str, float], generator: np.random.Generator
) -> NDArray[np.int64]:
    """(n,) index into `fractions` for each of n units with the given strata `(n,)`.

    Units are shuffled inside their stratum and dealt out in the order of the strata, each to the
    share that is furthest behind. So every stratum, every run of neighbouring strata and the
    whole get their fractions up to rounding.
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

    Strata are label x finest crossing of the attributes, so that the split is the same, and
    stratified, whichever grouping an experiment compares. A unit counts by its first label and
    by the smallest and largest crossing among its rows.
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
    """Row numbers of train, early_stop, debias, held_back, tune and test.

    What the data set fixes stays; the rest is drawn by `fractions`, else the data set's own, else
    the defaults. early_stop is then carved from train and held_back from debias.
    """
    fixed = dict(data.splits or {})
    wanted = resolve_fractions(data, fractions)
    splits = dict(fixed)
    if wanted:
        free = np.ones(len(data), dtype=bool)
        for rows in fixed.values():
            free[rows] = False
        splits |= divide(data, np.flatnonzero(free), wanted, _generator(split_seed, 0))
    for stream, (source, carved, share) in enumerate(
        [("train", "early_stop", EARLY_STOP), ("debias", "held_back", HELD_BACK)], start=1
    ):
        splits |= divide(
            data,
            splits[source],
            {source: 1 - share, carved: share},
            _generator(split_seed, stream),
        )
    for name, rows in splits.items():
        if not len(rows):
            raise ValueError(
                f"{data.name}: split {name!r} must have rows, got none of {len(data)}"
            )
    return splits


def resolve_fractions(
    data: FairData, fractions: Mapping[str, float] | None = None
) -> dict[str, float]:
    """The shares of the splits that are to be drawn; they sum to 1, or are empty."""
    fixed = set(data.splits or {})
    default = FRACTIONS_BESIDE_TEST if fixed == {"test"} else FRACTIONS
    chosen = dict(fractions or data.fractions or default)
    for name, share in chosen.items():
        if name not in SPLITS:
            raise ValueError(f"fractions: unknown split {name!r}; {nearest(name, SPLITS)}")
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


def _generator(split_seed: int, stream: int) -> np.random.Generator:
    if split_seed < 0:
        raise ValueError(f"split_seed: must be 0 or more, got {split_seed}")
    return np.random.default_rng([split_seed, stream])

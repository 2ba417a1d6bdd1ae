"""What a data set is made of, as loaded: how many rows, of which groups, of which classes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from trainables.data.fair_data import FairData


@dataclass(frozen=True)
class Composition:
    """Counts of rows before any split, in the order in which the data name groups and classes."""

    name: str
    rows: int
    groups: dict[str, dict[str, int]]  # attribute -> value -> rows
    classes: dict[str, int]  # of the task -> rows


def composition(data: FairData) -> Composition:
    """Table 1 of Lin, Kim, Joo, "FairGRAPE", ECCV 2022, for data as they were loaded.

    A value or class that no row has counts 0.
    """
    return Composition(
        data.name,
        len(data),
        {
            name: _counts(attribute.values, attribute.names)
            for name, attribute in data.attributes.items()
        },
        _counts(data.labels, data.classes),
    )


def _counts(indices: NDArray[np.int64], names: tuple[str, ...]) -> dict[str, int]:
    counts = np.bincount(indices, minlength=len(names))
    return dict(zip(names, map(int, counts), strict=True))

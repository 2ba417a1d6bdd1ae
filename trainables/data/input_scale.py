"""The scales that the numbers of a network's inputs may have."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

# One number for all, one per channel (or feature) of an array, or a table's columns by name.
PerColumn = float | Sequence[float] | Mapping[str, float]


@dataclass(frozen=True)
class MeanAndStd:
    """What is subtracted, and what is divided by then.

    In the units of the data; for uint8 images in those of pixels divided by 255, as torchvision's
    `Normalize` after `ToTensor`.
    """

    mean: PerColumn
    std: PerColumn


# "standardised": by mean and standard deviation of train, each channel or column; "raw": as they
# are; "0..1": uint8 divided by 255, other numbers by the smallest and largest value of train.
InputScale = Literal["standardised", "raw", "0..1"] | MeanAndStd

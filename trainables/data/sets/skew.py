"""Skewed colour/grey image sets by the protocol of CIFAR-10S.

Wang et al., "Towards Fairness in Visual Recognition: Effective Strategies for Bias Mitigation",
CVPR 2020 (arXiv:1911.11834), section 3: half of the classes are shown mostly in colour in
training, the others mostly in grey; evaluation shows every image in both domains.
"""

from __future__ import annotations

from collections.abc import Mapping, Set
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from trainables.data.fair_data import Attribute, FairData

DOMAINS = ("grey", "colour")
GREY, COLOUR = 0, 1


@dataclass(frozen=True, eq=False)
class SplitImages:
    """Colour images `(n, 3, height, width)` uint8 with their labels and splits."""

    pixels: NDArray[np.uint8]
    labels: NDArray[np.int64]  # (n,)
    splits: Mapping[str, NDArray[np.int64]]  # image numbers of train, debias, tune, test


def to_grey(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Grey copies of `(n, 3, h, w)` colour images: PIL's "L" in all three channels."""
    n, channels, height, width = pixels.shape
    tall = np.ascontiguousarray(pixels.transpose(0, 2, 3, 1)).reshape(n * height, width, channels)
    grey = np.asarray(Image.fromarray(tall).convert("L")).reshape(n, 1, height, width)
    return np.repeat(grey, channels, axis=1)


def skewed_domains(
    labels: NDArray[np.int64],
    colour_classes: Set[int],
    skew: float,
    generator: np.random.Generator,
) -> NDArray[np.int64]:
    """(n,) the domain of each training image: a share `skew` of each class in its majority one."""
    if not 0.5 <= skew <= 1:
        raise ValueError(f"skew: must lie in [0.5, 1], got {skew}")
    domains = np.empty(len(labels), dtype=np.int64)
    for label in np.unique(labels):
        majority = COLOUR if int(label) in colour_classes else GREY
        members = generator.permutation(np.flatnonzero(labels == label))
        cut = round(skew * len(members))
        domains[members[:cut]] = majority
        domains[members[cut:]] = 1 - majority
    return domains


def skewed_data(
    name: str,
    images: SplitImages,
    *,
    classes: tuple[str, ...],
    colour_classes: Set[int],
    skew: float,
    generator: np.random.Generator,
    **options: Any,
) -> FairData:
    """Train images once, in the domain that `skew` gives them; all others in both domains.

    The two copies of an image are one unit. `options` go to FairData.
    """
    train = images.splits["train"]
    domains = skewed_domains(images.labels[train], colour_classes, skew, generator)
    image, domain, splits = [train], [domains], {"train": np.arange(len(train), dtype=np.int64)}
    start = len(train)
    for split in ("debias", "tune", "test"):
        members = images.splits[split]
        image.append(np.repeat(members, 2))
        domain.append(np.tile(np.array([GREY, COLOUR], dtype=np.int64), len(members)))
        splits[split] = np.arange(start, start + 2 * len(members), dtype=np.int64)
        start += 2 * len(members)
    images_of_row, domain_of_row = np.concatenate(image), np.concatenate(domain)
    inputs = images.pixels[images_of_row]
    grey = domain_of_row == GREY
    inputs[grey] = to_grey(inputs[grey])
    return FairData(
        name=name,
        inputs=inputs,
        labels=images.labels[images_of_row],
        classes=classes,
        attributes={"domain": Attribute(domain_of_row, DOMAINS)},
        units=images_of_row,
        splits=splits,
        skewed_train=True,
        **options,
    )

"""CelebA: aligned faces with 40 attributes; one of them is predicted, others are groups.

Z. Liu, P. Luo, X. Wang, X. Tang, "Deep Learning Face Attributes in the Wild", ICCV 2015
(arXiv:1411.7766). Sizes as in Savani, White, Govindarajulu, NeurIPS 2020, and Zhang, Gao, Huang,
ECCV 2022: 40,000 images of the training part, of which 60 % train the dense net, and 10,000 of the
test part. Their skin tones come from a Fitzpatrick classifier; images that it calls neither dark
nor light with a score above .7 are left out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from trainables.data.fair_data import Attribute, FairData
from trainables.data.sets.faces.images import FaceImages
from trainables.data.sets.folder import (
    check_counts,
    data_folder,
    find_either,
    find_file,
    reading,
)
from trainables.data.sets.official import CELEBA as SOURCE
from trainables.data.sets.official import CELEBA_ATTRIBUTES as ATTRIBUTES
from trainables.data.sets.official import CELEBA_IMAGES as IMAGES
from trainables.data.sets.official import CELEBA_PARTITION as PARTITION
from trainables.data.splits import stream
from trainables.names import known_names

SKIN_SOURCE = "https://github.com/abacusai/intraprocessing_debiasing"
SKIN = {"dark": "celeba/fitz_dark.npy", "light": "celeba/fitz_light.npy"}
PARTS = {"training": 162_770, "validation": 19_867, "test": 19_962}  # 0, 1, 2 in the file
N_ATTRIBUTES = 40
SIZE = (178, 218)  # width and height of the aligned images, pixels
CLEAR = 0.7  # a skin tone counts where its score is above this
FRACTIONS = {"train": 0.6, "debias": 0.2, "tune": 0.2}  # of the images of the training part
GROUPS = {"Male": ("Female", "Male")}  # others: "not Young", "Young"


def load(
    *,
    target: str = "Young",
    groups: Sequence[str] = ("Male",),
    skin: bool = False,
    images: int | None = 40_000,
    test_images: int | None = 10_000,
    size: int = 64,
    official: bool = True,
    split_seed: int = 0,
    folder: Path | None = None,
) -> FairData:
    """Inputs uint8 (rows, 3, size, size), mapped from a file: the middle square, made smaller.

    `target` and `groups` are any of the 40 attributes. `skin` adds the attribute `skin` (dark = 0,
    light = 1) from fitz_dark.npy and fitz_light.npy, a score in [0, 1] for each image in the order
    of the attributes' file. At most `images` of the training part and `test_images` of the test
    part are drawn; None takes all. `official=False` is for a smaller set in the same format.
    """
    _check_sizes(images, test_images, size)
    table = _read(folder, official=official)
    _check_names(table.attributes, target, groups)
    usable, tones = _skin(table, folder) if skin else (np.ones(len(table), dtype=bool), None)
    generator = stream(split_seed, "celeba")
    parts = table.partition
    training = _draw(np.flatnonzero(usable & (parts == 0)), images, generator)
    test = _draw(np.flatnonzero(usable & (parts == 2)), test_images, generator)
    rows = np.concatenate([training, test])
    chosen = table.attributes.iloc[rows]
    attributes = {
        name: Attribute((chosen[name] == 1).to_numpy().astype(np.int64), _names(name))
        for name in groups
    }
    if tones is not None:
        attributes["skin"] = Attribute(tones[rows], tuple(SKIN))
    faces = FaceImages(
        "celeba",
        find_either("celeba", IMAGES, SOURCE, folder),
        beside=(folder or data_folder()) / "celeba",
        official=SIZE if official else None,
    )
    return FairData(
        name="celeba",
        inputs=faces.pixels(list(chosen.index), size),
        labels=(chosen[target] == 1).to_numpy().astype(np.int64),
        classes=_names(target),
        attributes=attributes,
        splits={"test": np.arange(len(training), len(rows))},
        fractions=FRACTIONS,
        augment=True,
        notes=_notes(table, usable, training, test),
    )


@dataclass(frozen=True, eq=False)
class _Table:
    """What the official text files say of every image."""

    attributes: pd.DataFrame  # (n, 40) of 1 and -1, by file name
    partition: NDArray[np.int64]  # (n,) 0 training, 1 validation, 2 test

    def __len__(self) -> int:
        return len(self.attributes)


def _read(folder: Path | None, *, official: bool) -> _Table:
    path = find_file("celeba", ATTRIBUTES, SOURCE, folder, download=False)
    with reading("celeba", path), path.open(encoding="utf-8") as file:
        announced, names = file.readline().strip(), file.readline().split()
    if not announced.isdigit() or not names:
        raise ValueError(
            f"celeba: {path} must begin with the number of images and a line of names, "
            f"got {announced[:40]!r}"
        )
    with reading("celeba", path):
        attributes = pd.read_csv(path, sep=r"\s+", skiprows=1)
    if len(attributes) != int(announced) or not attributes.isin([-1, 1]).all(axis=None):
        raise ValueError(
            f"celeba: {path} must hold 1 or -1 for each attribute of {announced} images, "
            f"got {len(attributes)} rows"
        )
    path = find_file("celeba", PARTITION, SOURCE, folder, download=False)
    with reading("celeba", path):
        partition = pd.read_csv(path, sep=r"\s+", header=None, index_col=0)
    if list(partition.index) != list(attributes.index) or partition.shape[1] != 1:
        raise ValueError(f"celeba: {path} must list the same images as {ATTRIBUTES}, got others")
    values = partition[1].to_numpy().astype(np.int64)
    if official:
        sizes = np.bincount(values, minlength=3)
        counts = dict(zip(PARTS, map(int, sizes), strict=False))
        check_counts("celeba", "images of each part", PARTS, counts)
        check_counts("celeba", "columns", {"attributes": N_ATTRIBUTES}, {"attributes": len(names)})
    return _Table(attributes, values)


def _check_sizes(images: int | None, test_images: int | None, size: int) -> None:
    for name, value, least in (
        ("images", images, 100),
        ("test_images", test_images, 1),
        ("size", size, 8),
    ):
        if value is not None and value < least:
            raise ValueError(f"celeba: {name} must be at least {least}, got {value}")


def _check_names(attributes: pd.DataFrame, target: str, groups: Sequence[str]) -> None:
    known = [str(name) for name in attributes.columns]
    if isinstance(groups, str):
        raise ValueError(f"celeba: groups must be a list of attributes, got {groups!r}")
    for role, name in (("target", target), *(("group", group) for group in groups)):
        if name not in known:
            raise ValueError(f"celeba: unknown {role} {name!r}; {known_names(name, known)}")
    if target in groups:
        raise ValueError(f"celeba: the target must not be one of the groups, got {target!r}")


def _names(attribute: str) -> tuple[str, str]:
    """The names of the values 0 and 1 of an attribute."""
    return GROUPS.get(attribute, (f"not {attribute}", attribute))


def _skin(table: _Table, folder: Path | None) -> tuple[NDArray[np.bool_], NDArray[np.int64]]:
    """(n,) which images have a clear tone, and (n,) 1 where it is light."""
    scores = [_scores(relative, len(table), folder) for relative in SKIN.values()]
    dark, light = scores
    return np.maximum(dark, light) > CLEAR, (light > dark).astype(np.int64)


def _scores(relative: str, n: int, folder: Path | None) -> NDArray[np.float64]:
    path = find_file("celeba", relative, SKIN_SOURCE, folder, download=False)
    scores = np.load(path, allow_pickle=False)
    if scores.shape != (n,) or not ((scores >= 0) & (scores <= 1)).all():
        raise ValueError(
            f"celeba: {path} must hold a score in [0, 1] for each of {n} images, "
            f"got shape {scores.shape}"
        )
    return np.asarray(scores, dtype=np.float64)


def _draw(
    rows: NDArray[np.int64], at_most: int | None, generator: np.random.Generator
) -> NDArray[np.int64]:
    """At most `at_most` of the rows, in their order."""
    if at_most is None or at_most >= len(rows):
        return rows
    return np.sort(generator.permutation(rows)[:at_most])


def _notes(
    table: _Table,
    usable: NDArray[np.bool_],
    training: NDArray[np.int64],
    test: NDArray[np.int64],
) -> tuple[str, ...]:
    sizes: Mapping[str, int] = {
        name: int((table.partition == part).sum()) for part, name in enumerate(PARTS)
    }
    used = (
        f"celeba: {len(training):,} of {sizes['training']:,} training and {len(test):,} of "
        f"{sizes['test']:,} test images are used"
    )
    if usable.all():
        return (used,)
    unclear = f"celeba: {int((~usable).sum()):,} of {len(table):,} images have no clear skin tone"
    return used, unclear

"""CIFAR-10S: CIFAR-10 with half of its classes mostly in colour, the other half mostly in grey.

Z. Wang et al., "Towards Fairness in Visual Recognition: Effective Strategies for Bias
Mitigation", CVPR 2020 (arXiv:1911.11834), on A. Krizhevsky, "Learning Multiple Layers of Features
from Tiny Images", 2009. Automobile, cat, dog, horse and truck are the colour-majority classes;
grey is PIL's "L" in all three channels. debias and tune, which the paper does not have, are a
tenth of the training images each, shown like the test images in both domains.
"""

from __future__ import annotations

import io
import pickle
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from trainables.data.fair_data import FairData
from trainables.data.sets.folder import check_counts, check_sha256, find_file
from trainables.data.sets.official import CIFAR10 as SOURCE
from trainables.data.sets.skew import SplitImages, skewed_data
from trainables.data.splits import apportion, stream
from trainables.names import known_names

CHECKSUMS = {  # sha256
    "cifar-10-batches-py/data_batch_1": (
        "54636561a3ce25bd3e19253c6b0d8538147b0ae398331ac4a2d86c6d987368cd"
    ),
    "cifar-10-batches-py/data_batch_2": (
        "766b2cef9fbc745cf056b3152224f7cf77163b330ea9a15f9392beb8b89bc5a8"
    ),
    "cifar-10-batches-py/data_batch_3": (
        "0f00d98ebfb30b3ec0ad19f9756dc2630b89003e10525f5e148445e82aa6a1f9"
    ),
    "cifar-10-batches-py/data_batch_4": (
        "3f7bb240661948b8f4d53e36ec720d8306f5668bd0071dcb4e6c947f78e9682b"
    ),
    "cifar-10-batches-py/data_batch_5": (
        "d91802434d8376bbaeeadf58a737e3a1b12ac839077e931237e0dcd43adcb154"
    ),
    "cifar-10-batches-py/test_batch": (
        "f53d8d457504f7cff4ea9e021afcf0e0ad8e24a91f3fc42091b8adef61157831"
    ),
}
CLASSES = (
    "airplane",
    "automobile",
    "bird",
    "cat",
    "deer",
    "dog",
    "frog",
    "horse",
    "ship",
    "truck",
)
COLOUR = frozenset(CLASSES.index(c) for c in ("automobile", "cat", "dog", "horse", "truck"))
ANIMALS = frozenset(CLASSES.index(c) for c in ("bird", "cat", "deer", "dog", "frog", "horse"))
SHARES = {"train": 0.8, "debias": 0.1, "tune": 0.1}  # of the training images
PER_CLASS = {"training": 5_000, "test": 1_000}
SIDE = 32  # pixels
Target = Literal["class", "animal"]


def load(
    *,
    skew: float = 0.95,
    target: Target = "class",
    images: int | None = None,
    split_seed: int = 0,
    folder: Path | None = None,
) -> FairData:
    """Inputs uint8 (rows, 3, 32, 32); attribute `domain` with grey = 0 and colour = 1.

    `target="animal"` is the binary task animal or vehicle. Its skew follows the target: animals
    are mostly in colour and vehicles mostly in grey. By the classes' own skew half of both would
    be in colour, and nothing would be biased. `images` takes that many of the 50,000 training
    images, and the same share of the test images, class by class.
    """
    if target not in get_args(Target):
        raise ValueError(
            f"cifar10s: unknown target {target!r}; {known_names(target, get_args(Target))}"
        )
    pixels, labels = _read(folder)
    n_training = len(CLASSES) * PER_CLASS["training"]
    generator = stream(split_seed, "cifar10s")
    training = _take(labels[:n_training], images, n_training, generator)
    test = _take(labels[n_training:], images, n_training, generator) + n_training
    owner = apportion(labels[training], SHARES, generator)
    splits = {name: training[owner == index] for index, name in enumerate(SHARES)}
    animal = target == "animal"
    return skewed_data(
        "cifar10s",
        SplitImages(
            pixels,
            np.isin(labels, list(ANIMALS)).astype(np.int64) if animal else labels,
            {**splits, "test": test},
        ),
        classes=("vehicle", "animal") if animal else CLASSES,
        colour_classes=frozenset({1}) if animal else COLOUR,
        skew=skew,
        generator=generator,
        augment=True,
    )


def _take(
    labels: NDArray[np.int64], images: int | None, of: int, generator: np.random.Generator
) -> NDArray[np.int64]:
    """Sorted image numbers: the share `images / of` of each class, all where None."""
    if images is None or images == of:
        return np.arange(len(labels), dtype=np.int64)
    if not 100 <= images <= of:
        raise ValueError(f"cifar10s: images must lie in 100..{of}, got {images}")
    shares = {"taken": images / of, "left": 1 - images / of}
    return np.flatnonzero(apportion(labels, shares, generator) == 0)


def _read(folder: Path | None) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """All 60,000 images and labels, training images first."""
    batches = []
    for name, checksum in CHECKSUMS.items():
        path = find_file("cifar10s", name, SOURCE, folder)
        check_sha256("cifar10s", path, checksum)
        batches.append(_unpickle(path))
    pixels = np.concatenate([batch[b"data"] for batch in batches]).reshape(-1, 3, SIDE, SIDE)
    labels = np.concatenate([batch[b"labels"] for batch in batches]).astype(np.int64)
    n_training = len(CLASSES) * PER_CLASS["training"]
    for part, of_part in (("training", labels[:n_training]), ("test", labels[n_training:])):
        counts = np.bincount(of_part, minlength=len(CLASSES))
        check_counts(
            "cifar10s",
            f"{part} images per class",
            dict.fromkeys(CLASSES, PER_CLASS[part]),
            dict(zip(CLASSES, map(int, counts), strict=False)),
        )
    return pixels, labels


class _ArrayUnpickler(pickle.Unpickler):
    """Reads lists, dicts, texts and numpy arrays: what an official batch is made of."""

    def find_class(self, module: str, name: str) -> Any:
        match module.replace("numpy.core", "numpy._core"), name:
            case "numpy._core.multiarray", "_reconstruct":
                return np._core.multiarray._reconstruct  # type: ignore[attr-defined]
            case "numpy", "ndarray":
                return np.ndarray
            case "numpy", "dtype":
                return lambda code, *_: np.dtype(code)  # numpy 2.4 refuses the old flags
        raise ValueError(f"cifar10s: a batch must hold arrays only, got {module}.{name}")


def _unpickle(path: Path) -> dict[bytes, Any]:
    """An official batch, after its checksum has been compared."""
    batch = _ArrayUnpickler(io.BytesIO(path.read_bytes()), encoding="bytes").load()
    return dict(batch)

"""The data sets by name, and how a named one is loaded."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from trainables.data.fair_data import FairData
from trainables.data.sets import adult, cifar10s, compas, digits
from trainables.data.sets.faces import celeba, fairface
from trainables.names import known_names

PRIVATE = ("folder", "split_seed")  # set by the caller, not in [data.args]


@dataclass(frozen=True)
class DataSet:
    """What is known of a data set before it is loaded."""

    load: Callable[..., FairData]  # keyword arguments only; its parameters are [data.args]
    summary: str
    source: str  # the official page
    files: tuple[str, ...] = ()  # needed, inside the data folder
    groups: tuple[str, ...] = ()  # names of its attributes
    folders: tuple[str, ...] = ()  # needed too
    either: tuple[str, ...] = ()  # one of these files or folders is needed too
    by_hand: bool = False  # its page gives the files to people only

    def missing(self, folder: Path) -> tuple[str, ...]:
        """What is still to be put into the data folder."""
        absent = [file for file in self.files if not (folder / file).is_file()]
        absent += [path for path in self.folders if not (folder / path).is_dir()]
        if self.either and not any((folder / path).exists() for path in self.either):
            absent.append(" or ".join(self.either))
        return tuple(absent)


DATASETS: dict[str, DataSet] = {
    "digits": DataSet(
        digits.load,
        "1,797 handwritten digits as a skewed colour/grey set of 8 x 8 images; no download",
        "https://archive.ics.uci.edu/dataset/80/optical+recognition+of+handwritten+digits",
        groups=("domain",),
    ),
    "adult": DataSet(
        adult.load,
        "45,222 people of the 1994 US census: income above 50,000 dollars?",
        adult.SOURCE,
        files=adult.FILES,
        groups=("sex", "race"),
    ),
    "compas": DataSet(
        compas.load,
        "6,167 defendants of Broward County: arrested again within two years?",
        compas.SOURCE,
        files=compas.FILES,
        groups=("sex", "race"),
    ),
    "cifar10s": DataSet(
        cifar10s.load,
        "60,000 photos of ten classes, half of them mostly in colour, the others mostly in grey",
        cifar10s.SOURCE,
        files=tuple(cifar10s.CHECKSUMS),
        groups=("domain",),
    ),
    "celeba": DataSet(
        celeba.load,
        "202,599 photos of faces with 40 attributes: one to predict, others as groups",
        celeba.SOURCE,
        files=(celeba.ATTRIBUTES, celeba.PARTITION),
        groups=("Male", "skin"),
        either=celeba.IMAGES,
        by_hand=True,
    ),
    "fairface": DataSet(
        fairface.load,
        "97,698 photos of faces: race, gender or age by races and genders (CC BY 4.0)",
        fairface.SOURCE,
        files=fairface.LABELS,
        groups=("gender", "race"),
        folders=fairface.IMAGES,
        by_hand=True,
    ),
}


def load_named(
    name: str, args: Mapping[str, Any] | None = None, *, split_seed: int = 0
) -> FairData:
    """The registered data set `name`, with `args` for its loader.

    `split_seed` goes to loaders that draw splits themselves. Raises ValueError for unknown names.
    """
    if name not in DATASETS:
        raise ValueError(f"data.name: unknown data set {name!r}; {known_names(name, DATASETS)}")
    load = DATASETS[name].load
    parameters = inspect.signature(load).parameters
    known = [parameter for parameter in parameters if parameter not in PRIVATE]
    for key in args or {}:
        if key not in known:
            raise ValueError(f"data.args: {name} takes no {key!r}; {known_names(key, known)}")
    seed = {"split_seed": split_seed} if "split_seed" in parameters else {}
    return load(**(args or {}), **seed)

"""The data sets by name, and how a named one is loaded."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from trainables.data.sets import official
from trainables.names import known_names

if TYPE_CHECKING:
    from trainables.data.fair_data import FairData

PRIVATE = ("folder", "split_seed")  # set by the caller, not in [data.args]


@dataclass(frozen=True)
class DataSet:
    """What is known of a data set before it is loaded."""

    module: str  # its `load` reads it; imported when it is asked for
    summary: str
    source: str  # the official page
    files: tuple[str, ...] = ()  # needed, inside the data folder
    groups: tuple[str, ...] = ()  # names of its attributes
    folders: tuple[str, ...] = ()  # needed too
    either: tuple[str, ...] = ()  # one of these files or folders is needed too
    by_hand: bool = False  # its page gives the files to people only

    @property
    def load(self) -> Callable[..., FairData]:
        """Takes keyword arguments only: its parameters are [data.args]."""
        load: Callable[..., FairData] = import_module(self.module).load
        return load

    def missing(self, folder: Path) -> tuple[str, ...]:
        """What is still to be put into the data folder."""
        absent = [file for file in self.files if not (folder / file).is_file()]
        absent += [path for path in self.folders if not (folder / path).is_dir()]
        if self.either and not any((folder / path).exists() for path in self.either):
            absent.append(" or ".join(self.either))
        return tuple(absent)


DATASETS: dict[str, DataSet] = {
    "digits": DataSet(
        "trainables.data.sets.digits",
        "1,797 handwritten digits as a skewed colour/grey set of 8 x 8 images; no download",
        "https://archive.ics.uci.edu/dataset/80/optical+recognition+of+handwritten+digits",
        groups=("domain",),
    ),
    "adult": DataSet(
        "trainables.data.sets.adult",
        "45,222 people of the 1994 US census: income above 50,000 dollars?",
        official.ADULT,
        files=official.ADULT_FILES,
        groups=("sex", "race"),
    ),
    "compas": DataSet(
        "trainables.data.sets.compas",
        "6,167 defendants of Broward County: arrested again within two years?",
        official.COMPAS,
        files=official.COMPAS_FILES,
        groups=("sex", "race"),
    ),
    "cifar10s": DataSet(
        "trainables.data.sets.cifar10s",
        "60,000 photos of ten classes, half of them mostly in colour, the others mostly in grey",
        official.CIFAR10,
        files=official.CIFAR10_FILES,
        groups=("domain",),
    ),
    "celeba": DataSet(
        "trainables.data.sets.faces.celeba",
        "202,599 photos of faces with 40 attributes: one to predict, others as groups",
        official.CELEBA,
        files=(official.CELEBA_ATTRIBUTES, official.CELEBA_PARTITION),
        groups=("Male", "skin"),
        either=official.CELEBA_IMAGES,
        by_hand=True,
    ),
    "fairface": DataSet(
        "trainables.data.sets.faces.fairface",
        "97,698 photos of faces: race, gender or age by races and genders (CC BY 4.0)",
        official.FAIRFACE,
        files=official.FAIRFACE_LABELS,
        groups=("gender", "race"),
        folders=official.FAIRFACE_IMAGES,
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

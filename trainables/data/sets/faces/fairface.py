"""FairFace: faces with gender, race and age; each may be predicted, gender and race are groups.

K. Karkkainen and J. Joo, "FairFace: Face Attribute Dataset for Balanced Race, Gender, and Age for
Bias Measurement and Mitigation", WACV 2021 (arXiv:1908.04913); the data are under CC BY 4.0. The
official training and validation images are pooled and split anew, as in Lin, Kim, Joo,
"FairGRAPE", ECCV 2022, section 4.2: 80 % to learn from (here 70 % train and 10 % debias), 10 % to
validate (tune) and 10 % to test.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from PIL import Image

from trainables.data.fair_data import Attribute, FairData
from trainables.data.grouping import Grouping
from trainables.data.sets.faces.images import FaceImages
from trainables.data.sets.folder import data_folder, find_either, find_file
from trainables.data.sets.official import FAIRFACE as SOURCE
from trainables.data.sets.official import FAIRFACE_IMAGES as IMAGES
from trainables.data.sets.official import FAIRFACE_LABELS as LABELS
from trainables.data.splits import apportion, stream
from trainables.names import known_names

FOLDER = "fairface"
PARTS = ("train", "val")
OFFICIAL = 97_698  # images of both parts
GENDERS = ("Female", "Male")
RACES = (  # in the order of Lin et al., named as in the files
    *("White", "Black", "Latino_Hispanic", "East Asian", "Southeast Asian", "Indian"),
    "Middle Eastern",
)
AGES = {  # in years: what a band begins with
    **{"0-2": 0, "3-9": 3, "10-19": 10, "20-29": 20, "30-39": 30, "40-49": 40, "50-59": 50},
    **{"60-69": 60, "more than 70": 70},
}
NAMES: Mapping[str, tuple[str, ...]] = {"age": tuple(AGES), "gender": GENDERS, "race": RACES}
TARGETS = ("race", "gender", "race*gender", *(f"age>={years}" for years in AGES.values() if years))
ASIAN = ("East Asian", "Southeast Asian")  # both together: "Asian"
SHARES = {  # images of each race in another set: Lin et al., table 1
    "utkface": {"White": 10_078, "Black": 4_526, "Asian": 3_434, "Indian": 3_975}
}
FRACTIONS = {"train": 0.7, "debias": 0.1, "tune": 0.1, "test": 0.1}


def load(
    *,
    target: str = "race",
    side: int = 112,
    images: int | None = None,
    thin: str | Mapping[str, float] | None = None,
    augment: bool = True,
    split_seed: int = 0,
    folder: Path | None = None,
) -> FairData:
    """Inputs uint8 (rows, 3, side, side), mapped from a file; attributes gender (2) and race (7).

    `target` is "race", "gender", both crossed ("race*gender": 14 classes, named as the groups of
    that crossing) or "age>=40": younger, or at least that old. An age is any that a band of the
    files begins with. With `thin` images are left out until races have given shares, for example
    {White: .7, Asian: .3}, where Asian is both East and Southeast Asian; races without a share are
    left out. "utkface" has the shares of that data set. `images` takes so many of what is left.
    Both draw by `split_seed` and keep the mix of genders and ages. `augment` says whether training
    images are cropped and mirrored. A smaller set in the official format will do.
    """
    _check_args(target, side, images)
    shares = _shares(thin)
    table = _read(folder)
    place = _images(folder)
    generator = stream(split_seed, "fairface")
    rows = np.arange(len(table), dtype=np.int64)
    if shares is not None:
        table["race"] = _merged(table["race"], shares)
        rows = _thinned(table, shares, generator)
    if images is not None and images < len(rows):
        rows = rows[_taken(table.iloc[rows], images / len(rows), generator)]
    chosen = table.iloc[rows]
    attributes = {
        "gender": Attribute.of("gender", chosen["gender"], GENDERS),
        "race": Attribute.of("race", chosen["race"], tuple(shares or RACES)),
    }
    labels, classes = _labels(target, attributes, chosen["age"])
    faces = FaceImages("fairface", place, beside=place)
    pixels = faces.pixels(list(table["file"]), side)  # of all: one file for every task
    return FairData(
        name="fairface",
        inputs=pixels if len(rows) == len(table) else pixels[rows],
        labels=labels,
        classes=classes,
        attributes=attributes,
        fractions=FRACTIONS,
        augment=augment,
        notes=_notes(len(rows), len(table), place / str(table["file"].iloc[0]), side),
    )


def _check_args(target: str, side: int, images: int | None) -> None:
    if target not in TARGETS:
        raise ValueError(f"fairface: unknown target {target!r}; {known_names(target, TARGETS)}")
    for name, value, least in (("side", side, 8), ("images", images, 100)):
        if value is not None and value < least:
            raise ValueError(f"fairface: {name} must be at least {least}, got {value}")


def _shares(thin: str | Mapping[str, float] | None) -> dict[str, float] | None:
    """By race, shares that sum to 1; None where nothing is to be left out."""
    if thin is None:
        return None
    if isinstance(thin, str):
        if thin not in SHARES:
            raise ValueError(f"fairface: unknown thin {thin!r}; {known_names(thin, SHARES)}")
        thin = SHARES[thin]
    known = (*RACES, "Asian")
    for race, share in thin.items():
        if race not in known:
            raise ValueError(
                f"fairface: thin has unknown race {race!r}; {known_names(race, known)}"
            )
        if not 0 < share < np.inf:
            raise ValueError(f"fairface: thin must give positive shares, got {race} = {share}")
    twice = [race for race in ASIAN if race in thin and "Asian" in thin]
    if twice or len(thin) < 2:
        raise ValueError(
            "fairface: thin must name at least two races, and either 'Asian' or its parts, "
            f"got {', '.join(thin) or 'none'}"
        )
    total = sum(thin.values())
    return {race: share / total for race, share in thin.items()}


def _read(folder: Path | None) -> pd.DataFrame:
    """Texts file, age, gender and race of each image, the training part first."""
    paths = [find_file("fairface", name, SOURCE, folder, download=False) for name in LABELS]
    tables = [_read_part(path, part) for path, part in zip(paths, PARTS, strict=True)]
    return pd.concat(tables, ignore_index=True)


def _read_part(path: Path, part: str) -> pd.DataFrame:
    try:
        table = pd.read_csv(path, dtype=str, keep_default_na=False)
    except ValueError as error:  # pandas' own errors, and text that is no UTF-8
        raise ValueError(f"fairface: {path} must be a table of texts, got {error}") from error
    absent = [column for column in ("file", *NAMES) if column not in table.columns]
    if absent:
        raise ValueError(
            f"fairface: {path} must have the columns file, age, gender, race, got none named "
            f"{', '.join(absent)}"
        )
    for column, names in NAMES.items():
        strange = sorted(set(table[column]) - set(names))
        if strange:
            rule = f"must be one of {', '.join(names)}"
            raise ValueError(f"fairface: {column} in {path} {rule}, got {strange[0]!r}")
    wrong = [file for file in table["file"] if not re.fullmatch(rf"{part}/[^/]+", file)]
    if wrong:
        raise ValueError(f"fairface: files in {path} must lie in {part}/, got {wrong[0]!r}")
    if table.empty or table["file"].duplicated().any():
        raise ValueError(
            f"fairface: {path} must list each image once, got {len(table)} rows of "
            f"{table['file'].nunique()} images"
        )
    return table[["file", *NAMES]]


def _images(folder: Path | None) -> Path:
    """Where the folders of both parts lie."""
    for part in IMAGES:
        find_either("fairface", (part,), SOURCE, folder)
    return (folder or data_folder()) / FOLDER


def _merged(races: pd.Series[str], shares: Mapping[str, float]) -> pd.Series[str]:
    return races.replace(dict.fromkeys(ASIAN, "Asian")) if "Asian" in shares else races


def _thinned(
    table: pd.DataFrame, shares: Mapping[str, float], generator: np.random.Generator
) -> NDArray[np.int64]:
    """Sorted row numbers of the most images that have these shares of races."""
    counts = {race: int((table["race"] == race).sum()) for race in shares}
    empty = [race for race, count in counts.items() if not count]
    if empty:
        raise ValueError(f"fairface: thin needs images of {empty[0]}, got none")
    total = min(counts[race] / share for race, share in shares.items())
    rows = []
    for race, share in shares.items():
        members = np.flatnonzero(table["race"] == race)
        rows.append(members[_taken(table.iloc[members], total * share / len(members), generator)])
    return np.sort(np.concatenate(rows))


def _taken(table: pd.DataFrame, share: float, generator: np.random.Generator) -> NDArray[np.int64]:
    """Sorted places of a share of the rows, of each race, gender and age alike."""
    strata = table.groupby(["race", "gender", "age"]).ngroup().to_numpy().astype(np.int64)
    taken = min(share, 1.0)  # above 1 by rounding
    return np.flatnonzero(apportion(strata, {"taken": taken, "left": 1 - taken}, generator) == 0)


def _labels(
    target: str, attributes: Mapping[str, Attribute], ages: pd.Series[str]
) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    """(n,) labels and the names of the classes."""
    if not target.startswith("age"):
        grouping = Grouping.parse(target)
        values = {name: attribute.names for name, attribute in attributes.items()}
        return grouping.groups(attributes), grouping.names(values)
    years = int(target.removeprefix("age>="))
    old = (ages.map(AGES) >= years).to_numpy()
    return old.astype(np.int64), (f"age<{years}", f"age>={years}")


def _notes(used: int, listed: int, example: Path, side: int) -> tuple[str, ...]:
    notes = []
    if listed != OFFICIAL:
        notes.append(f"fairface: {listed:,} of the {OFFICIAL:,} official images are here")
    if used != listed:
        notes.append(f"fairface: {used:,} of {listed:,} images are used")
    with Image.open(example) as image:
        smaller = min(image.size)
    if smaller < side:
        notes.append(f"fairface: images of {smaller} pixels a side are enlarged to {side}")
    return tuple(notes)

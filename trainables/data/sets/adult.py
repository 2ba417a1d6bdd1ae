"""Adult: does a person of the 1994 US census earn more than 50,000 dollars a year?

R. Kohavi and B. Becker, "Adult", UCI Machine Learning Repository, 1996. Preprocessing as in
AIF360 (Bellamy et al., arXiv:1810.01943) and in the tabular experiments of Savani et al.
(NeurIPS 2020) and Zhang et al. (ECCV 2022): train and test file joined, `fnlwgt` dropped, rows
with unknown values removed, sex and race (White or not) as 0/1 among the numbers.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from trainables.data.fair_data import Attribute, FairData
from trainables.data.sets.folder import check_counts, check_numbers, find_file, reading
from trainables.data.sets.official import ADULT as SOURCE
from trainables.data.sets.official import ADULT_FILES as FILES

COLUMNS = (
    *("age", "workclass", "fnlwgt", "education", "education-num", "marital-status", "occupation"),
    *("relationship", "race", "sex", "capital-gain", "capital-loss", "hours-per-week"),
    *("native-country", "income"),
)
NUMBERS = ["age", "education-num", "capital-gain", "capital-loss", "hours-per-week"]
UNKNOWN = "?"
CATEGORIES = {  # column: values that occur; 91 in all
    "workclass": 7,
    "education": 16,
    "marital-status": 7,
    "occupation": 14,
    "relationship": 6,
    "native-country": 41,
}
SEXES = ("Female", "Male")
RACES = ("Amer-Indian-Eskimo", "Asian-Pac-Islander", "Black", "Other", "White")
CLASSES = ("<=50K", ">50K")
ROWS = {"adult.data": 32_561, "adult.test": 16_281}
COMPLETE = {"<=50K": 34_014, ">50K": 11_208}  # 45,222 rows without unknown values


def load(*, folder: Path | None = None) -> FairData:
    """45,222 rows, 98 network inputs; attributes sex (2) and race (5), positive class >50K.

    Raises ValueError where rows, columns or classes are not those of the official files.
    """
    files = [_read(find_file("adult", name, SOURCE, folder)) for name in FILES]
    joined = pd.concat(files, ignore_index=True)
    complete = joined[(joined != UNKNOWN).all(axis=1)].reset_index(drop=True)
    check_counts("adult", "labels of the complete rows", COMPLETE, _counts(complete["income"]))
    inputs = complete[NUMBERS].astype(np.float64)
    inputs["sex"] = (complete["sex"] == "Male").astype(np.float64)
    inputs["race"] = (complete["race"] == "White").astype(np.float64)
    for column in CATEGORIES:
        inputs[column] = complete[column].astype("category")
    check_counts(
        "adult",
        "numbers of different values",
        CATEGORIES,
        {column: inputs[column].cat.categories.size for column in CATEGORIES},
    )
    return FairData(
        name="adult",
        inputs=inputs,
        labels=(complete["income"] == ">50K").to_numpy().astype(np.int64),
        classes=CLASSES,
        attributes={
            "sex": Attribute.of("sex", complete["sex"], SEXES),
            "race": Attribute.of("race", complete["race"], RACES),
        },
        notes=(f"adult: {len(joined) - len(complete)} rows with unknown values were removed",),
    )


def _read(path: Path) -> pd.DataFrame:
    """One official file: comma and space between values, no header, labels of test end in "."."""
    with reading("adult", path):
        lines = path.read_text("utf-8-sig").splitlines()
    rows = [
        [value.strip() for value in line.split(",")]
        for line in lines
        if line.strip() and not line.startswith("|")
    ]
    check_counts("adult", "rows", {path.name: ROWS[path.name]}, {path.name: len(rows)})
    uneven = next((n for n, row in enumerate(rows, 1) if len(row) != len(COLUMNS)), None)
    if uneven is not None:
        raise ValueError(
            f"adult: rows of {path.name} must have {len(COLUMNS)} columns, "
            f"got {len(rows[uneven - 1])} in row {uneven}"
        )
    frame = pd.DataFrame(rows, columns=COLUMNS, dtype="object")
    check_numbers("adult", path, frame, NUMBERS, UNKNOWN)
    frame["income"] = frame["income"].str.rstrip(".")
    return frame


def _counts(column: pd.Series[str]) -> dict[str, int]:
    return {str(value): int(n) for value, n in column.value_counts().items()}

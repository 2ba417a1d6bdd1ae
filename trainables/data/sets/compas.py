"""COMPAS: is a defendant of Broward County arrested again within two years?

J. Angwin, J. Larson, S. Mattu and L. Kirchner, "Machine Bias", ProPublica, 2016. Rows are chosen
as in ProPublica's analysis (7,214 -> 6,172), then five without a charge text are removed; columns
as in AIF360 (Bellamy et al., arXiv:1810.01943).

Label 1 is "recidivated". The unprivileged sex is Male, as in AIF360: men are arrested again more
often (48 % against 35 %) and are the ones a biased network wrongs, so `sex` is Male=0, Female=1.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from trainables.data.fair_data import Attribute, FairData
from trainables.data.sets.folder import check_counts, check_numbers, find_file, reading
from trainables.data.sets.official import COMPAS as SOURCE
from trainables.data.sets.official import COMPAS_FILES as FILES

NUMBERS = ["age", "juv_fel_count", "juv_misd_count", "juv_other_count", "priors_count"]
CATEGORIES = {"age_cat": 3, "c_charge_degree": 2, "c_charge_desc": 389}  # values that occur
CHOSEN_BY = ["days_b_screening_arrest", "is_recid", "score_text"]
SEXES = ("Male", "Female")
RACES = ("African-American", "Asian", "Caucasian", "Hispanic", "Native American", "Other")
CLASSES = ("did not recidivate", "recidivated")
LABEL = "two_year_recid"
FRACTIONS = {"train": 0.4, "debias": 0.2, "tune": 0.2, "test": 0.2}  # its cells are small


def load(*, folder: Path | None = None) -> FairData:
    """6,167 rows, 401 network inputs; attributes sex (2) and race (6).

    Raises ValueError where rows, columns or classes are not those of the official file.
    """
    path = find_file("compas", FILES[0], SOURCE, folder)
    with reading("compas", path):
        raw = pd.read_csv(path, dtype={"score_text": object}, keep_default_na=True)
    used = ["sex", "race", LABEL, *NUMBERS, *CATEGORIES]
    absent = [column for column in (*used, *CHOSEN_BY) if column not in raw.columns]
    if absent:
        raise ValueError(f"compas: {path.name} must have the columns {absent}, got none of them")
    check_numbers("compas", path, raw, (*NUMBERS, LABEL, *CHOSEN_BY[:2]))
    chosen = raw[
        (raw["days_b_screening_arrest"].abs() <= 30)
        & (raw["is_recid"] != -1)
        & (raw["c_charge_degree"] != "O")
        & raw["score_text"].notna()
        & (raw["score_text"] != "N/A")
    ]
    complete = chosen[used].dropna().reset_index(drop=True)
    check_counts(
        "compas",
        "rows",
        {"in the file": 7_214, "chosen": 6_172, "with a charge": 6_167, "recidivated": 2_809},
        {
            "in the file": len(raw),
            "chosen": len(chosen),
            "with a charge": len(complete),
            "recidivated": int((complete[LABEL] == 1).sum()),
        },
    )
    inputs = complete[NUMBERS].astype(np.float64)
    inputs["sex"] = (complete["sex"] == "Female").astype(np.float64)
    inputs["race"] = (complete["race"] == "Caucasian").astype(np.float64)
    for column in CATEGORIES:
        inputs[column] = complete[column].astype(object).astype("category")
    check_counts(
        "compas",
        "numbers of different values",
        CATEGORIES,
        {column: inputs[column].cat.categories.size for column in CATEGORIES},
    )
    return FairData(
        name="compas",
        inputs=inputs,
        labels=complete[LABEL].to_numpy().astype(np.int64),
        classes=CLASSES,
        attributes={
            "sex": Attribute.of("sex", complete["sex"], SEXES),
            "race": Attribute.of("race", complete["race"], RACES),
        },
        fractions=FRACTIONS,
        notes=(
            f"compas: {len(raw) - len(chosen)} of {len(raw)} rows were left out as by ProPublica, "
            f"{len(chosen) - len(complete)} more for want of a charge",
        ),
    )

"""Made-up tables of any size, as people bring them: numbers, categories, gaps, a group."""

from __future__ import annotations

import numpy as np
import pandas as pd

REGIONS = ("north", "east", "south", "west")
WORK = ("office", "craft", "trade", "farm", "care", "none")


def made_table(rows: int, seed: int = 0) -> pd.DataFrame:
    """One row per applicant: 13 columns, one of them "sex" and one the label "decision".

    The groups differ in what they earn and where they work, and past decisions favoured men beyond
    that, so that a network without any repair has an average odds difference of about .2. Its
    balanced accuracy is some .73: a good part of the label is chance.
    """
    draw = np.random.default_rng(seed)
    man = draw.random(rows) < 0.65
    age = draw.gamma(6.0, 6.0, rows).clip(18, 80)
    years = np.minimum(draw.gamma(2.0, 4.0, rows), age - 16)
    income = np.exp(draw.normal(7.4 + 0.25 * man + 0.004 * age, 0.5, rows))
    shares = np.where(
        man[:, None], [0.25, 0.3, 0.2, 0.1, 0.05, 0.1], [0.3, 0.05, 0.2, 0.05, 0.3, 0.1]
    )
    work = (draw.random(rows)[:, None] > shares.cumsum(1)[:, :-1]).sum(1)
    amount = np.exp(draw.normal(7.8, 0.8, rows))
    months = draw.choice([6, 12, 18, 24, 36, 48], rows, p=[0.1, 0.3, 0.15, 0.25, 0.15, 0.05])
    late = draw.poisson(0.6 + 0.2 * (work == WORK.index("none")), rows)
    savings = draw.gamma(0.7, 900.0, rows)
    region = draw.integers(0, len(REGIONS), rows)
    owner = draw.random(rows) < 1 / (1 + np.exp(-(age - 42) / 9))
    burden = amount / months / income
    merit = (
        0.7 * np.log(income)
        - 1.1 * np.log1p(3 * burden)
        - 0.7 * late
        + 0.25 * np.log1p(savings / 100)
        + 0.5 * owner
        + 0.03 * years
        - 0.5 * (work == WORK.index("none"))
        + 0.3 * np.sin(region + age / 12)
        + 0.25 * man
    )
    granted = merit + draw.logistic(0.0, 0.55, rows) > np.quantile(merit, 0.4)
    return pd.DataFrame(
        {
            "age": age.round(),
            "sex": np.where(man, "male", "female"),
            "income": np.where(draw.random(rows) < 0.03, np.nan, income.round()),
            "work": np.array(WORK)[work],
            "years_employed": years.round(1),
            "amount": amount.round(),
            "months": months,
            "late_payments": late,
            "savings": savings.round(),
            "region": np.array(REGIONS)[region],
            "owner": np.where(owner, "yes", "no"),
            "phone": np.where(draw.random(rows) < 0.5, "yes", "no"),
            "decision": np.where(granted, "granted", "refused"),
        }
    )

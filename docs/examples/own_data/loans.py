"""Your own data: a function that returns a DataFrame. This one makes up loan applications."""

from __future__ import annotations

import numpy as np
import pandas as pd


def load(rows: int = 6000, seed: int = 0) -> pd.DataFrame:
    """One row per applicant. Past decisions favoured applicants from the city."""
    draw = np.random.default_rng(seed)
    city = draw.random(rows) < 0.6
    income = draw.normal(3.0 + 0.4 * city, 1.0, rows)
    debt = draw.gamma(2.0, 0.6, rows)
    years = draw.integers(0, 30, rows)
    work = draw.choice(["office", "craft", "farm"], rows, p=[0.5, 0.3, 0.2])
    merit = 0.9 * income - 0.8 * debt + 0.03 * years + 1.1 * city
    granted = merit + draw.logistic(0.0, 0.6, rows) > np.median(merit)
    return pd.DataFrame(
        {
            "income": income,
            "debt": debt,
            "years": years,
            "work": work,
            "region": np.where(city, "city", "country"),
            "decision": np.where(granted, "granted", "refused"),
        }
    )


if __name__ == "__main__":  # as a CSV file: python loans.py > loans.csv
    print(load().round(3).to_csv(index=False), end="")

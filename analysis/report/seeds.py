"""How far the chosen settings, trained again with other seeds, differ from one another."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from analysis.front_table import Front, chosen_point, known
from analysis.palette import bias_words, number, performance_words
from analysis.report.tables import Cell, fraction, table, text, yes_no

QUANTITIES = ("performance", "bias", "sparsity")


def spread(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """What `seeds` of a front add up to.

    `rows` have "feasible", "tune", "test" and "kept_promise". The result counts `seeds`, those
    `feasible` on tune and, once test was opened for them, those that `kept` the promise; a seed
    that failed or found nothing feasible has not. `tune` and `test` give for each quantity the
    mean, the standard deviation (over n - 1), the least and the largest value; None where no seed
    has one.
    """
    judged = [row["kept_promise"] for row in rows if row["kept_promise"] is not None]
    return {
        "seeds": len(rows),
        "feasible": sum(bool(row["feasible"]) for row in rows),
        "judged": len(judged),
        "kept": sum(judged) if judged else None,
        **{split: _of_split(rows, split) for split in ("tune", "test")},
    }


def _of_split(rows: Sequence[Mapping[str, Any]], split: str) -> dict[str, Any] | None:
    values = [row[split] for row in rows if row[split] is not None]
    if not values:
        return None
    return {name: _summary([one[name] for one in values]) for name in QUANTITIES}


def _summary(values: Sequence[float | None]) -> dict[str, float] | None:
    numbers = np.array([value for value in values if known(value)], dtype=np.float64)
    if not numbers.size:
        return None
    found = {"mean": numbers.mean(), "min": numbers.min(), "max": numbers.max()}
    if numbers.size > 1:
        found["sd"] = numbers.std(ddof=1)
    return {name: float(value) for name, value in found.items()}


def spread_lines(front: Front) -> list[str]:
    """The spread in plain sentences; empty where no other seeds were tried."""
    found = front.get("spread")
    if found is None:
        return []
    of = f"{found['feasible']} of {found['seeds']}"
    noun = "seed" if found["seeds"] == 1 else "seeds"
    lines = [f"The chosen settings with {found['seeds']} other {noun}: {of} feasible on tune."]
    if found["kept"] is not None:
        tolerance = f"{front['objective']['tolerance']:g}"
        lines.append(
            f"On test {found['kept']} of {found['judged']} kept the tolerance of {tolerance}."
        )
    if found["judged"] < found["seeds"]:
        later = found["seeds"] - found["judged"]
        lines.append(f"{later} were trained after test had been opened: on tune alone.")
    words = {
        "performance": performance_words(front["objective"]),
        "bias": bias_words(front["objective"]),
    }
    for split, names in (("tune", QUANTITIES), ("test", QUANTITIES[:2])):  # sparsity is the same
        for name in names if found[split] else ():
            said = _said(found[split][name])
            lines.append(f"{words.get(name, name)} on {split}: {said}")
    return lines


def _said(summary: Mapping[str, float] | None) -> str:
    if summary is None:
        return "not estimable"
    sd = f" ± {number(summary['sd'])} (sd)" if "sd" in summary else ""
    return (
        f"mean {number(summary['mean'])}{sd}, "
        f"range {number(summary['min'])} to {number(summary['max'])}"
    )


def seeds_table(front: Front) -> str:
    """The chosen point and each seed as an HTML table; empty where no other seeds were tried."""
    rows = front.get("seeds", ())
    point = chosen_point(front)
    if not rows or point is None:
        return ""
    values = [performance_words(front["objective"]), bias_words(front["objective"]), "sparsity"]
    columns = ["seed", "feasible", *(f"{name}, tune" for name in values)]
    columns += [*(f"{name}, test" for name in values[:2]), "kept"]
    first = [text("chosen"), *_row(point)]
    return table(columns, [first, *([text(row["seed"]), *_row(row)] for row in rows)], marked=0)


def _row(row: Mapping[str, Any]) -> list[Cell]:
    tune, test = row["tune"] or {}, row["test"] or {}
    return [
        yes_no(row["feasible"]),
        *(fraction(tune.get(name)) for name in QUANTITIES),
        *(fraction(test.get(name)) for name in QUANTITIES[:2]),
        yes_no(row["kept_promise"]),
    ]

"""How far the chosen settings, trained again with other seeds, differ from one another."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from analysis.front_json import (
    Front,
    FrontPoint,
    PointValues,
    SeedRow,
    Split,
    Spread,
    SpreadOnSplit,
    Summary,
)
from analysis.front_table import chosen_point
from analysis.notation import bias_words, known, number, performance_words
from analysis.report.tables import Cell, fraction, table, text, yes_no


def spread(rows: Sequence[SeedRow]) -> Spread:
    """What the `seeds` of a front add up to; a seed that failed or found nothing feasible has kept
    no promise."""
    judged = [row["kept_promise"] for row in rows if row["kept_promise"] is not None]
    return {
        "seeds": len(rows),
        "feasible": sum(bool(row["feasible"]) for row in rows),
        "judged": len(judged),
        "kept": sum(judged) if judged else None,
        "tune": _on_split(rows, "tune"),
        "test": _on_split(rows, "test"),
    }


def spread_lines(front: Front) -> list[str]:
    """The spread in plain sentences; empty where no other seeds were tried."""
    spread = front.get("spread")
    if spread is None:
        return []
    objective = front["objective"]
    noun = "seed" if spread["seeds"] == 1 else "seeds"
    lines = [
        f"The chosen settings with {spread['seeds']} other {noun}: {spread['feasible']} of "
        f"{spread['seeds']} feasible on tune."
    ]
    if spread["kept"] is not None:
        lines.append(
            f"On test {spread['kept']} of {spread['judged']} kept the tolerance of "
            f"{objective['tolerance']:g}."
        )
    if spread["judged"] < spread["seeds"]:
        later = spread["seeds"] - spread["judged"]
        lines.append(f"{later} were trained after test had been opened: on tune alone.")
    performance, bias = performance_words(objective), bias_words(objective)
    if (tune := spread["tune"]) is not None:
        lines.append(f"{performance} on tune: {_summary_words(tune['performance'])}")
        lines.append(f"{bias} on tune: {_summary_words(tune['bias'])}")
        lines.append(f"sparsity on tune: {_summary_words(tune['sparsity'])}")
    if (test := spread["test"]) is not None:  # sparsity is the same
        lines.append(f"{performance} on test: {_summary_words(test['performance'])}")
        lines.append(f"{bias} on test: {_summary_words(test['bias'])}")
    return lines


def seeds_table(front: Front) -> str:
    """The chosen point and each seed as an HTML table; empty where no other seeds were tried."""
    rows = front.get("seeds", ())
    point = chosen_point(front)
    if not rows or point is None:
        return ""
    performance, bias = performance_words(front["objective"]), bias_words(front["objective"])
    columns = ["seed", "feasible", f"{performance}, tune", f"{bias}, tune", "sparsity, tune"]
    columns += [f"{performance}, test", f"{bias}, test", "kept"]
    first = [text("chosen"), *_cells(point)]
    return table(columns, [first, *([text(row["seed"]), *_cells(row)] for row in rows)], marked=0)


def _on_split(rows: Sequence[SeedRow], split: Split) -> SpreadOnSplit | None:
    values = [of_seed for row in rows if (of_seed := row[split]) is not None]
    if not values:
        return None
    return {
        "performance": _summary([of_seed["performance"] for of_seed in values]),
        "bias": _summary([of_seed["bias"] for of_seed in values]),
        "sparsity": _summary([of_seed["sparsity"] for of_seed in values]),
    }


def _summary(values: Sequence[float | None]) -> Summary | None:
    numbers = np.array([value for value in values if known(value)], dtype=np.float64)
    if not numbers.size:
        return None
    summary: Summary = {
        "mean": float(numbers.mean()),
        "min": float(numbers.min()),
        "max": float(numbers.max()),
    }
    if numbers.size > 1:
        summary["sd"] = float(numbers.std(ddof=1))
    return summary


def _summary_words(summary: Summary | None) -> str:
    if summary is None:
        return "not estimable"
    if "sd" not in summary:  # one value
        return number(summary["mean"])
    return (
        f"mean {number(summary['mean'])} ± {number(summary['sd'])} (sd), "
        f"range {number(summary['min'])} to {number(summary['max'])}"
    )


def _cells(row: FrontPoint | SeedRow) -> list[Cell]:
    tune, test = row["tune"], row["test"]
    return [
        yes_no(row["feasible"]),
        *_fractions(tune),
        fraction(None if tune is None else tune["sparsity"]),
        *_fractions(test),
        yes_no(row["kept_promise"]),
    ]


def _fractions(values: PointValues | None) -> list[Cell]:
    if values is None:
        return [fraction(None)] * 2
    return [fraction(values["performance"]), fraction(values["bias"])]

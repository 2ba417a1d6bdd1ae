"""How far the chosen settings, trained again with other seeds, differ from one another."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from analysis.claims import verdict_of
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
from analysis.notation import beside_bias, bias_words, known, number, performance_words
from analysis.report.tables import Cell, fraction, table, text, verdict_cell, yes_no


def spread(rows: Sequence[SeedRow]) -> Spread:
    """What the `seeds` of a front add up to; a seed that failed is not certified."""
    judged = [verdict for row in rows if (verdict := verdict_of(row)) is not None]
    return {
        "seeds": len(rows),
        "feasible": sum(bool(row["feasible"]) for row in rows),
        "judged": len(judged),
        "certified": sum(each == "certified" for each in judged) if judged else None,
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
    tolerance = f"{objective['tolerance']:g}"
    if (certified := spread.get("certified")) is not None:
        lines.append(
            f"On test {certified} of {spread['judged']} are certified to keep the tolerance of "
            f"{tolerance}."
        )
    elif (kept := spread.get("kept")) is not None:  # a file of an earlier version
        lines.append(f"On test {kept} of {spread['judged']} kept the tolerance of {tolerance}.")
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
    objective = front["objective"]
    beside = beside_bias(objective)
    words = [performance_words(objective), bias_words(objective), *beside.values()]
    columns = ["seed", "feasible", *(f"{word}, tune" for word in words), "sparsity, tune"]
    columns += [*(f"{word}, test" for word in words), "verdict"]
    lines = [[text("chosen"), *_cells(point, list(beside))]]
    lines += [[text(row["seed"]), *_cells(row, list(beside))] for row in rows]
    return table(columns, lines, marked=0)


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


def _cells(row: FrontPoint | SeedRow, beside: Sequence[str]) -> list[Cell]:
    tune, test = row["tune"], row["test"]
    return [
        yes_no(row["feasible"]),
        *_fractions(tune, beside),
        fraction(None if tune is None else tune["sparsity"]),
        *_fractions(test, beside),
        verdict_cell(row),
    ]


def _fractions(values: PointValues | None, beside: Sequence[str]) -> list[Cell]:
    """Performance, bias, and the measures that stand beside it."""
    if values is None:
        return [fraction(None)] * (2 + len(beside))
    others = [values.get("measures", {}).get(name) for name in beside]
    return [fraction(value) for value in (values["performance"], values["bias"], *others)]

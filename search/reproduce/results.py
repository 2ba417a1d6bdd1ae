"""What the entries of a table add up to: means and spreads over seeds, paired differences."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import stats

from search.reproduce.paper import PaperTable
from search.reproduce.tables import Row, Table

LEVEL = 0.95
QUANTITIES = ("performance", "bias", "sparsity")
NOTHING = "nothing to tune"

Cell = dict[str, Any]


@dataclass(frozen=True)
class Tuning:
    """Which methods of a column have something to search, and which were tuned."""

    searchable: frozenset[str]
    tuned: frozenset[str]

    def of(self, method: str | None, *, found_better: bool) -> str:
        """What the table says about a row's tuning."""
        if method not in self.searchable:
            return NOTHING
        if method not in self.tuned:
            return "not tuned"
        return "better found" if found_better else "published are best"


def table_rows(
    table: Table,
    printed: PaperTable | None,
    columns: Mapping[str, Mapping[str, Any]],
    tuning: Mapping[str, Tuning],
    departures: Mapping[str, Mapping[str, Sequence[Mapping[str, Any]]]],
) -> list[dict[str, Any]]:
    """One entry per row: what the paper prints and what was measured, by column.

    `columns` is what `evaluated` returns; all mappings are by column, `departures` then by row.
    """
    return [
        {
            **_row(table, row, printed, columns, tuning),
            "departures": {name: list(found[row.name]) for name, found in departures.items()},
        }
        for row in table.rows
    ]


def _row(
    table: Table,
    row: Row,
    printed: PaperTable | None,
    columns: Mapping[str, Mapping[str, Any]],
    tuning: Mapping[str, Tuning],
) -> dict[str, Any]:
    cells = {}
    for name, column in columns.items():
        published, own = (column["entries"].get(kind, {}) for kind in ("published", "tuned"))
        first = None if row is table.rows[0] else table.rows[0].name  # not compared with itself
        base = published.get(first, [])
        at_published = published.get(row.name, [])
        of_tuned = own.get(row.name, [])
        better = bool(of_tuned) and not _same_settings(of_tuned, at_published)
        said = tuning[name].of(row.method, found_better=better)
        tuned = [] if said == "not tuned" else of_tuned or at_published
        cells[name] = {
            "paper": _paper_cell(printed, row.name, name),
            "published": summary(at_published, base) if at_published else None,
            "tuned": summary(tuned, own.get(first) or base) if tuned else None,
            "tuning": said,
        }
    entries_of_row = [
        one
        for column in columns.values()
        for of_kind in column["entries"].values()
        for one in of_kind.get(row.name, [])
    ]
    return {
        "name": row.name,
        "method": row.method or row.reference,
        "in_paper": printed is not None and row.name in printed.rows,
        "learns_from": entries_of_row[0]["learns_from"] if entries_of_row else None,
        "needs_group": any(one["needs_group"] for one in entries_of_row),
        "notes": [
            note for note in (printed and printed.footnotes.get(row.name), row.note) if note
        ],
        "cells": cells,
    }


def _same_settings(
    first: Sequence[Mapping[str, Any]], second: Sequence[Mapping[str, Any]]
) -> bool:
    """Whether both ran; a table of tuned settings alone runs published ones that are best too."""
    return bool(first and second) and first[0]["settings"] == second[0]["settings"]


def summary(entries: Sequence[Mapping[str, Any]], base: Sequence[Mapping[str, Any]]) -> Cell:
    """Mean and sample standard deviation over seeds on test, how many seeds kept the tolerance,
    and the difference in bias to the seeds of `base`.

    A seed without a network has no values, and has not kept the tolerance.
    """
    measured = [one["test"] for one in entries if one["test"] is not None]
    return {
        **{name: _spread([test[name] for test in measured]) for name in QUANTITIES},
        "kept": sum(one["kept"] for one in entries),
        "measured": len(measured),
        "of": len(entries),
        "against_first_row": paired(entries, base),
        "seconds": _mean([one["seconds"] for one in entries if "seconds" in one]),
        "settings": entries[0]["settings"],
        "entries": list(entries),
    }


def paired(
    entries: Sequence[Mapping[str, Any]], base: Sequence[Mapping[str, Any]]
) -> dict[str, Any] | None:
    """Bias less the bias of `base` at the same seed: the mean and its 95 % t-interval, which is
    None with fewer than two seeds; all of it None without any pair."""
    of_base = {one["seed"]: one for one in base}
    pairs = [
        (one["test"]["bias"], of_base[one["seed"]]["test"]["bias"])
        for one in entries
        if one["test"] is not None
        and one["seed"] in of_base
        and of_base[one["seed"]]["test"] is not None
    ]
    differences = np.array([a - b for a, b in pairs if a is not None and b is not None])
    if not differences.size:
        return None
    mean = float(differences.mean())
    if differences.size < 2:
        return {"mean": mean, "interval": None, "pairs": 1}
    spread = differences.std(ddof=1) / math.sqrt(differences.size)
    half = float(stats.t.ppf((1 + LEVEL) / 2, differences.size - 1) * spread)
    return {"mean": mean, "interval": [mean - half, mean + half], "pairs": differences.size}


def _paper_cell(printed: PaperTable | None, row: str, column: str) -> dict[str, Any]:
    if printed is None:
        return {}
    return {
        quantity: {
            **{"printed": figure.printed, "value": figure.value, "std": figure.std},
            **{"bound": figure.bound, "struck": figure.struck},
        }
        for quantity, figure in printed.cell(row, column).items()
    }


def _spread(values: Sequence[float | None]) -> dict[str, float | None] | None:
    numbers = np.array([one for one in values if one is not None], dtype=np.float64)
    if not numbers.size:
        return None
    sd = float(numbers.std(ddof=1)) if numbers.size > 1 else None
    return {"mean": float(numbers.mean()), "sd": sd}


def _mean(values: Sequence[float]) -> float | None:
    return float(np.mean(values)) if values else None

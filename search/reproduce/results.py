"""What the entries of a table add up to: means and spreads over seeds, paired differences."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from search.reproduce.paper import PaperTable
from search.reproduce.results_json import (
    ColumnFacts,
    Departure,
    Entries,
    FairTuning,
    LastEpoch,
    MeanAndSd,
    OverSeeds,
    PairedDifference,
    PaperFigure,
    QuantityName,
    ResultRow,
    SeedEntry,
    TableCell,
    ValuesOnTest,
)
from search.reproduce.tables import BESIDE, BY_GROUP, Table, TableRow

LEVEL = 0.95
NOTHING = "nothing to tune"


@dataclass(frozen=True)
class EvaluatedColumn:
    """What a column is about, and every network of it on test."""

    facts: ColumnFacts
    entries: Entries


@dataclass(frozen=True)
class Tuning:
    """Which rows of a column have something to search, and which were tuned."""

    searchable: frozenset[str]
    tuned: frozenset[str]

    def of(self, row: str, *, found_better: bool) -> str:
        """What the table says about a row's tuning."""
        if row not in self.searchable:
            return NOTHING
        if row not in self.tuned:
            return "not tuned"
        return "better found" if found_better else "published are best"


def table_rows(
    table: Table,
    printed: PaperTable | None,
    columns: Mapping[str, EvaluatedColumn],
    tuning: Mapping[str, Tuning],
    departures: Mapping[str, Mapping[str, Sequence[Departure]]],
    fair_tunings: Mapping[str, Mapping[str, FairTuning]] | None = None,
) -> list[ResultRow]:
    """One entry per row: what the paper prints and what was measured, by column.

    All mappings are by column, `departures` and `fair_tunings` then by row.
    """
    rows = [_row(table, row, printed, columns, tuning, departures) for row in table.rows]
    for row in rows:
        by_column = {
            column: of_rows[row["name"]]
            for column, of_rows in (fair_tunings or {}).items()
            if row["name"] in of_rows
        }
        if by_column:
            row["fair_tuning"] = by_column
    return rows


def _row(
    table: Table,
    row: TableRow,
    printed: PaperTable | None,
    columns: Mapping[str, EvaluatedColumn],
    tuning: Mapping[str, Tuning],
    departures: Mapping[str, Mapping[str, Sequence[Departure]]],
) -> ResultRow:
    entries_of_row = [
        entry
        for column in columns.values()
        for of_kind in column.entries.values()
        for entry in of_kind.get(row.name, [])
    ]
    footnote = None if printed is None else printed.footnotes.get(row.name)
    result: ResultRow = {
        "name": row.name,
        "method": row.method or row.reference,
        "in_paper": printed is not None and row.name in printed.rows,
        "learns_from": entries_of_row[0]["learns_from"] if entries_of_row else None,
        "needs_group": any(entry["needs_group"] for entry in entries_of_row),
        "notes": [note for note in (footnote, row.note) if note],
        "cells": {
            name: _cell(table, row, _paper_cell(printed, row.name, name), column, tuning[name])
            for name, column in columns.items()
        },
        "departures": {name: list(by_row[row.name]) for name, by_row in departures.items()},
    }
    if row.network != "best":
        result["network"] = row.network
    if row.correction:
        result["correction"] = dict(row.correction)
    return result


def _cell(
    table: Table,
    row: TableRow,
    paper: dict[str, PaperFigure],
    column: EvaluatedColumn,
    tuning: Tuning,
) -> TableCell:
    of_published = column.entries.get("published", {})
    of_tuned = column.entries.get("tuned", {})
    at_published = of_published.get(row.name, [])
    at_tuned = of_tuned.get(row.name, [])
    base: list[SeedEntry] = []  # of the first row, which is not compared with itself
    tuned_base: list[SeedEntry] = []
    if row is not table.rows[0]:
        base = of_published.get(table.rows[0].name, [])
        tuned_base = of_tuned.get(table.rows[0].name) or base
    better = bool(at_tuned) and not _same_settings(at_tuned, at_published)
    became = tuning.of(row.name, found_better=better)
    shown = [] if became == "not tuned" else at_tuned or at_published
    facts = column.facts
    return {
        "paper": paper,
        "published": _over_seeds(at_published, base, facts) if at_published else None,
        "tuned": _over_seeds(shown, tuned_base, facts) if shown else None,
        "tuning": became,
    }


def _same_settings(first: Sequence[SeedEntry], second: Sequence[SeedEntry]) -> bool:
    """Whether both ran, with the same settings. Where a table is run at tuned settings alone, the
    published ones are run as tuned where they are best."""
    return bool(first and second) and first[0]["settings"] == second[0]["settings"]


def _over_seeds(
    entries: Sequence[SeedEntry], base: Sequence[SeedEntry], facts: ColumnFacts
) -> OverSeeds:
    """The networks at the trials' ends; those of rounds before these, where there are any."""
    declared, groups = facts.get("quantities", []), facts["groups"]
    fuller = facts.get("fuller")
    at_end = [entry for entry in entries if "round" not in entry]
    ends_of_base = [entry for entry in base if "round" not in entry]
    over_seeds = summary(at_end, ends_of_base, declared, groups, fuller=fuller)
    numbers = sorted({entry["round"] for entry in entries if "round" in entry})
    if numbers:
        over_seeds["rounds"] = [
            summary(
                [entry for entry in entries if entry.get("round") == number],
                ends_of_base,
                declared,
                groups,
            )
            for number in numbers
        ]
    return over_seeds


def summary(
    entries: Sequence[SeedEntry],
    base: Sequence[SeedEntry],
    declared: Sequence[QuantityName] = (),
    groups: Sequence[str] = (),
    *,
    fuller: str | None = None,
) -> OverSeeds:
    """Mean and sample standard deviation over seeds on test, how many seeds kept the tolerance,
    and the difference in bias to the seeds of `base`; both also of each quantity `declared`.

    A seed without a network has no values, and has not kept the tolerance.
    """
    tests = [entry["test"] for entry in entries if entry["test"] is not None]
    over_seeds: OverSeeds = {
        "performance": spread([test["performance"] for test in tests]),
        "bias": spread([test["bias"] for test in tests]),
        "sparsity": spread([test["sparsity"] for test in tests]),
        "kept": sum(entry["kept"] for entry in entries),
        "measured": len(tests),
        "of": len(entries),
        "against_first_row": paired(entries, base, "bias", groups),
        "seconds": _mean([entry["seconds"] for entry in entries if "seconds" in entry]),
        "settings": entries[0]["settings"],
        "entries": list(entries),
    }
    claims = [entry["claim"] for entry in entries if "claim" in entry]
    if claims:
        over_seeds["verdicts"] = dict(Counter(claim["verdict"] for claim in claims))
    if fuller is not None:
        over_seeds["fuller"] = spread([test["measures"].get(fuller) for test in tests])
    if any("at_end" in entry for entry in entries):
        over_seeds["last_epoch"] = _last_epoch(entries)
    if at_chance := sum(test.get("at_chance", False) for test in tests):
        over_seeds["at_chance"] = at_chance
    if no_ops := sum("no_ops" in entry for entry in entries):
        over_seeds["no_ops"] = no_ops
    if declared:
        over_seeds["quantities"] = {
            name: {
                "over_seeds": spread([value_of(test, name, groups) for test in tests]),
                "against_first_row": paired(entries, base, name, groups),
            }
            for name in declared
        }
    return over_seeds


def _last_epoch(entries: Sequence[SeedEntry]) -> LastEpoch:
    """Over the seeds that have a network to compare with the one at the end."""
    both = [
        (chosen, entry["at_end"])
        for entry in entries
        if "at_end" in entry and (chosen := entry.get("tune")) is not None
    ]
    return {
        "chosen_performance": spread([chosen["performance"] for chosen, _ in both]),
        "chosen_bias": spread([chosen["bias"] for chosen, _ in both]),
        "performance": spread([end["performance"] for _, end in both]),
        "bias": spread([end["bias"] for _, end in both]),
    }


def value_of(test: ValuesOnTest, name: QuantityName, groups: Sequence[str]) -> float | None:
    """A declared quantity of one network; None where it is not estimable or was not measured."""
    match name:
        case "performance":
            return test["performance"]
        case "bias":
            return test["bias"]
        case "sparsity":
            return test["sparsity"]
    if name.startswith(BESIDE):
        if (beside := test.get("beside")) is None:
            return None
        of_second = {"performance": beside["performance"], "bias": beside["bias"]}
        return {**of_second, **beside["measures"]}.get(name.removeprefix(BESIDE))
    if not name.startswith(BY_GROUP):
        return {**test.get("summaries", {}), **test["measures"]}.get(name)
    measure, _, group = name.removeprefix(BY_GROUP).partition(".")
    of_groups = test.get("by_group", {}).get(measure)
    return None if of_groups is None else of_groups[list(groups).index(group)]


def paired(
    entries: Sequence[SeedEntry],
    base: Sequence[SeedEntry],
    name: QuantityName = "bias",
    groups: Sequence[str] = (),
) -> PairedDifference | None:
    """A quantity less that of `base` at the same seed: the mean and its 95 % t-interval.

    The interval is None with fewer than two seeds, all of it is None without any pair.
    """

    def value(entry: SeedEntry) -> float | None:
        return None if entry["test"] is None else value_of(entry["test"], name, groups)

    of_base = {entry["seed"]: value(entry) for entry in base}
    pairs = [(value(entry), of_base.get(entry["seed"])) for entry in entries]
    differences = np.array([a - b for a, b in pairs if a is not None and b is not None])
    if not differences.size:
        return None
    mean = float(differences.mean())
    if differences.size < 2:
        return {"mean": mean, "interval": None, "pairs": 1}
    error = differences.std(ddof=1) / math.sqrt(differences.size)
    half = float(stats.t.ppf((1 + LEVEL) / 2, differences.size - 1) * error)
    return {"mean": mean, "interval": [mean - half, mean + half], "pairs": differences.size}


def _paper_cell(printed: PaperTable | None, row: str, column: str) -> dict[str, PaperFigure]:
    if printed is None:
        return {}
    return {
        quantity: {
            "printed": figure.printed,
            "value": figure.value,
            "std": figure.std,
            "bound": figure.bound,
            "struck": figure.struck,
        }
        for quantity, figure in printed.cell(row, column).items()
    }


def spread(values: Sequence[float | None]) -> MeanAndSd | None:
    numbers = np.array([value for value in values if value is not None], dtype=np.float64)
    if not numbers.size:
        return None
    sd = float(numbers.std(ddof=1)) if numbers.size > 1 else None
    return {"mean": float(numbers.mean()), "sd": sd}


def _mean(values: Sequence[float]) -> float | None:
    return float(np.mean(values)) if values else None

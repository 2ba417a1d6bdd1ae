"""The picture of a table that has another than bias and performance of each row.

Each takes what it shows from the table's results alone, so that it can be drawn again from
results.json.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from search.reproduce.figures.by_group import Value, draw_by_group
from search.reproduce.figures.canvas import as_png
from search.reproduce.figures.ellipses import draw_ellipses
from search.reproduce.figures.layers import LayerShares, draw_layers
from search.reproduce.figures.sizes import Circle, draw_sizes
from search.reproduce.figures.sparsities import Course, draw_sparsities
from search.reproduce.pages.wording import quantity_word, value_word
from search.reproduce.results_json import (
    MeanAndSd,
    OverSeeds,
    Picture,
    ResultRow,
    SeedEntry,
    TableResults,
)

BY_GROUP = "by_group."


def pictures(results: TableResults, picture: Picture) -> dict[str, bytes]:
    """Heading -> PNG: one picture of all columns, or one for each (family of) columns.

    Rows are shown at published settings; the dense net is left out where everything is compared
    with it.
    """
    return {heading: as_png(figure) for heading, figure in _FIGURES[picture](results)}


def _ellipses(results: TableResults) -> Iterator[tuple[str, Figure]]:
    changes = {
        column: {
            row["name"]: np.column_stack(
                [
                    _by_group(over_seeds, results, column, name)
                    for name in ("fnr_change", "fpr_change")
                ]
            )
            for row, over_seeds in _rows(results, column)
            if row["method"] != "dense net"
        }
        for column in results["columns"]
    }
    yield "Changes of error rates", draw_ellipses(changes, results["title"])


def _sparsities(results: TableResults) -> Iterator[tuple[str, Figure]]:
    """A picture for each set of columns that share networks: those named after it come with it."""
    for base, columns in _families(results).items():
        names = results["columns"][base].get("quantities", [])
        courses: dict[str, dict[str, Course]] = {}
        dense: dict[str, float] = {}
        for name in names:
            word = quantity_word(name, results["columns"][base])
            courses[word] = {}
            for row, over_seeds in _rows(results, base):
                if row["method"] == "dense net":
                    value = _spread(over_seeds, name)
                    if value is not None:
                        dense[word] = value["mean"]
                    continue
                courses[word][row["name"]] = _course(results, row["name"], columns, name)
        yield base, draw_sparsities(courses, dense, f"{results['title']}, {base}")


def _course(
    results: TableResults, name: str, columns: list[str], quantity: str
) -> list[tuple[float, float, float | None]]:
    """A row's points over all columns: of each round, and of the networks at the trials' ends."""
    points: dict[float, tuple[float, float, float | None]] = {}
    for column in columns:
        for row, at_end in _rows(results, column):
            if row["name"] != name:
                continue
            for network in [*at_end.get("rounds", []), at_end]:
                value = _spread(network, quantity)
                if value is not None and network["sparsity"] is not None:
                    sparsity = network["sparsity"]["mean"]
                    points[round(sparsity, 6)] = (sparsity, value["mean"], value["sd"])
    return sorted(points.values())


def _layers(results: TableResults) -> Iterator[tuple[str, Figure]]:
    for column, facts in results["columns"].items():
        dense: list[float] | None = None
        networks: dict[str, LayerShares] = {}
        for row, over_seeds in _rows(results, column):
            importance = _importance(over_seeds["entries"])
            if importance is None:
                continue
            accuracies = _by_group(over_seeds, results, column, "accuracy")
            if row["method"] == "dense net":
                dense = accuracies.tolist()
            changes = None if dense is None or row["method"] == "dense net" else accuracies - dense
            networks[row["name"]] = LayerShares(
                tuple(importance),
                np.array(list(importance.values())),
                tuple(accuracies),
                None if changes is None else tuple(changes),
            )
        if networks:
            yield column, draw_layers(networks, facts["groups"], f"{results['title']}, {column}")


def _importance(entries: list[SeedEntry]) -> dict[str, list[float]] | None:
    """The mean over seeds of each layer's shares; None where no seed has any."""
    known = [entry["importance"] for entry in entries if "importance" in entry]
    if not known:
        return None
    return {layer: np.mean([it[layer] for it in known], axis=0).tolist() for layer in known[0]}


def _each_group(results: TableResults) -> Iterator[tuple[str, Figure]]:
    """Of the table's values by group the last one; average precisions as shares of the dense
    net's."""
    columns = results["columns"]
    declared = [n for facts in columns.values() for n in facts.get("quantities", [])]
    name = [n for n in declared if n.startswith(BY_GROUP)][-1].split(".")[1]
    of_dense = name == "ap"
    values: dict[str, dict[str, list[Value]]] = {}
    for column in columns:
        rows = list(_rows(results, column))
        dense = next((it for row, it in rows if row["method"] == "dense net"), None)
        values[column] = {
            row["name"]: _shares(over_seeds, dense, name)
            if of_dense
            else [
                _value(over_seeds, f"{BY_GROUP}{name}.{group}")
                for group in columns[column]["groups"]
            ]
            for row, over_seeds in rows
            if row["method"] != "dense net"
        }
    groups = {column: facts["groups"] for column, facts in columns.items()}
    word = "AP as a share of the dense net's" if of_dense else value_word(name)
    figure = draw_by_group(values, groups, word, results["title"], dense=1.0 if of_dense else None)
    yield word, figure


def _shares(over_seeds: OverSeeds, dense: OverSeeds | None, name: str) -> list[Value]:
    """By group, mean and deviation over seeds of the value divided by the dense net's."""
    before = (
        {entry["seed"]: _of_groups(entry, name) for entry in dense["entries"]} if dense else {}
    )
    pairs = [
        _of_groups(entry, name) / before[entry["seed"]]
        for entry in over_seeds["entries"]
        if entry["seed"] in before and entry["test"] is not None
    ]
    if not pairs:
        return []
    return [_mean_and_sd(of_group[~np.isnan(of_group)]) for of_group in np.array(pairs).T]


def _sizes(results: TableResults) -> Iterator[tuple[str, Figure]]:
    """A picture for each set of columns that share networks, of the first two quantities.

    Over all seeds the dense nets of the next seeds are the dense nets, and left out.
    """
    for base, columns in _families(results).items():
        facts = results["columns"][base]
        performance, fairness = facts.get("quantities", [])[:2]
        circles: dict[str, list[Circle]] = {}
        for column in columns:
            for row, over_seeds in _rows(results, column):
                if row["method"] == "dense net, another seed":
                    continue
                x, y = _spread(over_seeds, performance), _spread(over_seeds, fairness)
                of_row = circles.setdefault(row["name"], [])
                if x is not None and y is not None and over_seeds["sparsity"] is not None:
                    circle = (x["mean"], y["mean"], 1.0 - over_seeds["sparsity"]["mean"])
                    if circle not in of_row:  # reference lines stand in every column
                        of_row.append(circle)
        right, up = quantity_word(performance, facts), quantity_word(fairness, facts)
        yield base, draw_sizes(circles, right, up, f"{results['title']}, {base}")


_FIGURES: Mapping[Picture, Callable[[TableResults], Iterator[tuple[str, Figure]]]] = {
    "ellipses": _ellipses,
    "sparsities": _sparsities,
    "layers": _layers,
    "by group": _each_group,
    "sizes": _sizes,
}


def _rows(results: TableResults, column: str) -> Iterator[tuple[ResultRow, OverSeeds]]:
    """The rows that have networks in a column, at published settings."""
    for row in results["rows"]:
        over_seeds = row["cells"][column]["published"]
        if over_seeds is not None:
            yield row, over_seeds


def _families(results: TableResults) -> dict[str, list[str]]:
    """Column -> itself and the columns that have networks of it."""
    families: dict[str, list[str]] = {}
    for column, facts in results["columns"].items():
        families.setdefault(facts.get("networks_of") or column, []).append(column)
    return families


def _by_group(
    over_seeds: OverSeeds, results: TableResults, column: str, name: str
) -> NDArray[np.float64]:
    """(groups,) means over seeds; NaN where no seed has a value."""
    groups = results["columns"][column]["groups"]
    values = [_value(over_seeds, f"{BY_GROUP}{name}.{group}") for group in groups]
    return np.array([np.nan if value is None else value[0] for value in values])


def _of_groups(entry: SeedEntry, name: str) -> NDArray[np.float64]:
    test = entry["test"]
    values = [] if test is None else test.get("by_group", {}).get(name, [])
    return np.array([np.nan if value is None else value for value in values])


def _spread(over_seeds: OverSeeds, name: str) -> MeanAndSd | None:
    return over_seeds.get("quantities", {}).get(name, {"over_seeds": None})["over_seeds"]


def _value(over_seeds: OverSeeds, name: str) -> Value:
    spread = _spread(over_seeds, name)
    return None if spread is None else (spread["mean"], spread["sd"])


def _mean_and_sd(values: NDArray[np.float64]) -> Value:
    if not len(values):
        return None
    return float(values.mean()), float(values.std(ddof=1)) if len(values) > 1 else None

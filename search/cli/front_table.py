"""A front as a table for the terminal."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from rich.table import Table

from analysis.claims import verdict_of
from analysis.front_json import SPLITS, BesideValues, Front, FrontPoint, Reference, Split
from analysis.front_table import (
    is_confirmed,
    keeps_on_tune,
    of_dense,
    one_per_trial,
    reference_label,
)
from analysis.notation import beside_bias, known, meaning, second_words
from search.cli.say import cells

CHANCE = "chance: as tune sees it, that test will certify it; what reaches .5 is named for test"
HYPERVOLUME = (
    "hypervolume: of what lies between a constant at the tolerance and the ideal, the share that "
    "the front covers"
)
ROWS = 30  # of a table that still fits a screen


def front_table(front: Front, *, beside: bool = True) -> Table:
    """The dense net and the front, with test columns once it is confirmed.

    It is 80 columns wide without the figures by a second decision, which `beside` asks for. What
    stands beside the bias is that of one split, the last one, for the same reason.

    Of a trial with several points the chosen one is shown, or the one that performs best, and of
    more than ROWS such trials an even choice along the sparsity. Candidates go by the beginning
    of their names, which `export` takes too.
    """
    confirmed = any(point["test"] is not None for point in front["points"])
    splits: Sequence[Split] = SPLITS if confirmed else ("tune",)
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in ("", "candidate", "method"):
        table.add_column(heading, no_wrap=True)
    for split in splits:
        table.add_column(f"perf.\non {split}", justify="right")
        table.add_column(f"bias\non {split}", justify="right")
    fuller = beside_bias(front["objective"])
    for word in fuller.values():
        table.add_column(f"{word}\non {splits[-1]}", justify="right")
    table.add_column("spar-\nsity" if fuller else "sparsity", justify="right")
    chances = not confirmed and any("chance" in point for point in front["points"])
    if chances:
        table.add_column("chance", justify="right")
    second = splits[-1:] if beside and "beside" in front else ()  # of one split: more is too wide
    for split in second:
        where = second_words(front["beside"])
        table.add_column(f"perf.\n{where}\non {split}", justify="right")
        table.add_column(f"bias\n{where}\non {split}", justify="right")
    for reference in front["references"]:
        place = _place(reference)
        mark = "" if not of_model(reference) or keeps_on_tune(reference) else "x"
        mark += ("g" if reference["needs_group"] else "") + (
            "r" if "fitted_for" in reference else ""
        )
        figures = [*_cells(reference, splits), *_fuller(reference, splits[-1], fuller), "0.000"]
        figures += [""] * chances
        figures += _cells(reference.get("beside"), second)
        table.add_row(*cells(mark, *place, *figures))
    for point in shown_points(front):
        figures = [*_cells(point, splits), *_fuller(point, splits[-1], fuller)]
        figures.append(f"{point['tune']['sparsity']:.3f}")
        figures += [f"{point.get('chance', math.nan):.2f}"] * chances
        figures += _cells(point.get("beside"), second)
        style = "bold" if point["chosen"] else None if point["feasible"] else "dim"
        place = (point["candidate"][:8], point["method"])
        table.add_row(*cells(_mark(point), *place, *figures), style=style)
    return table


def of_model(reference: Reference) -> bool:
    """Whether it is a model that no trial has made."""
    return not of_dense(reference["label"])


def _place(reference: Reference) -> tuple[str, str]:
    """What stands of a reference in the columns of candidates and of methods: the first word of a
    model and its others, so that the table stays narrow; of its further decision the decision."""
    name, _, decision = reference_label(reference).partition(", ")
    if not of_model(reference):
        return ("", decision) if decision else (name, "")
    if "fitted_for" in reference:
        return name, decision
    first, _, others = name.partition(" ")
    return ("", decision) if decision else (first, others)


def shown_points(front: Front) -> list[FrontPoint]:
    """The table's points by rising sparsity: the chosen one, both ends and others between."""
    points = sorted(one_per_trial(front), key=lambda point: point["tune"]["sparsity"])
    if len(points) <= ROWS:
        return points
    even = {round(place * (len(points) - 1) / (ROWS - 1)) for place in range(ROWS)}
    return [point for place, point in enumerate(points) if point["chosen"] or place in even]


def legend(front: Front) -> str:
    """What the columns and marks of the table mean, and what it leaves out; a line each."""
    objective = front["objective"]
    marks = "* chosen, g needs the group"
    if is_confirmed(front):
        marks += ", c certified"
    if any(reference.get("randomised") for reference in front["references"]):
        marks += ", r randomised: it draws each decision by lot"
    if any(point.get("no_ops") for point in front["points"]):
        marks += ", ! no-op"
    lines = [
        f"perf. (performance) is {objective['performance']}, bias is {objective['bias']}; "
        f"{marks},",
        "x infeasible: not sure enough to keep the tolerance, or hardly better than a constant",
    ]
    lines += [f"{word}: {meaning(name)}" for name, word in beside_bias(objective).items()]
    if not is_confirmed(front):
        if any("chance" in point for point in front["points"]):
            none = ", which none reaches" if objective.get("naming") == "margin" else ""
            lines.append(f"{CHANCE}{none}")
        lines.append(HYPERVOLUME)
    if more := len(front["points"]) - len(shown_points(front)):
        lines.append(f"{more} further points: front.csv")
    return "\n".join(lines)


def _cells(
    network: FrontPoint | Reference | BesideValues | None, splits: Sequence[Split]
) -> list[str]:
    """Performance and bias on each split."""
    values = [None if network is None else network[split] for split in splits]
    figures = [
        figure
        for of_split in values
        for figure in (
            (None, None) if of_split is None else (of_split["performance"], of_split["bias"])
        )
    ]
    return [_figure(figure) for figure in figures]


def _fuller(network: FrontPoint | Reference, split: Split, names: Iterable[str]) -> list[str]:
    """The measures that stand beside the bias, on one split."""
    values = network[split]
    measures = {} if values is None else values.get("measures", {})
    return [_figure(measures.get(name)) for name in names]


def _figure(value: float | None) -> str:
    return f"{value:.3f}" if known(value) else "-"


def _mark(point: FrontPoint) -> str:
    mark = "*" if point["chosen"] else "" if point["feasible"] else "x"
    mark += "c" if verdict_of(point) == "certified" else ""
    return mark + ("g" if point["needs_group"] else "") + ("!" if point.get("no_ops") else "")

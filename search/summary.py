"""A front as a table for the terminal."""

from __future__ import annotations

from typing import Any

from rich.table import Table

from analysis.undefined import is_undefined, undefined_sentences
from search.front import Front

ROWS = 30  # of a table that still fits a screen


def front_table(front: Front) -> Table:
    """The dense net and the front, with test columns once it is confirmed; 80 columns wide.

    Of a trial with several points the chosen one is shown, or the one that performs best, and of
    more than ROWS such trials an even choice along the sparsity. Candidates go by the beginning
    of their names, which `export` takes too.
    """
    confirmed = any(point["test"] is not None for point in front["points"])
    splits = ("tune", "test") if confirmed else ("tune",)
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in ("", "candidate", "method"):
        table.add_column(heading, no_wrap=True)
    for split in splits:
        table.add_column(f"perf.\non {split}", justify="right")
        table.add_column(f"bias\non {split}", justify="right")
    table.add_column("sparsity", justify="right")
    for reference in front["references"]:
        label = reference["label"].removeprefix("dense net, ")
        place = ("dense net", "") if label == reference["label"] else ("", label)
        mark = "g" if reference["needs_group"] else ""
        table.add_row(mark, *place, *_cells(reference, splits), "0.000")
    for point in shown_points(front):
        cells = [*_cells(point, splits), f"{point['tune']['sparsity']:.3f}"]
        style = "bold" if point["chosen"] else None if point["feasible"] else "dim"
        table.add_row(_mark(point), point["candidate"][:8], point["method"], *cells, style=style)
    return table


def shown_points(front: Front) -> list[dict[str, Any]]:
    """The table's points by rising sparsity: the chosen one, both ends and others between."""
    points = sorted(one_per_trial(front), key=lambda point: point["tune"]["sparsity"])
    if len(points) <= ROWS:
        return points
    even = {round(place * (len(points) - 1) / (ROWS - 1)) for place in range(ROWS)}
    return [point for place, point in enumerate(points) if point["chosen"] or place in even]


def one_per_trial(front: Front) -> list[dict[str, Any]]:
    """The chosen point of a trial, or the one that performs best, in the order of the front."""
    best: dict[str, dict[str, Any]] = {}
    for point in front["points"]:
        known = best.get(point["trial"])
        if known is None or _rank(point) > _rank(known):
            best[point["trial"]] = point
    return list(best.values())


def _rank(point: dict[str, Any]) -> tuple[bool, float]:
    return point["chosen"], point["tune"]["performance"]


def legend(front: Front) -> str:
    """What the columns and marks of the table mean, and what it leaves out."""
    objective = front["objective"]
    said = (
        f"perf. (performance) is {objective['performance']}, bias is {objective['bias']}; "
        "* chosen, x infeasible, g needs the group"
    )
    more = len(front["points"]) - len(shown_points(front))
    return f"{said}; {more} further points: front.csv" if more else said


def verdict(front: Front) -> str:
    """One sentence: what was chosen and whether it kept its promise on test."""
    chosen = next((point for point in front["points"] if point["chosen"]), None)
    tolerance = front["objective"]["tolerance"]
    if chosen is None and any(point["feasible"] for point in front["points"]):
        return (
            f"Nothing is chosen: all that keeps {front['objective']['bias']} below {tolerance:g} "
            f"needs the group at prediction time (objective.group_at_prediction = true would "
            f"allow it)."
        )
    if chosen is None and is_undefined(front):
        return " ".join(undefined_sentences(front))
    if chosen is None:
        return (
            f"Nothing was feasible: no candidate is seen to keep {front['objective']['bias']} "
            f"below {tolerance:g}. The closest ones are marked infeasible."
        )
    said = f"Chosen: {chosen['candidate'][:8]} ({chosen['method']})"
    if chosen["kept_promise"] is None:
        return f"{said}; not confirmed on test yet."
    kept = "kept" if chosen["kept_promise"] else "did NOT keep"
    return f"{said}; on test it {kept} the tolerance of {tolerance:g}."


def _cells(point: dict[str, Any], splits: tuple[str, ...]) -> list[str]:
    return [
        "-" if not point[split] or point[split][key] is None else f"{point[split][key]:.3f}"
        for split in splits
        for key in ("performance", "bias")
    ]


def _mark(point: dict[str, Any]) -> str:
    mark = "*" if point["chosen"] else "" if point["feasible"] else "x"
    return mark + ("g" if point["needs_group"] else "")

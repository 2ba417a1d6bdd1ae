"""A front as a table for the terminal."""

from __future__ import annotations

from typing import Any

from rich.table import Table

from search.front import Front


def front_table(front: Front) -> Table:
    """The dense net and the front, with test columns once it is confirmed."""
    confirmed = any(point["test"] is not None for point in front["points"])
    splits = ("tune", "test") if confirmed else ("tune",)
    bias = front["objective"]["bias"]
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("")
    table.add_column("candidate")
    table.add_column("method")
    for split in splits:
        table.add_column(f"{front['objective']['performance']} ({split})", justify="right")
        table.add_column(f"{bias} ({split})", justify="right")
    table.add_column("sparsity", justify="right")
    table.add_row("", "dense", "", *_cells(front["dense"], splits), "0.000")
    for point in sorted(front["points"], key=lambda point: point["tune"]["sparsity"]):
        sparsity = f"{point['tune']['sparsity']:.3f}"
        cells = _cells(point, splits)
        style = "bold" if point["chosen"] else None if point["feasible"] else "dim"
        mark, name = _mark(point), point["candidate"]
        table.add_row(mark, name, point["method"], *cells, sparsity, style=style)
    return table


def verdict(front: Front) -> str:
    """One sentence: what was chosen and whether it kept its promise on test."""
    chosen = next((point for point in front["points"] if point["chosen"]), None)
    tolerance = front["objective"]["tolerance"]
    if chosen is None:
        return (
            f"Nothing was feasible: no candidate is seen to keep {front['objective']['bias']} "
            f"below {tolerance:g}. The closest ones are marked infeasible."
        )
    said = f"Chosen: {chosen['candidate']} ({chosen['method']})"
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
    if point["chosen"]:
        return "*"
    return "" if point["feasible"] else "infeasible"

"""A column of a table as a picture: accuracy over bias, the paper's beside ours."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Any

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from analysis.palette import (
    ALLOWED,
    GRID,
    INK,
    METHOD_COLOURS,
    MUTED,
    TOLERANCE,
    bias_words,
    performance_words,
)
from search.reproduce.wording import shown_kinds

MARKERS = {"paper": "x", "published": "o", "tuned": "s"}
WORDS = {"paper": "the paper", "published": "ours, published", "tuned": "ours, tuned"}

Place = tuple[float, float, float, float]  # bias, performance and their standard deviations


def figure_png(results: Mapping[str, Any], column: str) -> bytes:
    """The picture as PNG. Error bars are standard deviations over seeds; the paper's figures that
    only say `< 0.05`, and those without a bias, are left out."""
    figure = Figure(figsize=(10.5, 5.6), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    objective = results["columns"][column]["objective"]
    _draw_tolerance(axes, objective["tolerance"])
    kinds = ("paper", *shown_kinds(results))
    used = {
        (row["name"], kind): place
        for row in results["rows"]
        for kind in kinds
        if (place := place_of(row["cells"][column], kind)) is not None
    }
    names = list(dict.fromkeys(name for name, _ in used))
    for (name, kind), place in used.items():
        _draw(axes, place, kind, names.index(name))
    _legends(figure, axes, names, [kind for kind in kinds if any(k == kind for _, k in used)])
    axes.set_xlabel(f"{bias_words(objective)} on test")
    axes.set_ylabel(f"{performance_words(objective)} on test")
    axes.set_title(f"{results['title']}, {column}", loc="left", color=INK, fontsize=11)
    axes.set_xlim(left=0.0)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=130)
    return buffer.getvalue()


def place_of(cell: Mapping[str, Any], kind: str) -> Place | None:
    """Where a cell lies in the picture, or None where it has no place there."""
    if kind == "paper":
        accuracy, bias = cell["paper"].get("accuracy"), cell["paper"].get("bias")
        if accuracy is None or bias is None or bias["bound"] is not None:
            return None
        return (bias["value"], accuracy["value"], bias["std"] or 0.0, accuracy["std"] or 0.0)
    found = cell[kind]
    if found is None or found["bias"] is None or found["performance"] is None:
        return None
    bias, performance = found["bias"], found["performance"]
    return (bias["mean"], performance["mean"], bias["sd"] or 0.0, performance["sd"] or 0.0)


def _draw_tolerance(axes: Any, tolerance: float) -> None:
    axes.axvspan(0.0, tolerance, color=ALLOWED, alpha=0.07, lw=0)
    axes.axvline(tolerance, color=TOLERANCE, ls="--", lw=1.0)
    axes.grid(color=GRID, lw=0.6)
    axes.set_axisbelow(True)
    axes.tick_params(colors=MUTED)


def _draw(axes: Any, place: Place, kind: str, number: int) -> None:
    bias, performance, bias_sd, performance_sd = place
    colour = METHOD_COLOURS[number % len(METHOD_COLOURS)]
    second_round = number >= len(METHOD_COLOURS)  # colours repeat: hollow marks from there on
    axes.errorbar(
        bias,
        performance,
        xerr=bias_sd,
        yerr=performance_sd,
        marker=MARKERS[kind],
        color=colour,
        markerfacecolor="white" if second_round else colour,
        markersize=7,
        lw=0.8,
        alpha=0.6 if kind == "paper" else 0.95,
    )


def _legends(figure: Any, axes: Any, names: list[str], kinds: list[str]) -> None:
    from matplotlib.lines import Line2D

    rows = [
        Line2D(
            [],
            [],
            marker="o",
            ls="",
            color=METHOD_COLOURS[place % len(METHOD_COLOURS)],
            markerfacecolor="white"
            if place >= len(METHOD_COLOURS)
            else METHOD_COLOURS[place % len(METHOD_COLOURS)],
            label=name,
        )
        for place, name in enumerate(names)
    ]
    marks = [Line2D([], [], marker=MARKERS[k], ls="", color=INK, label=WORDS[k]) for k in kinds]
    figure.legend(handles=[*marks, *rows], loc="outside right upper", frameon=False, fontsize=9)

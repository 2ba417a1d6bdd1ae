"""A column of a table as a picture: bias and performance of each row, the paper's beside ours."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Any

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from analysis.notation import bias_words, performance_words
from analysis.palette import ALLOWED, GRID, INK, METHOD_COLOURS, MUTED, TOLERANCE
from search.reproduce.results import NOTHING
from search.reproduce.wording import PAPER_WORD, kind_words

_LOOKS = {"paper": ("x", MUTED), "published": ("o", METHOD_COLOURS[0]), "tuned": ("s", "#D55E00")}
_OFFSET = 0.22  # between the kinds of one row, in rows

Value = tuple[float, float]  # mean and standard deviation (0 where none is known)


def figure_png(results: Mapping[str, Any], column: str) -> bytes:
    """The picture as PNG: a line per row, a mark per kind, bars of one standard deviation over
    seeds. Left out is what has no single value, such as the paper's `< 0.05`, and what would
    repeat the mark above it. A mark is hollow where some seed has no network."""
    rows = results["rows"]
    kinds = {"paper": "the paper"} | {k: f"ours, {w}" for k, w in kind_words(results).items()}
    figure = Figure(figsize=(10.5, 1.6 + 0.36 * len(rows)), layout="constrained")
    FigureCanvasAgg(figure)
    left, right = figure.subplots(1, 2, sharey=True)
    objective = results["columns"][column]["objective"]
    _draw_tolerance(left, objective["tolerance"])
    right.axvline(results["columns"][column]["trivial"], color=MUTED, ls=":", lw=1.0)
    for axes, quantity in ((left, "bias"), (right, "performance")):
        _frame(axes, [row["name"] for row in rows])
        for place, row in enumerate(rows):
            cell = row["cells"][column]
            for number, kind in enumerate(kinds):
                if not (kind == "tuned" and cell["tuning"] == NOTHING and "published" in kinds):
                    _draw(axes, cell, kind, quantity, place + (number - 1) * _OFFSET)
    left.set_xlim(left=0.0)
    left.set_xlabel(f"{bias_words(objective)} on test")
    right.set_xlabel(f"{performance_words(objective)} on test")
    quick = " (a quick look: means nothing)" if results["quick"] else ""
    figure.suptitle(f"{results['title']}, {column}{quick}", color=INK, fontsize=11)
    _legend(figure, kinds)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=130)
    return buffer.getvalue()


def value_of(cell: Mapping[str, Any], kind: str, quantity: str) -> Value | None:
    """What is drawn of a cell, or None where it has no place in the picture."""
    if kind == "paper":
        printed = cell["paper"].get(PAPER_WORD[quantity])
        if printed is None or printed["bound"] is not None:
            return None
        return (printed["value"], printed["std"] or 0.0)
    found = cell[kind]
    if found is None or found[quantity] is None:
        return None
    return (found[quantity]["mean"], found[quantity]["sd"] or 0.0)


def _draw(axes: Any, cell: Mapping[str, Any], kind: str, quantity: str, height: float) -> None:
    value = value_of(cell, kind, quantity)
    if value is None:
        return
    marker, colour = _LOOKS[kind]
    whole = kind == "paper" or cell[kind]["measured"] == cell[kind]["of"]
    axes.errorbar(
        value[0],
        height,
        xerr=value[1],
        marker=marker,
        color=colour,
        markerfacecolor=colour if whole else "white",
        markersize=5.5,
        lw=1.0,
    )


def _frame(axes: Any, names: list[str]) -> None:
    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(len(names) - 0.4, -0.6)  # the first row on top
    axes.grid(axis="x", color=GRID, lw=0.6)
    for place in range(1, len(names)):
        axes.axhline(place - 0.5, color=GRID, lw=0.6)
    axes.set_axisbelow(True)
    axes.tick_params(colors=MUTED)
    axes.tick_params(axis="y", labelcolor=INK, length=0)


def _draw_tolerance(axes: Any, tolerance: float) -> None:
    axes.axvspan(0.0, tolerance, color=ALLOWED, alpha=0.07, lw=0)
    axes.axvline(tolerance, color=TOLERANCE, ls="--", lw=1.0)


def _legend(figure: Any, kinds: Mapping[str, str]) -> None:
    from matplotlib.lines import Line2D

    marks = [
        Line2D([], [], marker=_LOOKS[kind][0], ls="", color=_LOOKS[kind][1], label=word)
        for kind, word in kinds.items()
    ]
    lines = [
        Line2D([], [], lw=1.0, color=INK, label="± one SD over seeds"),
        Line2D([], [], ls="--", lw=1.0, color=TOLERANCE, label="tolerance"),
        Line2D([], [], ls=":", lw=1.0, color=MUTED, label="constant prediction"),
    ]
    figure.legend(
        handles=[*marks, *lines],
        loc="outside lower center",
        ncols=len(marks) + len(lines),
        frameon=False,
        fontsize=9,
    )

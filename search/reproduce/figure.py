"""A column of a table as a picture: bias and performance of each row, the paper's beside ours."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Literal

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from analysis.notation import bias_words, performance_words
from analysis.palette import ALLOWED, GRID, INK, METHOD_COLOURS, MUTED, TOLERANCE
from search.reproduce.pages.wording import PAPER_WORD, kind_words
from search.reproduce.results import NOTHING
from search.reproduce.results_json import Quantity, TableCell, TableResults

ShownKind = Literal["paper", "published", "tuned"]  # whose figures: the paper's, or ours

_MARKS: dict[ShownKind, tuple[str, str]] = {  # shape and colour
    "paper": ("x", MUTED),
    "published": ("o", METHOD_COLOURS[0]),
    "tuned": ("s", "#D55E00"),
}
_OFFSET = 0.22  # between the marks of one row, in rows


def figure_png(results: TableResults, column: str) -> bytes:
    """The picture as PNG."""
    buffer = io.BytesIO()
    drawn(results, column).savefig(buffer, format="png", dpi=130)
    return buffer.getvalue()


def drawn(results: TableResults, column: str) -> Figure:
    """A line per row, a mark per kind, bars of one standard deviation.

    Left out is what has no single value, such as the paper's `< 0.05`, and what would repeat the
    mark above it. A mark is hollow where some seed has no network.
    """
    rows = results["rows"]
    kinds: dict[ShownKind, str] = {"paper": "the paper"}
    kinds.update({kind: f"ours, {word}" for kind, word in kind_words(results).items()})
    figure = Figure(figsize=(10.5, 1.6 + 0.36 * len(rows)), layout="constrained")
    FigureCanvasAgg(figure)
    left, right = figure.subplots(1, 2, sharey=True)
    objective = results["columns"][column]["objective"]
    _draw_tolerance(left, objective["tolerance"])
    right.axvline(results["columns"][column]["trivial"], color=MUTED, ls=":", lw=1.0)
    sides: tuple[tuple[Axes, Quantity], ...] = ((left, "bias"), (right, "performance"))
    for axes, quantity in sides:
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
    marked = {
        kind: word
        for kind, word in kinds.items()
        if any(value_of(row["cells"][column], kind, it) for row in rows for _, it in sides)
    }
    _legend(figure, marked)
    return figure


def value_of(cell: TableCell, kind: ShownKind, quantity: Quantity) -> tuple[float, float] | None:
    """Mean and standard deviation (0 where none is known), or None where nothing is drawn."""
    if kind == "paper":
        printed = cell["paper"].get(PAPER_WORD[quantity])
        if printed is None or printed["bound"] is not None:
            return None
        return (printed["value"], printed["std"] or 0.0)
    over_seeds = cell[kind]
    spread = None if over_seeds is None else over_seeds[quantity]
    return None if spread is None else (spread["mean"], spread["sd"] or 0.0)


def _draw(axes: Axes, cell: TableCell, kind: ShownKind, quantity: Quantity, height: float) -> None:
    value = value_of(cell, kind, quantity)
    if value is None:
        return
    mean, sd = value
    marker, colour = _MARKS[kind]
    over_seeds = None if kind == "paper" else cell[kind]
    whole = over_seeds is None or over_seeds["measured"] == over_seeds["of"]
    axes.errorbar(
        mean,
        height,
        xerr=sd,
        marker=marker,
        color=colour,
        markerfacecolor=colour if whole else "white",
        markersize=5.5,
        lw=1.0,
    )


def _frame(axes: Axes, names: list[str]) -> None:
    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(len(names) - 0.4, -0.6)  # the first row on top
    axes.grid(axis="x", color=GRID, lw=0.6)
    for place in range(1, len(names)):
        axes.axhline(place - 0.5, color=GRID, lw=0.6)
    axes.set_axisbelow(True)
    axes.tick_params(colors=MUTED)
    axes.tick_params(axis="y", labelcolor=INK, length=0)


def _draw_tolerance(axes: Axes, tolerance: float) -> None:
    axes.axvspan(0.0, tolerance, color=ALLOWED, alpha=0.07, lw=0)
    axes.axvline(tolerance, color=TOLERANCE, ls="--", lw=1.0)


def _legend(figure: Figure, kinds: Mapping[ShownKind, str]) -> None:
    marks = [
        Line2D([], [], marker=_MARKS[kind][0], ls="", color=_MARKS[kind][1], label=word)
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

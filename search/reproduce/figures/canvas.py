"""What the pictures of a table share: their canvas, the look of a row, the legend below."""

from __future__ import annotations

import io
from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from analysis.palette import GRID, INK, MUTED, Look, look_at


def looks(rows: Sequence[str]) -> dict[str, Look]:
    """The look of each row, in the table's order."""
    return {row: look_at(place) for place, row in enumerate(rows)}


def panels(
    count: int, title: str, *, width: float = 5.2, height: float = 4.2
) -> tuple[Figure, list[Axes]]:
    """A figure with so many panels side by side, each `width` x `height` inches."""
    figure = Figure(figsize=(width * count, height), layout="constrained")
    FigureCanvasAgg(figure)
    axes = list(figure.subplots(1, count, squeeze=False)[0])
    figure.suptitle(title, color=INK, fontsize=11)
    for panel in axes:
        panel.grid(color=GRID, lw=0.6)
        panel.set_axisbelow(True)
        panel.tick_params(colors=MUTED)
    return figure, axes


def legend(figure: Figure, rows: dict[str, Look], others: Sequence[Line2D] = ()) -> None:
    """Names the rows, then `others`, below the panels."""
    marks = [
        Line2D([], [], marker=look.marker, ls="", color=look.colour, label=row)
        for row, look in rows.items()
    ]
    handles = [*marks, *others]
    figure.legend(
        handles=handles,
        loc="outside lower center",
        ncols=min(len(handles), 4),
        frameon=False,
        fontsize=9,
    )


def as_png(figure: Figure) -> bytes:
    """The figure as the bytes of a PNG file."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=130)
    return buffer.getvalue()

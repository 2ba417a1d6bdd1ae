"""Quantities over sparsities: figure 4 of Lin, Kim, Joo (FairGRAPE, ECCV 2022).

A row that prunes in rounds has a point for the network of each round, other rows one for each
sparsity that they were run at.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, NullLocator

from analysis.palette import MUTED, Look
from search.reproduce.figures.canvas import legend, looks, panels

# Of one row: (sparsity, mean over seeds, standard deviation or None), in any order.
Course = Sequence[tuple[float, float, float | None]]
MARGIN = 1.15  # of the axis beyond the outermost points, as a factor
TICKS = (0.0, 0.5, 0.8, 0.9, 0.95, 0.98, 0.99, 0.995)


def draw_sparsities(
    courses: Mapping[str, Mapping[str, Course]], dense: Mapping[str, float], title: str
) -> Figure:
    """A panel per quantity; `courses` are quantity -> row -> its course.

    Sparsities stand so that equal steps remove equal shares of what is left. A dotted line shows
    the dense net's value, where `dense` has one for the quantity.
    """
    figure, axes = panels(len(courses), title)
    styles = looks(list(dict.fromkeys(row for rows in courses.values() for row in rows)))
    kept = [
        1.0 - sparsity
        for rows in courses.values()
        for course in rows.values()
        for sparsity, _, _ in course
    ]
    for panel, (quantity, rows) in zip(axes, courses.items(), strict=True):
        for row, course in rows.items():
            _draw_course(panel, sorted(course), row, styles[row])
        if quantity in dense:
            panel.axhline(dense[quantity], color=MUTED, ls=":", lw=1.0)
        _sparsity_axis(panel, kept)
        panel.set_ylabel(f"{quantity} on test")
    lines = [Line2D([], [], ls=":", lw=1.0, color=MUTED, label="dense net")] if dense else []
    legend(figure, styles, lines)
    return figure


def _draw_course(axes: Axes, course: Course, row: str, look: Look) -> None:
    """The means as a line, with a band of one standard deviation where there is any."""
    if not course:
        return
    kept = np.array([1.0 - sparsity for sparsity, _, _ in course])
    means = np.array([mean for _, mean, _ in course])
    spread = np.array([sd or 0.0 for _, _, sd in course])
    axes.plot(kept, means, marker=look.marker, ms=4, lw=1.2, color=look.colour, label=row)
    if spread.any():
        axes.fill_between(
            kept, means - spread, means + spread, color=look.colour, alpha=0.12, lw=0
        )


def _sparsity_axis(axes: Axes, kept: Sequence[float]) -> None:
    """The share that is kept, as logarithm, from all to few, labelled by what was removed."""
    low, high = min(kept, default=0.1) / MARGIN, max(kept, default=1.0) * MARGIN
    axes.set_xlim(high, low)  # first: of a single point no limits would be found
    axes.set_xscale("log")
    axes.set_xticks([1.0 - tick for tick in TICKS if low <= 1.0 - tick <= high])
    axes.xaxis.set_major_formatter(FuncFormatter(lambda kept, _: f"{100 * (1 - kept):.3g}%"))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_xlabel("sparsity")

"""A quantity of each group, row beside row: figures 1 and 4 of FairGRAPE's supplement."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from analysis.palette import GRID, MUTED
from search.reproduce.figures.canvas import legend, looks, panels

# Of one group under one row: mean over seeds and standard deviation; None: not estimable.
Value = tuple[float, float | None] | None
WIDTH = 0.7  # that the marks of a group take, of the room between two groups


def draw_by_group(
    values: Mapping[str, Mapping[str, Sequence[Value]]],
    groups: Mapping[str, Sequence[str]],
    quantity: str,
    title: str,
    *,
    dense: float | None = None,
) -> Figure:
    """A panel per column, a place per group, a mark per row; bars of one standard deviation.

    `values` are column -> row -> one value per group of that column in `groups`. `dense` is a
    value that the full network has in every group, drawn as a dashed line.
    """
    most = max(len(names) for names in groups.values())
    figure, axes = panels(len(values), title, width=2.4 + 0.75 * most)
    styles = looks(list(dict.fromkeys(row for of_column in values.values() for row in of_column)))
    offsets = np.linspace(-WIDTH / 2, WIDTH / 2, len(styles)) if len(styles) > 1 else np.zeros(1)
    for panel, (column, of_column) in zip(axes, values.items(), strict=True):
        for row, of_row in of_column.items():
            look, offset = styles[row], offsets[list(styles).index(row)]
            known = [(place, value) for place, value in enumerate(of_row) if value is not None]
            panel.errorbar(
                [place + offset for place, _ in known],
                [mean for _, (mean, _) in known],
                yerr=[sd or 0.0 for _, (_, sd) in known],
                ls="",
                marker=look.marker,
                ms=4.5,
                lw=1.0,
                color=look.colour,
                label=row,
            )
        if dense is not None:
            panel.axhline(dense, color=MUTED, ls="--", lw=1.0)
        names = groups[column]
        panel.set_xticks(range(len(names)), names, fontsize=8, rotation=20 if most > 4 else 0)
        panel.set_xlim(-0.5, len(names) - 0.5)
        panel.grid(visible=False, axis="x")
        for place in range(1, len(names)):
            panel.axvline(place - 0.5, color=GRID, lw=0.6)
        panel.set_title(column, fontsize=10)
        panel.set_ylabel(f"{quantity} on test")
    line = Line2D([], [], ls="--", lw=1.0, color=MUTED, label="dense net")
    legend(figure, styles, [] if dense is None else [line])
    return figure

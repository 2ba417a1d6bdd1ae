"""How much the error rates of each group change: figure 3 of Lin, Kim, Joo (FairGRAPE, ECCV 2022).

A point is a group under a row: the change of its false negative and of its false positive rate,
each as a share of the dense net's rate. A row's ellipse shows how far its groups lie apart.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Ellipse as Patch
from numpy.typing import NDArray

from analysis.palette import MUTED
from search.reproduce.figures.canvas import legend, looks, panels
from search.reproduce.figures.t_ellipse import t_ellipse

LEVEL = 0.95


def draw_ellipses(changes: Mapping[str, Mapping[str, NDArray[np.float64]]], title: str) -> Figure:
    """A panel per column; `changes` are column -> row -> (groups, 2) changes of FNR and FPR.

    Points that are not estimable are left out. A row with fewer than four points, or with points
    on a line, has no ellipse.
    """
    figure, axes = panels(len(changes), title)
    styles = looks(list(dict.fromkeys(row for of_column in changes.values() for row in of_column)))
    for panel, (column, of_column) in zip(axes, changes.items(), strict=True):
        panel.axhline(0.0, color=MUTED, lw=0.8)
        panel.axvline(0.0, color=MUTED, lw=0.8)
        for row, groups in of_column.items():
            points = groups[np.isfinite(groups).all(axis=1)]
            look = styles[row]
            panel.plot(*points.T, ls="", marker=look.marker, ms=4.5, color=look.colour, label=row)
            if (shape := t_ellipse(points, LEVEL)) is not None:
                panel.add_patch(
                    Patch(
                        shape.centre,
                        shape.width,
                        shape.height,
                        angle=shape.angle,
                        fill=False,
                        color=look.colour,
                        lw=1.2,
                    )
                )
        panel.autoscale_view()
        panel.set_title(column, fontsize=10)
        panel.set_xlabel("relative change of FNR")
        panel.set_ylabel("relative change of FPR")
    legend(figure, styles)
    return figure

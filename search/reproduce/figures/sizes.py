"""Accuracy, fairness and size of networks: figure 1 of Zhang et al. (FAPrune, ICCV 2023)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from matplotlib.figure import Figure

from search.reproduce.figures.canvas import legend, looks, panels

# Of one network: performance and fairness (means over seeds), share of the weights kept.
Circle = tuple[float, float, float]
AREA = 1200.0  # of a network with all of its weights, in square points


def draw_sizes(
    circles: Mapping[str, Sequence[Circle]], performance: str, fairness: str, title: str
) -> Figure:
    """A circle for each network of each row: `circles` are row -> its networks.

    Performance goes to the right and fairness upwards, as their measures do: by a bias the fair
    and accurate ones are at the bottom right. The area of a circle is the share of the weights
    that the network keeps. A row's name stands at its largest circle.
    """
    figure, (panel,) = panels(1, title, width=8.5, height=5.6)
    styles = looks(list(circles))
    for row, networks in circles.items():
        for x, y, kept in networks:
            panel.scatter(x, y, s=AREA * kept, color=styles[row].colour, alpha=0.45, linewidths=0)
            panel.plot(x, y, marker=styles[row].marker, ms=4, ls="", color=styles[row].colour)
        if networks:
            x, y, _ = max(networks, key=lambda network: network[2])
            panel.annotate(
                row, (x, y), xytext=(6, 6), textcoords="offset points", fontsize=8, zorder=4
            )
    panel.margins(0.12)
    panel.set_xlabel(f"{performance} on test")
    panel.set_ylabel(f"{fairness} on test")
    legend(figure, styles)
    return figure

"""Each group's share of importance by layer: figure 5 of Lin, Kim, Joo (FairGRAPE, ECCV 2022)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from analysis.palette import INK, METHOD_COLOURS
from search.reproduce.figures.canvas import panels


@dataclass(frozen=True, eq=False)
class LayerShares:
    """Of one network: how the importance of each layer's weights is shared by the groups."""

    layers: tuple[str, ...]
    shares: NDArray[np.float64]  # (layers, groups), each layer's sum is 1; NaN without importance
    accuracies: tuple[float, ...]  # of the groups, on test
    changes: tuple[float, ...] | None  # of these against the dense net; None: of itself


def draw_layers(networks: Mapping[str, LayerShares], groups: Sequence[str], title: str) -> Figure:
    """A panel per row of the table, a bar per layer (the first on top), a segment per group.

    The heading of a panel gives each group's accuracy and, in brackets, its change.
    """
    most = max(len(network.layers) for network in networks.values())
    figure, axes = panels(len(networks), title, width=3.2, height=2.0 + 0.22 * most)
    colours = [METHOD_COLOURS[place % len(METHOD_COLOURS)] for place in range(len(groups))]
    for panel, (row, network) in zip(axes, networks.items(), strict=True):
        heights = np.arange(len(network.layers))
        before = np.zeros(len(heights))
        for group, colour in enumerate(colours):
            widths = np.nan_to_num(network.shares[:, group])
            panel.barh(heights, widths, 0.82, left=before, color=colour, alpha=0.85)
            before += widths
        panel.set_yticks(heights, network.layers if panel is axes[0] else [""] * len(heights))
        panel.set_ylim(len(heights) - 0.4, -0.6)
        panel.set_xlim(0.0, 1.0)
        panel.tick_params(axis="y", labelcolor=INK, length=0)
        panel.set_title(f"{row}\n{accuracy_words(network, groups)}", fontsize=8.5)
        panel.set_xlabel("share of importance")
    marks = [
        Line2D([], [], marker="s", ls="", color=colour, label=group)
        for group, colour in zip(groups, colours, strict=True)
    ]
    figure.legend(
        handles=marks,
        loc="outside lower center",
        ncols=min(len(marks), 7),
        frameon=False,
        fontsize=9,
    )
    return figure


def accuracy_words(network: LayerShares, groups: Sequence[str]) -> str:
    """`Female .902 (-.031)  Male .911 (-.012)`; of more than two groups the lowest and the highest
    change alone."""
    words = [
        f"{group} {_short(accuracy)}{_change(network, place)}"
        for place, (group, accuracy) in enumerate(zip(groups, network.accuracies, strict=True))
    ]
    if len(words) <= 2:
        return "  ".join(words)
    by = network.changes if network.changes is not None else network.accuracies
    return "  ".join([words[int(np.argmin(by))], words[int(np.argmax(by))]])


def _change(network: LayerShares, place: int) -> str:
    if network.changes is None:
        return ""
    value = network.changes[place]
    return f" ({'+' if value > 0 else ''}{_short(value)})"


def _short(value: float) -> str:
    return f"{value:.3f}".replace("-", "\N{MINUS SIGN}").replace("0.", ".", 1)

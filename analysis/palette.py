"""Colours, markers and sizes that the static and the interactive figures share."""

import math
from collections.abc import Iterable
from dataclasses import dataclass

from matplotlib.path import Path

INK = "#1f2328"  # text, chosen point; the report swaps INK, MUTED, GRID and PAPER in the dark
MUTED = "#6b7280"  # axes, links, reference marks
GRID = "#e5e7eb"
PAPER = "#ffffff"
ALLOWED = "#2a9d6f"  # the region under the tolerance
TOLERANCE = "#c8553d"

# Okabe and Ito's colours (2008), which stay apart for colour-blind readers; yellow left out.
METHOD_COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#8a6d3b")
HOURGLASS = ((-1.0, -1.0), (1.0, 1.0), (-1.0, 1.0), (1.0, -1.0), (-1.0, -1.0))
# (matplotlib, plotly), solid shapes that differ in outline. Their number and that of the colours
# have no common divisor: places of one colour differ in shape, and the reverse.
MARKERS: tuple[tuple[str | Path, str], ...] = (
    ("o", "circle"),
    ("s", "square"),
    ("^", "triangle-up"),
    ("D", "diamond"),
    ("v", "triangle-down"),
    (Path.unit_regular_star(6), "hexagram"),
    ("<", "triangle-left"),
    (Path(HOURGLASS), "hourglass"),
    (">", "triangle-right"),
    (Path([(y, x) for x, y in HOURGLASS]), "bowtie"),
)
SPARSEST = 0.01  # share of the weights kept from which on marks get no smaller


@dataclass(frozen=True)
class Look:
    """How a method, or a row of a table, is drawn in every figure."""

    colour: str
    marker: str | Path  # of matplotlib
    symbol: str  # of plotly


def look_at(place: int) -> Look:
    """The look at a place of a list, from 0; the first 70 places differ."""
    marker, symbol = MARKERS[place % len(MARKERS)]
    return Look(METHOD_COLOURS[place % len(METHOD_COLOURS)], marker, symbol)


def method_looks(methods: Iterable[str]) -> dict[str, Look]:
    """The look of each method, by name. It goes by all the names given, so figures that are to
    agree are given the same ones."""
    return {name: look_at(place) for place, name in enumerate(sorted(set(methods)))}


def mark_size(sparsity: float, smallest: float, largest: float) -> float:
    """Diameter of a network's mark: `largest` where all weights are kept, half-way where a tenth
    is, `smallest` where a hundredth is or less."""
    kept = min(max(1.0 - sparsity, SPARSEST), 1.0)
    return largest - math.log(kept) / math.log(SPARSEST) * (largest - smallest)

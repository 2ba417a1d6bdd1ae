"""Colours and markers that the static and the interactive figures share."""

from collections.abc import Iterable

INK = "#1f2328"  # text, chosen point; the report swaps INK, MUTED, GRID and PAPER in the dark
MUTED = "#6b7280"  # axes, links, reference marks
GRID = "#e5e7eb"
PAPER = "#ffffff"
ALLOWED = "#2a9d6f"  # the region under the tolerance
TOLERANCE = "#c8553d"

# Okabe and Ito's colours (2008), which stay apart for colour-blind readers; yellow left out.
METHOD_COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#8a6d3b")
MARKERS = (  # (matplotlib, plotly), solid shapes of similar weight
    ("o", "circle"),
    ("s", "square"),
    ("D", "diamond"),
    ("^", "triangle-up"),
    ("p", "pentagon"),
    ("v", "triangle-down"),
    ("h", "hexagon"),
)
SPARSITY_SCALE = (  # fraction removed -> colour; readable on white and on near-black
    (0.0, "#f2b134"),
    (0.5, "#d9566b"),
    (0.8, "#8a3f9c"),
    (1.0, "#2c3c9e"),
)


def method_colours(methods: Iterable[str]) -> dict[str, str]:
    """The colour of each method, by name, so that it keeps its colour between figures."""
    names = sorted(set(methods))
    return {name: METHOD_COLOURS[i % len(METHOD_COLOURS)] for i, name in enumerate(names)}


def method_markers(methods: Iterable[str]) -> dict[str, tuple[str, str]]:
    """The marker of each method, for matplotlib and for plotly, as `method_colours`."""
    names = sorted(set(methods))
    return {name: MARKERS[i % len(MARKERS)] for i, name in enumerate(names)}

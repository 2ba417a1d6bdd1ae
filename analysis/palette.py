"""Colours, markers and wording that the static and the interactive figures share."""

from collections.abc import Iterable, Mapping
from typing import Any

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

PERFORMANCE_WORDS = {
    "accuracy": "accuracy",
    "balanced_accuracy": "balanced accuracy",
    "worst_group_accuracy": "accuracy of the worst group",
}
BIAS_WORDS = {
    "spd": "|SPD|",
    "eod": "|EOD|",
    "aod": "|AOD|",
    "abs_aod": "abs. AOD",
    "di": "1 \N{MINUS SIGN} DI",
    "deo_sum": "DEO (sum)",
    "deo_max": "DEO (max)",
    "deo_mean": "DEO (mean)",
    "accuracy_std": "std of group accuracies",
    "bias_amplification": "|bias amplification|",
}


def performance_words(objective: Mapping[str, Any]) -> str:
    name = str(objective["performance"])
    return PERFORMANCE_WORDS.get(name, name.replace("_", " "))


def bias_words(objective: Mapping[str, Any]) -> str:
    name = str(objective["bias"])
    return BIAS_WORDS.get(name, name.replace("_", " "))


def method_order(methods: Iterable[str]) -> dict[str, int]:
    """Position of each method, by name, so that a method keeps its marker between figures."""
    return {name: place for place, name in enumerate(sorted(set(methods)))}


def number(value: float | None, digits: int = 3) -> str:
    """A fraction as text; what is not estimable is a dash."""
    if value is None or value != value:
        return "\N{EN DASH}"
    text = f"{value:.{digits}f}"
    return text.replace("-", "\N{MINUS SIGN}") if float(text) else text.lstrip("-")

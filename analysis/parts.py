"""Which method holds which part of a front."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pandas as pd

from analysis.front_json import Front
from analysis.front_table import drawable
from analysis.methods import hypervolume_by_method, methods_compared
from analysis.notation import number

SHARES_OF_TOLERANCE = (0.0, 0.25, 0.5, 0.75, 1.0)  # where intervals of bias begin
SPARSITIES = (0.01, 0.5, 0.8, 0.9, 0.95)  # where intervals begin; below the first: nothing removed
PART_COLUMNS = (
    "bias",  # the interval in words, ordered categories as the next
    "sparsity",  # the interval in words
    "method",
    "networks",  # how many of its networks lie there
    "performance",  # of the best of them, on tune
)
HOLDING_COLUMNS = (
    "method",
    "needs_group",  # whether some network of it on the front does, at prediction time
    "networks",  # how many of its networks are on the front
    *("bias_low", "bias_high"),  # of these, on tune; NaN without any, as the next four
    *("performance_low", "performance_high"),
    *("sparsity_low", "sparsity_high"),
)
CONTRIBUTION_COLUMNS = (
    # Of performance and bias alone:
    "area",  # hypervolume of the method's own candidates
    "area_only",  # share of what all cover together that would be lost without them
    *("volume", "volume_only"),  # the same with sparsity; NaN where that is no objective
    "charged",  # samples of its trials
    "charged_until",  # of its ended trials until it had NEARLY_ALL of its area; NaN without any
)
NEARLY_ALL = 0.9


def parts_of_front(front: Front) -> pd.DataFrame:
    """One row with PART_COLUMNS per method and part of the front that it holds, least bias first,
    then least sparse, then best performance.

    A part is an interval of bias, a quarter of the tolerance wide, and one of sparsity, rounded
    to hundredths: a layer keeps whole weights, so nine tenths may be a little less.
    """
    points = drawable(front)
    frame = pd.DataFrame(
        {
            "method": [point["method"] for point in points],
            "performance": [point["tune"]["performance"] for point in points],
            "bias": [point["tune"]["bias"] for point in points],
            "sparsity": [round(point["tune"]["sparsity"], 2) for point in points],
        }
    )
    begins = [share * front["objective"]["tolerance"] for share in SHARES_OF_TOLERANCE]
    places = {
        "bias": np.searchsorted(begins, frame["bias"].to_numpy(float), side="right") - 1,
        "sparsity": np.searchsorted(SPARSITIES, frame["sparsity"].to_numpy(float), side="right"),
    }
    grouped = frame.assign(**places).groupby(["bias", "sparsity", "method"])["performance"]
    parts = grouped.agg(networks="size", performance="max").reset_index()
    order = ["bias", "sparsity", "performance"]
    parts = parts.sort_values(order, ascending=[True, True, False], ignore_index=True)
    words = {"bias": _intervals(begins), "sparsity": ["0", *_intervals(SPARSITIES)]}
    for name, categories in words.items():
        parts[name] = pd.Categorical.from_codes(
            parts[name].to_numpy(np.intp), pd.Index(categories), ordered=True
        )
    return parts[list(PART_COLUMNS)]


def holdings(front: Front) -> pd.DataFrame:
    """One row with HOLDING_COLUMNS per method that was tried, most networks on the front first."""
    points = drawable(front)
    methods = {*front.get("methods", ()), *(point["method"] for point in points)}
    rows = []
    for method in sorted(methods):
        own = [point for point in points if point["method"] == method]
        row = {
            "method": method,
            "needs_group": any(point["needs_group"] for point in own),
            "networks": len(own),
        }
        for key in ("bias", "performance", "sparsity"):
            values = [float(point["tune"][key] or 0.0) for point in own]  # drawable: none is None
            row |= {f"{key}_low": min(values, default=np.nan)}
            row |= {f"{key}_high": max(values, default=np.nan)}
        rows.append(row)
    frame = pd.DataFrame(rows, columns=list(HOLDING_COLUMNS))
    return frame.sort_values("networks", ascending=False, kind="stable", ignore_index=True)


def contributions(
    trials: pd.DataFrame,
    reports: pd.DataFrame,
    reference: Sequence[float],
    ideal: Sequence[float],
    *,
    group_allowed: bool = False,
) -> pd.DataFrame:
    """One row with CONTRIBUTION_COLUMNS per method, by its name as index.

    The corners of the box are (performance, bias) or (performance, bias, sparsity). What needs the
    group counts only where it is allowed: of a method that has nothing else, NaN.
    """
    frame = pd.DataFrame(index=sorted(trials["method"].unique()), columns=CONTRIBUTION_COLUMNS)
    for count, name in zip(range(2, len(reference) + 1), ("area", "volume"), strict=False):
        box = {"reference": reference[:count], "ideal": ideal[:count]}
        compared = methods_compared(trials, reports, **box, group_allowed=group_allowed)
        by_name = compared.set_index("method")
        counts = ~by_name["needs_group"] | (by_name["hypervolume"] > 0)
        frame[name] = by_name["hypervolume"].where(counts)
        frame[f"{name}_only"] = by_name["adds_share"].where(counts)
        frame["charged"] = by_name["charged"]
    corners = {"reference": reference[:2], "ideal": ideal[:2]}
    curves = hypervolume_by_method(trials, reports, **corners, group_allowed=group_allowed)
    for method, curve in curves.groupby("method"):
        reached = curve["hypervolume"].to_numpy()
        if reached[-1] > 0:
            there = int(np.argmax(reached >= NEARLY_ALL * reached[-1]))
            frame.loc[method, "charged_until"] = curve["charged"].iloc[there]
    return frame.astype("float64")


def _intervals(begins: Sequence[float]) -> list[str]:
    """Each interval in words; the last has no end."""
    ends = [number(begin) for begin in begins]
    return [f"{a} to {b}" for a, b in pairwise(ends)] + [f"from {ends[-1]}"]

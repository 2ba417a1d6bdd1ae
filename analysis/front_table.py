"""front.json as a table, the views that figures need, and what could not be judged, in words."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pandas as pd

from analysis.palette import bias_words

Front = Mapping[str, Any]  # front.json, read
Point = Mapping[str, Any]  # one entry of its "points"

VALUES = (
    *("performance", "performance_interval", "bias", "bias_interval"),
    *("sparsity", "measures"),
)
LEADING_COLUMNS = (
    *("candidate", "trial", "epoch", "method", "learns_from", "needs_group"),
    *("feasible", "chosen", "kept_promise"),
)


def front_frame(front: Front) -> pd.DataFrame:
    """One row per point: identity, then tune.*, test.*, settings.* as flat columns (front.csv).

    Intervals become two columns ending in .low and .high; test columns are empty until confirm.
    """
    rows = [dict(_flat(_trimmed(point))) for point in front["points"]]
    names = list(dict.fromkeys(name for row in rows for name in row))
    groups = ("tune.", "test.", "settings.")
    leading = [name for name in LEADING_COLUMNS if name in names or name != "learns_from"]
    rest = [name for name in names if name not in leading and not name.startswith(groups)]
    grouped = [name for start in groups for name in names if name.startswith(start)]
    return pd.DataFrame(rows, columns=[*leading, *rest, *grouped])


def _trimmed(point: Point) -> dict[str, Any]:
    """The point with only the VALUES of its parts on tune and test."""
    parts = {split: point[split] for split in ("tune", "test") if point[split] is not None}
    short = {
        split: {key: part[key] for key in VALUES if key in part} for split, part in parts.items()
    }
    return {**{key: value for key, value in point.items() if key not in parts}, **short}


def _flat(values: Mapping[str, Any], prefix: str = "") -> Iterable[tuple[str, Any]]:
    for key, value in values.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{key}.")
        elif key.endswith("_interval") and value is not None:
            yield from ((f"{prefix}{key}.low", value[0]), (f"{prefix}{key}.high", value[1]))
        elif not (prefix == "" and key in ("tune", "test") and value is None):
            yield f"{prefix}{key}", value


def chosen_point(front: Front) -> Point | None:
    return next((point for point in front["points"] if point["chosen"]), None)


def method_label(front: Front, method: str) -> str:
    """The method, and whether its points use the group."""
    uses = any(p["needs_group"] for p in front["points"] if p["method"] == method)
    return f"{method} (uses the group)" if uses else method


def is_confirmed(front: Front) -> bool:
    return any(point["test"] is not None for point in front["points"])


def reference_marks(front: Front, references: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The dense net (on tune), then `references` that are not the dense net again.

    A reference is {"label", "performance", "bias", "sparsity", "needs_group"}; one whose numbers
    are not all estimable cannot be drawn and is left out.
    """
    dense = (front.get("dense") or {}).get("tune")
    marks = []
    if dense is not None:
        numbers = {key: dense.get(key) for key in ("performance", "bias", "sparsity")}
        marks.append({"label": "dense net", "needs_group": False, **numbers})
    marks += [dict(reference) for reference in references]
    seen: set[tuple[Any, Any]] = set()
    fresh = []
    for mark in marks:
        place = (mark["performance"], mark["bias"])
        if place not in seen and all(known(value) for value in place):
            fresh.append(mark)
        seen.add(place)
    return fresh


def drawable(front: Front) -> list[Point]:
    """Points whose performance and bias on tune are numbers."""
    numbers = ("performance", "bias")
    return [p for p in front["points"] if all(known(p["tune"][key]) for key in numbers)]


def known(value: float | None) -> bool:
    """Whether a value is a number: neither None (as in JSON) nor NaN (as in a frame)."""
    return value is not None and value == value


def bias_extent(front: Front, marks: Sequence[Mapping[str, Any]]) -> float:
    """Right end of the bias axis.

    The points and their test values always fit. Reference marks fit as long as the points keep
    about half of the width; a mark further out is shown at the edge with its value.
    """
    objective = front["objective"]
    inner = [float(objective["tolerance"]) * 1.3]
    for point in drawable(front):
        inner.append(float(point["tune"]["bias"]))
        if point["test"] is not None and known(point["test"]["bias"]):
            inner.append(float(point["test"]["bias"]))
    reach = max(inner) * 1.08
    wanted = max([float(mark["bias"]) * 1.12 for mark in marks], default=0.0)
    return wanted if reach < wanted <= 2.0 * reach else reach


def group_sentences(front: Front) -> list[str]:
    """Which groups were merged or left out, by name, where the search did not do so itself."""
    return [f"{note}." for note in front.get("group_notes", ())]


def is_undefined(front: Front) -> bool:
    """Whether candidates were judged and none has a bias that can be estimated on tune. Fronts
    of earlier versions do not say: False."""
    return front.get("bias_undefined") is not None


def undefined_sentences(front: Front) -> list[str]:
    """Why no candidate has a bias; nothing where one has."""
    if not is_undefined(front):
        return []
    found, bias = front["bias_undefined"], bias_words(front["objective"])
    said = f"{bias} is undefined on tune for each of the {found['candidates']} candidates"
    cells = "; ".join(f"{group}, label {label}" for group, label in found["empty_cells"])
    if cells:
        why = f"{said}: there are no rows of {cells}. Coarser groups can be compared."
    else:
        why = f"{said}: what they predict leaves a rate of some group divided by zero."
    return [why, "So none can keep a tolerance or break it, and none is chosen."]


def why_not_drawn(front: Front, references: Sequence[Mapping[str, Any]]) -> str | None:
    """Why there is nothing to draw a front of; None where there is a point or a reference."""
    if drawable(front) or reference_marks(front, references):
        return None
    bias = bias_words(front["objective"])
    if is_undefined(front):
        return f"Nothing can be drawn: {bias} is undefined for every network."
    return f"Nothing can be drawn: no network has both a performance and {bias}."


def one_per_trial(front: Front) -> list[dict[str, Any]]:
    """The chosen point of a trial, or the one that performs best, in the order of the front."""
    best: dict[str, dict[str, Any]] = {}
    for point in front["points"]:
        known = best.get(point["trial"])
        if known is None or _rank(point) > _rank(known):
            best[point["trial"]] = point
    return list(best.values())


def _rank(point: dict[str, Any]) -> tuple[bool, float]:
    return point["chosen"], point["tune"]["performance"]

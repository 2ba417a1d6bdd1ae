"""front.json as a table, the views that figures need, and what could not be judged, in words."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, TypedDict

from analysis.front_json import SPLITS, Front, FrontPoint, PointValues, Reference
from analysis.notation import bias_words, ends_of, known

if TYPE_CHECKING:
    import pandas as pd

    from analysis.palette import Look

VALUES = (
    *("performance", "performance_interval", "bias", "bias_interval"),
    *("sparsity", "measures"),
)
LEADING_COLUMNS = (
    *("candidate", "trial", "epoch", "method", "learns_from", "needs_group"),
    *("feasible", "chance", "chosen", "claim.verdict", "claim.p"),
    *("claim.certified_at", "kept_promise"),
)
ROOM = 1.08  # of the bias axis, for the mark at its right end
ROOM_FOR_REFERENCE = 1.12


class ReferenceMark(TypedDict):
    """What a figure draws of the dense net, or of anything else that a front is compared with."""

    label: str
    needs_group: bool
    performance: float | None  # on tune
    bias: float | None
    sparsity: float


def front_frame(front: Front) -> pd.DataFrame:
    """One row per point: identity, then tune.*, test.*, settings.* as flat columns (front.csv).

    Intervals become two columns ending in .low and .high; columns of test come with confirm.
    """
    import pandas as pd  # here and below: who asks for a sentence need not wait for it

    rows = [dict(_flat(_trimmed(point))) for point in front["points"]]
    names = list(dict.fromkeys(name for row in rows for name in row))
    groups = ("tune.", "test.", "beside.", "settings.")
    # Points of earlier versions do not say what they learn from.
    leading = [name for name in LEADING_COLUMNS if name in names or name != "learns_from"]
    rest = [name for name in names if name not in leading and not name.startswith(groups)]
    grouped = [name for start in groups for name in names if name.startswith(start)]
    return pd.DataFrame(rows, columns=[*leading, *rest, *grouped])


def rows_of_front(front: Front) -> pd.DataFrame:
    """`front_frame`, then one row per reference, marked and without a candidate: front.csv as it
    is written."""
    import pandas as pd

    points = front_frame(front)
    points.insert(0, "reference", False)
    given = [
        {
            "reference": True,
            "method": reference_label(reference),
            "needs_group": reference["needs_group"],
            "randomised": bool(reference.get("randomised")),
            "feasible": keeps_on_tune(reference),
            "chosen": False,
            "tune": reference["tune"],
            "test": reference["test"],
        }
        for reference in front["references"]
    ]
    rows = [dict(_flat(_trimmed(one))) for one in given]
    columns = [*points.columns, *(name for row in rows for name in row)]
    every = [*points.to_dict("records"), *rows]
    # As objects: epochs stay whole numbers, though references have none.
    return pd.DataFrame(every, columns=list(dict.fromkeys(columns)), dtype=object)


def reference_label(reference: Reference) -> str:
    """What a reference is called, and what it was fitted for where that is for one thing alone."""
    fitted_for = reference.get("fitted_for")
    return reference["label"] + ("" if fitted_for is None else f", for {fitted_for}")


def keeps_on_tune(reference: Reference) -> bool:
    """Whether a reference is certain to keep the tolerance and better than a constant, as a
    feasible point is."""
    tune = reference["tune"]
    return bool(tune.get("feasible") and tune.get("beats_trivial"))


def of_dense(label: str) -> bool:
    """Whether a reference, or its mark, is the dense net."""
    return label.partition(",")[0] == "dense net"


def chosen_point(front: Front) -> FrontPoint | None:
    """The point that is handed over; None where nothing is feasible."""
    return next((point for point in front["points"] if point["chosen"]), None)


def handed_over(front: Front) -> FrontPoint | None:
    """The point to be used: of a confirmed front the best certified one, else the one chosen on
    tune; None where there is neither."""
    if (name := front.get("handed_over")) is not None:
        return next(point for point in front["points"] if point["candidate"] == name)
    return chosen_point(front)


def one_per_trial(front: Front) -> list[FrontPoint]:
    """The chosen point of a trial, else the one that is handed over, or the one that performs
    best, in the order of the front."""
    best: dict[str, FrontPoint] = {}
    for point in front["points"]:
        rival = best.get(point["trial"])
        if rival is None or _rank(front, point) > _rank(front, rival):
            best[point["trial"]] = point
    return list(best.values())


def looks_on_front(front: Front) -> dict[str, Look]:
    """The look of each method that has a drawable point, by name; it is the one that the method
    has in the other figures of its search."""
    drawn = {point["method"] for point in drawable(front)}
    from analysis.palette import method_looks  # loads matplotlib

    looks = method_looks([*front.get("methods", ()), *drawn])
    return {method: look for method, look in looks.items() if method in drawn}


def method_label(front: Front, method: str) -> str:
    """The method, and whether its points use the group."""
    uses = any(p["needs_group"] for p in front["points"] if p["method"] == method)
    return f"{method} (uses the group)" if uses else method


def is_confirmed(front: Front) -> bool:
    """Whether test was opened for the front."""
    return any(point["test"] is not None for point in front["points"])


def allows_group(objective: Mapping[str, Any]) -> bool:
    """Whether a point that needs the group may be chosen; fronts of earlier versions do not say:
    False."""
    return bool(objective.get("group_at_prediction", False))


def place(values: PointValues | ReferenceMark) -> tuple[float, float]:
    """Where values lie in a figure: bias and performance; NaN for what is not estimable."""
    return _nan_if_none(values["bias"]), _nan_if_none(values["performance"])


def is_drawable(values: PointValues | ReferenceMark) -> bool:
    """Whether values have a place in a figure."""
    return all(known(coordinate) for coordinate in place(values))


def drawable(front: Front) -> list[FrontPoint]:
    """Points whose performance and bias on tune are numbers."""
    return [point for point in front["points"] if is_drawable(point["tune"])]


def shown_sparsities(front: Front) -> tuple[float, ...]:
    """The sparsities whose sizes of a mark a legend explains; none where no weight is removed."""
    pruned = any(point["tune"]["sparsity"] > 0 for point in drawable(front))
    return (0.0, 0.9, 0.99) if pruned else ()


def tested(front: Front) -> list[tuple[FrontPoint, PointValues]]:
    """The drawable points with their values on test, where these have a place in a figure too."""
    pairs = [(point, point["test"]) for point in drawable(front)]
    return [(point, test) for point, test in pairs if test is not None and is_drawable(test)]


def interval_reach(
    values: PointValues, name: Literal["performance", "bias"]
) -> tuple[float, float] | None:
    """How far the interval of a value reaches below it and above it; None where it has none."""
    value = values[name]
    if name == "performance":
        ends = ends_of(values.get("performance_interval"))
    else:
        ends = ends_of(values.get("bias_interval"))
    if ends is None or value is None:
        return None
    return max(value - ends[0], 0.0), max(ends[1] - value, 0.0)


def marks_of_references(front: Front) -> list[ReferenceMark]:
    """The references of a front as figures draw them: with their values on tune.

    A model that is no better than a constant would stretch the figure, and is left to tables.
    """
    return [
        _mark(reference_label(reference), reference["tune"], needs_group=reference["needs_group"])
        for reference in front["references"]
        if of_dense(reference["label"]) or reference["tune"].get("beats_trivial", True)
    ]


def reference_marks(front: Front, references: Sequence[ReferenceMark]) -> list[ReferenceMark]:
    """The dense net, then those `references` that are not the dense net again.

    A mark whose performance or bias is not estimable cannot be drawn and is left out.
    """
    dense = front["dense"]["tune"]
    of_dense = [] if dense is None else [_mark("dense net", dense, needs_group=False)]
    drawn: dict[tuple[float, float], ReferenceMark] = {}
    for mark in [*of_dense, *references]:
        if is_drawable(mark):
            drawn.setdefault(place(mark), mark)
    return list(drawn.values())


def bias_extent(front: Front, marks: Sequence[ReferenceMark]) -> float:
    """Right end of the bias axis.

    The points and their test values always fit. Reference marks fit as long as the points keep
    about half of the width; a mark further out is shown at the edge with its value.
    """
    inner = [front["objective"]["tolerance"] * 1.3]
    for point in drawable(front):
        for values in (point["tune"], point["test"]):
            if values is not None and known(values["bias"]):
                inner.append(values["bias"])
    needed = max(inner) * ROOM
    biases = [_nan_if_none(mark["bias"]) for mark in marks]
    wanted = max([bias * ROOM_FOR_REFERENCE for bias in biases], default=0.0)
    return wanted if needed < wanted <= 2.0 * needed else needed


def group_sentences(front: Front) -> list[str]:
    """Which groups were merged or left out, by name, where the search did not do so itself; and
    whether trials may not have kept all that such a tolerance would show."""
    return [f"{note}." for note in front.get("group_notes", ())]


def is_undefined(front: Front) -> bool:
    """Whether candidates were judged and none has a bias that can be estimated on tune.

    Fronts of earlier versions do not say: False.
    """
    return front.get("bias_undefined") is not None


def undefined_sentences(front: Front) -> list[str]:
    """Why no candidate has a bias; nothing where one has."""
    undefined = front.get("bias_undefined")
    if undefined is None:
        return []
    who = f"each of the {undefined['candidates']} candidates"
    finding = f"{bias_words(front['objective'])} is undefined on tune for {who}"
    cells = "; ".join(f"{group}, label {label}" for group, label in undefined["empty_cells"])
    if cells:
        why = f"{finding}: there are no rows of {cells}. Coarser groups can be compared."
    else:
        why = f"{finding}: what they predict leaves a rate of some group divided by zero."
    return [why, "So none can keep a tolerance or break it, and none is chosen."]


def why_not_drawn(front: Front, references: Sequence[ReferenceMark]) -> str | None:
    """Why there is nothing to draw a front of; None where there is a point or a reference."""
    if drawable(front) or reference_marks(front, references):
        return None
    bias = bias_words(front["objective"])
    if is_undefined(front):
        return f"Nothing can be drawn: {bias} is undefined for every network."
    return f"Nothing can be drawn: no network has both a performance and {bias}."


def _trimmed(point: Mapping[str, Any]) -> dict[str, object]:
    """The point with only the VALUES of its parts on tune and test."""
    trimmed: dict[str, object] = {**point}
    for split in SPLITS:
        values: Mapping[str, object] | None = point[split]
        if values is not None:
            trimmed[split] = _values(values)
    if (second := point.get("beside")) is not None:
        by_split = {split: second[split] for split in SPLITS}
        trimmed["beside"] = {
            split: _values(values) for split, values in by_split.items() if values is not None
        }
    if (what := point.get("no_ops")) is not None:
        trimmed["no_ops"] = "; ".join(what)
    return trimmed


def _values(values: Mapping[str, object]) -> dict[str, object]:
    return {key: values[key] for key in VALUES if key in values}


def _flat(values: Mapping[str, object], prefix: str = "") -> Iterable[tuple[str, object]]:
    for key, value in values.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{key}.")
        elif key.endswith("_interval") and isinstance(value, Sequence):
            yield from ((f"{prefix}{key}.low", value[0]), (f"{prefix}{key}.high", value[1]))
        elif not (prefix == "" and key in SPLITS and value is None):
            yield f"{prefix}{key}", value


def _rank(front: Front, point: FrontPoint) -> tuple[bool, bool, float]:
    given = point["candidate"] == front.get("handed_over")
    return point["chosen"], given, _nan_if_none(point["tune"]["performance"])


def _mark(label: str, values: PointValues, *, needs_group: bool) -> ReferenceMark:
    return {
        "label": label,
        "needs_group": needs_group,
        "performance": values["performance"],
        "bias": values["bias"],
        "sparsity": values["sparsity"],
    }


def _nan_if_none(value: float | None) -> float:
    return math.nan if value is None else float(value)

"""What it costs to do without the group at prediction time."""

from collections.abc import Mapping
from typing import Any

from analysis.front_table import Front, Point, is_confirmed, known
from analysis.palette import bias_words, number, performance_words


def unbeaten_reference(front: Front) -> str | None:
    """A sentence where no point of the front that works without the group performs better than the
    unrepaired dense net with a threshold per group; None where one does.

    Compared is what keeps the tolerance: on tune by being feasible, on test (once the front is
    confirmed) by its values there. A reference that does not keep it is nothing to beat.
    """
    split = "test" if is_confirmed(front) else "tune"
    objective = front["objective"]
    lines = [one for one in front.get("references", ()) if one["needs_group"]]
    if not lines or not _keeps(lines[0][split], split, objective):
        return None
    line = lines[0][split]
    best = _best_without(front, split)
    said = (
        f"On {split} no network that works without the group beats the unrepaired dense net with "
        f"one threshold per group, which keeps the tolerance with {performance_words(objective)} "
        f"{number(line['performance'])} and {bias_words(objective)} {number(line['bias'])}"
    )
    if best is None:
        return f"{said}: none keeps the tolerance."
    performance = best[split]["performance"]
    if performance > line["performance"]:
        return None
    return (
        f"{said}: the best is {number(performance)} ({best['method']}), so that doing without the "
        f"group costs {number(line['performance'] - performance)}."
    )


def _best_without(front: Front, split: str) -> Point | None:
    points = [
        point
        for point in front["points"]
        if point["feasible"]
        and not point["needs_group"]
        and _keeps(point[split], split, front["objective"])
    ]
    return max(points, key=lambda point: float(point[split]["performance"]), default=None)


def _keeps(values: Mapping[str, Any] | None, split: str, objective: Mapping[str, Any]) -> bool:
    """Whether values keep the tolerance; those of points on tune are known to be feasible."""
    if values is None or not (known(values["bias"]) and known(values["performance"])):
        return False
    if split == "tune":
        return bool(values["feasible"] and values["beats_trivial"])
    return bool(values["bias"] < objective["tolerance"])

"""What a search found, in plain sentences."""

from collections.abc import Mapping
from typing import Any

from analysis.front_table import Front, Point, chosen_point, known
from analysis.palette import bias_words, number, performance_words
from analysis.undefined import group_sentences, is_undefined, undefined_sentences
from analysis.without_group import unbeaten_reference


def headline(front: Front) -> str:
    """The finding in one sentence: bias undefined, nothing feasible, chosen on tune, or kept or
    broken on test."""
    point = chosen_point(front)
    tolerance = f"{front['objective']['tolerance']:g}"
    if point is None and any(p["feasible"] for p in front["points"]):
        return f"Only networks that need the group at prediction time keep {tolerance} on tune."
    if is_undefined(front):
        return f"{bias_words(front['objective'])} is undefined for every network."
    if point is None:
        return f"No network kept the tolerance of {tolerance}."
    if point["test"] is None:
        kept = f"{point['method']} keeps the tolerance of {tolerance} on tune"
        if front.get("changed"):
            return f"{kept}, judged otherwise than it was searched."
        return f"{kept}; not yet confirmed on test."
    if point["kept_promise"]:
        return f"The chosen network kept the tolerance of {tolerance} on test."
    return f"The chosen network did not keep the tolerance of {tolerance} on test."


def explanation(front: Front, opening: int | None = None) -> list[str]:
    """The sentences under the headline. `opening` is how many times the test rows have been
    opened, this time included."""
    point = chosen_point(front)
    if point is None and any(p["feasible"] for p in front["points"]):
        return [*_only_with_the_group(front), *_dense(front), *_beside(front)]
    if is_undefined(front):
        return [*undefined_sentences(front), *_beside(front)]
    if point is None:
        return [*_nothing_feasible(front), *_beside(front)]
    sentences = [_identity(point), _values(front, point, "tune")]
    if point["test"] is None and front.get("changed"):
        sentences.append(
            "Another tolerance, measure or grouping than in the search: test values are not "
            "shown; only the front of the search itself is confirmed."
        )
    elif point["test"] is None:
        sentences.append("The test split is sealed: run confirm to open it once.")
    else:
        sentences += [_values(front, point, "test"), _certainty(front, point)]
        if opening is not None:
            sentences.append(_opening(opening))
    return [*sentences, *_dense(front), *_beside(front)]


def _beside(front: Front) -> list[str]:
    """Which groups are compared otherwise than named, what doing without the group costs, and
    which candidates could not be judged."""
    said = unbeaten_reference(front)
    left_out = [
        f"Left out: candidates of {one['method']}, {one['candidates']} ({one['why']})."
        for one in front.get("left_out", ())
    ]
    return [*group_sentences(front), *([] if said is None else [said]), *left_out]


def _only_with_the_group(front: Front) -> list[str]:
    kept = sum(bool(point["feasible"]) for point in front["points"])
    return [
        f"Feasible points: {kept}. All of them need the group at prediction time, so none is "
        f"chosen without objective.group_at_prediction = true.",
        "The test split stays sealed.",
    ]


def _nothing_feasible(front: Front) -> list[str]:
    objective = front["objective"]
    wanted = (
        f"Asked was {bias_words(objective)} below {objective['tolerance']:g} less the margin of "
        f"{objective['margin']:g} on tune, clearly better than the trivial classifier."
    )
    biases = [p["tune"]["bias"] for p in front["points"] if known(p["tune"]["bias"])]
    if not biases:
        return [wanted, "No candidate came close enough to be shown."]
    return [
        wanted,
        f"The closest candidate has a bias of {number(min(biases))}; the closest ones are shown, "
        f"marked infeasible. Nothing is chosen and the test split stays sealed.",
        *_dense(front),
    ]


def _identity(point: Point) -> str:
    group = (
        "It needs the group at prediction time."
        if point["needs_group"]
        else "It does not need the group at prediction time."
    )
    return (
        f"Chosen: candidate {point['candidate']} of {point['method']}, "
        f"sparsity {number(point['tune']['sparsity'])} (fraction of weights removed). {group}"
    )


def _values(front: Front, point: Point, split: str) -> str:
    values, objective = point[split], front["objective"]
    return (
        f"On {split}: {performance_words(objective)} {with_interval(values, 'performance')}, "
        f"{bias_words(objective)} {with_interval(values, 'bias')}."
    )


def with_interval(values: Mapping[str, Any], name: str) -> str:
    """A value and, where there is one, its interval: "0.031 [0.012, 0.047]"."""
    interval = values.get(f"{name}_interval")
    text = number(values[name])
    if interval is None or not all(known(end) for end in interval):
        return text
    return f"{text} [{number(interval[0])}, {number(interval[1])}]"


def chosen_label(point: Point) -> str:
    """The chosen point in a few words."""
    group = ", needs the group" if point["needs_group"] else ""
    return f"chosen: {point['method']}, sparsity {number(point['tune']['sparsity'], 2)}{group}"


def _certainty(front: Front, point: Point) -> str:
    """Whether the interval on test agrees with the verdict."""
    tolerance = float(front["objective"]["tolerance"])
    interval = point["test"].get("bias_interval")
    if interval is None or not all(known(end) for end in interval):
        return "The bias on test has no interval: a cell is too small."
    low, high = interval
    if high < tolerance:
        return "The whole interval lies below the tolerance."
    if low > tolerance:
        return "The whole interval lies above the tolerance."
    return (
        f"The interval reaches from {number(low)} to {number(high)}, across the tolerance: "
        f"this much data cannot settle it."
    )


def _opening(opening: int) -> str:
    if opening == 1:
        return "These test rows had not been opened before."
    return (
        f"These test rows were opened {opening} times in all: the more openings, the less the "
        f"test values can be trusted."
    )


def _dense(front: Front) -> list[str]:
    """The dense net's values, on test where they are known."""
    dense = front.get("dense") or {}
    split = "test" if dense.get("test") is not None else "tune"
    values = dense.get(split)
    if values is None:
        return []
    objective = front["objective"]
    return [
        f"The dense net before any pruning, on {split}: {performance_words(objective)} "
        f"{with_interval(values, 'performance')}, "
        f"{bias_words(objective)} {with_interval(values, 'bias')}."
    ]

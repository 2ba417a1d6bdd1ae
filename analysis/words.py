"""What a search found, and what doing without the group costs, in plain sentences."""

from collections.abc import Mapping
from typing import Any

from analysis.front_table import (
    Front,
    Point,
    chosen_point,
    group_sentences,
    is_confirmed,
    is_undefined,
    known,
    undefined_sentences,
)
from analysis.palette import bias_words, number, performance_words


def unbeaten_reference(front: Front) -> str | None:
    """A sentence where the best network that works without the group performs no better than the
    unrepaired dense net with a threshold per group; None where it does.

    That network is the one which front.json names: of all candidates that keep the tolerance on
    tune the best there. It is compared on tune, or on test once the front is confirmed, so that
    nothing is selected by its values on test. A line that does not keep the tolerance is nothing
    to beat, and fronts of earlier versions name no such network: None.
    """
    split = "test" if is_confirmed(front) else "tune"
    best, objective = front.get("without_group"), front["objective"]
    lines = [one for one in front.get("references", ()) if one["needs_group"]]
    if best is None or not lines or not _keeps(lines[0][split], split, objective):
        return None
    line = lines[0][split]
    said = (
        f"On {split} the unrepaired dense net with one threshold per group keeps the tolerance "
        f"with {performance_words(objective)} {number(line['performance'])} and "
        f"{bias_words(objective)} {number(line['bias'])}"
    )
    if not best["tried"]:
        return f"{said}; no network that works without the group was tried."
    if best["candidate"] is None:
        return f"{said}; no network that works without the group keeps it on tune."
    if best[split] is None:  # judged anew, or confirmed by an earlier version
        return None
    return _compared(said, best, split, line, objective)


def _compared(
    said: str,
    best: Mapping[str, Any],
    split: str,
    line: Mapping[str, Any],
    objective: Mapping[str, Any],
) -> str | None:
    who = f"the best network that works without the group ({best['method']})"
    if split == "test":
        who = f"the network that was best on tune of those without the group ({best['method']})"
    if not _keeps(best[split], split, objective):
        return f"{said}; {who} does not keep it."
    performance = best[split]["performance"]
    if performance > line["performance"]:
        return None
    return (
        f"{said}; {who} comes to {number(performance)}, so that doing without the group costs "
        f"{number(line['performance'] - performance)}."
    )


def _keeps(values: Mapping[str, Any] | None, split: str, objective: Mapping[str, Any]) -> bool:
    """Whether values keep the tolerance; on tune they say themselves whether that is certain."""
    if values is None or not (known(values["bias"]) and known(values["performance"])):
        return False
    if split == "tune":
        return bool(values["feasible"] and values["beats_trivial"])
    return bool(values["bias"] < objective["tolerance"])


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


def verdict(front: Front) -> str:
    """One sentence: what was chosen and whether it kept its promise on test."""
    chosen = next((point for point in front["points"] if point["chosen"]), None)
    tolerance = front["objective"]["tolerance"]
    if chosen is None and any(point["feasible"] for point in front["points"]):
        return (
            f"Nothing is chosen: all that keeps {front['objective']['bias']} below {tolerance:g} "
            f"needs the group at prediction time (objective.group_at_prediction = true would "
            f"allow it)."
        )
    if chosen is None and is_undefined(front):
        return " ".join(undefined_sentences(front))
    if chosen is None:
        return (
            f"Nothing was feasible: no candidate is seen to keep {front['objective']['bias']} "
            f"below {tolerance:g}. The closest ones are marked infeasible."
        )
    said = f"Chosen: {chosen['candidate'][:8]} ({chosen['method']})"
    if chosen["kept_promise"] is None:
        return f"{said}; not confirmed on test yet."
    kept = "kept" if chosen["kept_promise"] else "did NOT keep"
    return f"{said}; on test it {kept} the tolerance of {tolerance:g}."

"""What it costs to do without the group at prediction time."""

from collections.abc import Mapping
from typing import Any

from analysis.front_table import Front, is_confirmed, known
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

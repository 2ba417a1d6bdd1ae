"""What cannot be judged or drawn, in plain sentences: small groups, an undefined bias."""

from collections.abc import Mapping, Sequence
from typing import Any

from analysis.front_table import Front, drawable, reference_marks
from analysis.palette import bias_words


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

"""What the chosen network costs or gains against the references, in plain sentences."""

from __future__ import annotations

from analysis.front_json import Front, FrontObjective, PointValues, Reference, Split
from analysis.front_table import handed_over, keeps_on_tune, of_dense, reference_label
from analysis.notation import bias_words, known, number, performance_words


def reference_sentences(front: Front) -> list[str]:
    """What the chosen network costs or gains against the best reference that needs no group, and
    against the best one that does; with nothing chosen, what these come to.

    The best is that of best performance on tune among those that keep the tolerance there; once
    the front is confirmed, both are compared on test. Nothing where only the dense net is there.
    """
    if not has_models(front):
        return []
    return [_against_best(front, needs_group=needs_group) for needs_group in (False, True)]


def best_reference(front: Front, *, needs_group: bool) -> Reference | None:
    """Of those that keep the tolerance on tune the one of best performance there; None where none
    does."""
    kept = [
        reference
        for reference in front["references"]
        if reference["needs_group"] == needs_group and keeps_on_tune(reference)
    ]
    return max(kept, key=lambda reference: reference["tune"]["performance"] or 0.0, default=None)


def has_models(front: Front) -> bool:
    """Whether a front is compared with models beside the dense net."""
    return not all(of_dense(reference["label"]) for reference in front["references"])


def performance_if_kept(
    values: PointValues | None, split: Split, objective: FrontObjective
) -> float | None:
    """The performance of values that keep the tolerance, else None.

    On tune they say themselves whether it is certain that they do.
    """
    if values is None or not known(values["bias"]) or not known(values["performance"]):
        return None
    if split == "tune":
        kept = values["feasible"] and values["beats_trivial"]
    else:
        kept = values["bias"] < objective["tolerance"]
    return values["performance"] if kept else None


def _against_best(front: Front, *, needs_group: bool) -> str:
    which = "that uses the group" if needs_group else "that needs no group"
    best, ours = best_reference(front, needs_group=needs_group), handed_over(front)
    if best is None:
        return (
            f"No reference {which} is feasible on tune (its bias below the tolerance less the "
            f"margin)."
        )
    split: Split = "tune" if best["test"] is None else "test"
    values, objective = best[split], front["objective"]
    if values is None or not known(values["performance"]):
        return f"The best reference {which}, {reference_label(best)}, has no performance on test."
    words = f"{performance_words(objective)} {number(values['performance'])}"
    words += f", {bias_words(objective)} {number(values['bias'])} on {split}"
    if best.get("randomised"):
        words += ", randomised: it draws each decision by lot"
    if split == "test" and performance_if_kept(values, split, objective) is None:
        words += ", which breaks the tolerance"
    named = f"{reference_label(best)} ({words})"
    own = None if ours is None else ours[split]
    if ours is None or own is None or not known(own["performance"]):
        return f"The best reference {which} is {named}."
    gain = own["performance"] - values["performance"]
    said = f"gains {number(gain)}" if gain > 0 else f"costs {number(-gain)}"
    if number(gain) == number(0.0):
        said = "comes to the same"
    return f"Against the best reference {which}, {named}, {ours['candidate'][:8]} {said}."

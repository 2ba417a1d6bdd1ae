"""What a search found, and what doing without the group costs, in plain sentences."""

from __future__ import annotations

from typing import Literal

from analysis.against_references import has_models, performance_if_kept, reference_sentences
from analysis.claims import beside_chosen, claim_sentences, level_sentence, verdict_of
from analysis.front_json import (
    Front,
    FrontObjective,
    FrontPoint,
    PointValues,
    Split,
    WithoutGroup,
)
from analysis.front_table import (
    chosen_point,
    group_sentences,
    handed_over,
    is_confirmed,
    is_undefined,
    undefined_sentences,
)
from analysis.notation import (
    bias_words,
    ends_of,
    known,
    meaning,
    number,
    performance_words,
    with_interval,
)
from analysis.weakest_group import weakest_group_sentence

Finding = Literal[
    "only with the group",  # all that is feasible needs the group, which may not be used
    "undefined",  # no candidate has a bias that can be estimated
    "nothing feasible",
    "judged otherwise",  # a point is chosen, by another view than that of the search
    "not confirmed",  # a point is chosen on tune, test is sealed
    "certified",  # the chosen point is certified on test
    "another certified",  # not that one, but another
    "not certified",  # none is, though the chosen one's estimate lies below the tolerance
    "broken",  # none is, and not even its estimate does
]


def finding(front: Front) -> Finding:
    """What a front comes to; headline, verdict and explanation word it."""
    point = chosen_point(front)
    if point is None and any(p["feasible"] for p in front["points"]):
        return "only with the group"
    if is_undefined(front):
        return "undefined"
    if point is None:
        return "nothing feasible"
    if point["test"] is None:
        return "judged otherwise" if front.get("changed") else "not confirmed"
    if (given := front.get("handed_over")) is not None:
        return "certified" if given == point["candidate"] else "another certified"
    return "not certified" if verdict_of(point) == "not certified" else "broken"


def headline(front: Front) -> str:
    """The finding in one sentence, as the report has it on top."""
    point = chosen_point(front)
    tolerance = f"{front['objective']['tolerance']:g}"
    on_tune = (
        "" if point is None else f"{point['method']} keeps the tolerance of {tolerance} on tune"
    )
    match finding(front):
        case "only with the group":
            return (
                f"Only networks that need the group at prediction time keep {tolerance} on tune."
            )
        case "undefined":
            return f"{bias_words(front['objective'])} is undefined for every network."
        case "nothing feasible":
            return f"No network kept the tolerance of {tolerance}."
        case "judged otherwise":
            return f"{on_tune}, judged otherwise than it was searched."
        case "not confirmed":
            return f"{on_tune}; not yet confirmed on test."
        case "certified":
            return f"The chosen network is certified to keep the tolerance of {tolerance}."
        case "another certified":
            return (
                f"The chosen network is not certified to keep the tolerance of {tolerance}; "
                f"another one is."
            )
        case "not certified":
            return (
                f"Nothing is certified: the chosen network's bias lies below {tolerance} on test, "
                f"by its estimate alone."
            )
        case "broken":
            return (
                f"Nothing is certified: the chosen network did not keep the tolerance of "
                f"{tolerance} on test."
            )


def verdict(front: Front) -> str:
    """The finding in one line, as the terminal has it under the table: it names the candidate, and
    says what that costs or gains against the references, and warns of a group that it fails."""
    return " ".join([_verdict(front), *_warning(front), *reference_sentences(front)])


def _verdict(front: Front) -> str:
    point = chosen_point(front)
    tolerance = f"{front['objective']['tolerance']:g}"
    chosen = "" if point is None else f"Chosen: {_short(point)}"
    given = "" if (best := handed_over(front)) is None else _short(best)
    match finding(front):
        case "only with the group":
            return (
                f"Nothing is chosen: all that keeps {front['objective']['bias']} below "
                f"{tolerance} needs the group at prediction time "
                f"(objective.group_at_prediction = true would allow it)."
            )
        case "undefined":
            return " ".join(undefined_sentences(front))
        case "nothing feasible":
            return (
                f"Nothing was feasible: no candidate is seen to keep {front['objective']['bias']} "
                f"below {tolerance}. The closest ones are marked infeasible."
            )
        case "judged otherwise" | "not confirmed":
            return f"{chosen}; not confirmed on test yet."
        case "certified":
            return f"{chosen}; certified on test to keep the tolerance of {tolerance}."
        case "another certified":
            return (
                f"{chosen}; on test it is NOT certified to keep the tolerance of {tolerance}. "
                f"Handed over: {given}, which is{beside_chosen(front)}."
            )
        case "not certified":
            return (
                f"{chosen}; nothing is certified: on test its estimate lies below the tolerance "
                f"of {tolerance}, but these rows cannot show that its bias does."
            )
        case "broken":
            return (
                f"{chosen}; nothing is certified: on test it did NOT keep the tolerance of "
                f"{tolerance}."
            )


def explanation(front: Front, opening: int | None = None) -> list[str]:
    """The sentences under the headline. `opening` is how many times the test rows have been
    opened, this time included."""
    point = chosen_point(front)
    if point is None:
        return [*_why_none_is_chosen(front), *_further(front)]
    sentences = [_identity(point), *_measured_by(front), _values(front, "tune", point["tune"])]
    if point["test"] is not None:
        sentences.append(_values(front, "test", point["test"]))
        claims = claim_sentences(front)
        sentences += claims or [_certainty(front, point["test"])]
        if (level := level_sentence(front)) is not None:
            sentences.append(level)
        elif opening is not None:
            sentences.append(opening_sentence(opening))
    elif finding(front) == "judged otherwise":
        sentences.append(
            "Another tolerance, measure or grouping than in the search: test values are not "
            "shown; only the front of the search itself is confirmed."
        )
    else:
        sentences.append("The test split is sealed: run confirm to open it once.")
    return [*sentences, *_warning(front), *_dense(front), *_further(front)]


def unbeaten_reference(front: Front) -> str | None:
    """A sentence where the best network that works without the group performs no better than the
    unrepaired dense net with a threshold per group; None where it does.

    That network is the one that front.json names: of all candidates that keep the tolerance on
    tune the best there. It is compared on tune, or on test once the front is confirmed, so that
    nothing is selected by its values on test. None too where the dense net does not keep the
    tolerance (there is nothing to beat), for fronts of earlier versions, which name no such
    network, and where models stand beside the dense net: see `reference_sentences`.
    """
    if has_models(front):
        return None
    split: Split = "test" if is_confirmed(front) else "tune"
    best, objective = front.get("without_group"), front["objective"]
    by_group = next((r[split] for r in front["references"] if r["needs_group"]), None)
    to_beat = performance_if_kept(by_group, split, objective)
    if best is None or by_group is None or to_beat is None:
        return None
    sentence = (
        f"On {split} the unrepaired dense net with one threshold per group keeps the tolerance "
        f"with {performance_words(objective)} {number(to_beat)} and "
        f"{bias_words(objective)} {number(by_group['bias'])}"
    )
    if not best["tried"]:
        return f"{sentence}; no network that works without the group was tried."
    if best["candidate"] is None:
        return f"{sentence}; no network that works without the group keeps it on tune."
    if best[split] is None:  # judged anew, or confirmed by an earlier version
        return None
    performance = performance_if_kept(best[split], split, objective)
    if performance is None:
        return f"{sentence}; {_named(best, split)} does not keep it."
    if performance > to_beat:
        return None
    return (
        f"{sentence}; {_named(best, split)} comes to {number(performance)}, so that doing without "
        f"the group costs {number(to_beat - performance)}."
    )


def no_op_sentences(front: Front) -> list[str]:
    """Which methods did nothing of what they are meant to do, in how many trials; and whether the
    chosen network is of such a trial."""
    sentences = [
        f"No-op: in {each['trials']} of {each['of']} trials of {each['method']} the stage "
        f"{each['stage']} did not do what it is for: {each['what']}."
        for each in front.get("no_ops", ())
    ]
    chosen = chosen_point(front)
    if chosen is not None and (what := chosen.get("no_ops")):
        sentences.append(f"The chosen network is of such a trial: {'; '.join(what)}.")
    return sentences


def values_words(objective: FrontObjective, values: PointValues) -> str:
    """Performance and bias with their intervals, each by its name."""
    performance = with_interval(values["performance"], values.get("performance_interval"))
    bias = with_interval(values["bias"], values.get("bias_interval"))
    return f"{performance_words(objective)} {performance}, {bias_words(objective)} {bias}"


def chosen_label(point: FrontPoint) -> str:
    """The chosen point in a few words, for figures."""
    group = ", needs the group" if point["needs_group"] else ""
    return f"chosen: {point['method']}, sparsity {number(point['tune']['sparsity'], 2)}{group}"


def _why_none_is_chosen(front: Front) -> list[str]:
    match finding(front):
        case "only with the group":
            return [*_only_with_the_group(front), *_dense(front)]
        case "undefined":
            return undefined_sentences(front)
        case _:
            return _nothing_feasible(front)


def _only_with_the_group(front: Front) -> list[str]:
    feasible = sum(bool(point["feasible"]) for point in front["points"])
    return [
        f"Feasible points: {feasible}. All of them need the group at prediction time, so none is "
        f"chosen without objective.group_at_prediction = true.",
        "The test split stays sealed.",
    ]


def _nothing_feasible(front: Front) -> list[str]:
    objective = front["objective"]
    wanted = (
        f"Asked was {bias_words(objective)} below {objective['tolerance']:g} less the margin of "
        f"{objective['margin']:g} on tune, clearly better than the trivial classifier."
    )
    biases = [bias for point in front["points"] if known(bias := point["tune"]["bias"])]
    if not biases:
        return [wanted, "No candidate came close enough to be shown."]
    return [
        wanted,
        f"The closest candidate has a bias of {number(min(biases))}; the closest ones are shown, "
        f"marked infeasible. Nothing is chosen and the test split stays sealed.",
        *_dense(front),
    ]


def _short(point: FrontPoint) -> str:
    return f"{point['candidate'][:8]} ({point['method']})"


def _identity(point: FrontPoint) -> str:
    group = (
        "It needs the group at prediction time."
        if point["needs_group"]
        else "It does not need the group at prediction time."
    )
    return (
        f"Chosen: candidate {point['candidate']} of {point['method']}, "
        f"sparsity {number(point['tune']['sparsity'])} (fraction of weights removed). {group}"
    )


def _warning(front: Front) -> list[str]:
    """Of a group that is decided far worse than others."""
    return [] if (sentence := weakest_group_sentence(front)) is None else [sentence]


def _measured_by(front: Front) -> list[str]:
    """What the figures are that follow."""
    objective = front["objective"]
    return [
        f"Performance: {performance_words(objective)}, {meaning(objective['performance'])}.",
        f"Bias: {bias_words(objective)}, {meaning(objective['bias'])}; 0 is fair, and more is "
        f"less fair.",
    ]


def _values(front: Front, split: Split, values: PointValues) -> str:
    return f"On {split}: {values_words(front['objective'], values)}."


def _certainty(front: Front, test: PointValues) -> str:
    """Whether the interval on test agrees with the verdict."""
    tolerance = front["objective"]["tolerance"]
    interval = ends_of(test.get("bias_interval"))
    if interval is None:
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


def chosen_sentence(front: Front) -> str:
    """What is chosen of a front that was judged anew, with its values on tune; or why nothing."""
    point, objective = chosen_point(front), front["objective"]
    if point is None:
        return verdict(front)
    return (
        f"{objective['bias']} below {objective['tolerance']:g}: {point['candidate'][:8]} "
        f"({point['method']}) is chosen, with a margin of {objective['margin']:g}; on tune "
        f"{values_words(objective, point['tune'])}, sparsity {number(point['tune']['sparsity'])}."
    )


def opening_sentence(opening: int) -> str:
    """How many times the test rows have been opened, this time included, and what that means."""
    if opening == 1:
        return "These test rows had not been opened before."
    return (
        f"These test rows were opened {opening} times in all: the more openings, the less the "
        f"test values can be trusted."
    )


def _dense(front: Front) -> list[str]:
    """The dense net's values, on test where they are known."""
    dense = front["dense"]
    split: Split = "tune" if dense["test"] is None else "test"
    values = dense[split]
    if values is None:
        return []
    words = values_words(front["objective"], values)
    return [f"The dense net before any pruning, on {split}: {words}."]


def _further(front: Front) -> list[str]:
    """Which groups are compared otherwise than named, what doing without the group costs, and
    which candidates could not be judged."""
    unbeaten = unbeaten_reference(front)
    left_out = [
        f"Left out: candidates of {each['method']}, {each['candidates']} ({each['why']})."
        for each in front.get("left_out", ())
    ]
    return [
        *no_op_sentences(front),
        *group_sentences(front),
        *reference_sentences(front),
        *([] if unbeaten is None else [unbeaten]),
        *left_out,
        *_between_rounds(front),
    ]


def _between_rounds(front: Front) -> list[str]:
    number_of = front.get("between_rounds", 0)
    if not number_of:
        return []
    return [
        f"{number_of} of the {len(front['points'])} points are networks from between two rounds "
        f"of pruning: they have not had the final retraining of their trial."
    ]


def _named(best: WithoutGroup, split: Split) -> str:
    if split == "test":
        return f"the network that was best on tune of those without the group ({best['method']})"
    return f"the best network that works without the group ({best['method']})"

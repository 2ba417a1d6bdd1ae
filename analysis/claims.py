"""What is certified of a confirmed front, in words."""

from __future__ import annotations

from analysis.front_json import Claims, Front, FrontPoint, PointValues, SeedRow, Verdict
from analysis.front_table import chosen_point, handed_over
from analysis.notation import bias_words, ends_of, known, number, performance_words, rounded_up

# The verdicts, each as it is said of a network.
WORDS: dict[Verdict, str] = {
    "certified": "certified",
    "not certified": "not certified (estimate below the tolerance)",
    "broke": "broke the tolerance (by its estimate)",
    "not estimable": "not estimable",
}


def verdict_of(row: FrontPoint | SeedRow) -> Verdict | None:
    """What test said of a network; None where it is sealed.

    Files of earlier versions have an estimate alone: it certifies nothing.
    """
    if (claim := row.get("claim")) is not None:
        return claim["verdict"]
    kept = row.get("kept_promise")
    if kept is None:
        return None
    if row["test"] is None or not known(row["test"]["bias"]):
        return "not estimable"
    return "not certified" if kept else "broke"


def certified_at(row: FrontPoint | SeedRow) -> float | None:
    """The bound that a network's bias lies below, all that were named at once; None: not known."""
    claim = row.get("claim")
    return None if claim is None else claim["certified_at"]


def claim_sentences(front: Front) -> list[str]:
    """What is certified of how many, at which error rate, and what it would take where nothing is;
    empty where test is sealed, or by an earlier version."""
    claims = front.get("claims")
    chosen = chosen_point(front)
    if claims is None or chosen is None:
        return []
    point = handed_over(front)
    if front.get("handed_over") is None:
        sentences = [*_nothing(front, chosen), *_not_tolerable(front)]
    else:
        sentences = [_counted(front, claims), *_not_the_chosen(front, chosen)]
    if point is not None and known(bound := certified_at(point)):
        other = "any other" if verdict_of(point) == "certified" else "any"
        sentences.append(
            f"Of the network {_named(point)}, {other} tolerance above {number(bound)} may be "
            f"quoted; each has such a bound of its own (certified_at), and all of them hold "
            f"together with a probability of {1 - claims['level']:g}."
        )
    if front.get("handed_over") is None:
        sentences += _what_to_do(front, claims)
    return sentences


def uncertified_sentence(front: Front, confirmed: Front | None) -> str:
    """What is certified of a front that was judged anew: nothing, but for what the `confirmed` one
    says of the same measure and groups."""
    asked = front["objective"]
    if confirmed is None:
        return "That is what tune shows: nothing is certified, test is sealed."
    said = "That is what tune shows: nothing of it is certified."
    of_run = confirmed["objective"]
    if (asked["bias"], asked["group"]) != (of_run["bias"], of_run["group"]):
        return f"{said} Test was opened for {bias_words(of_run)} by {of_run['group']}."
    bounds = [(certified_at(point), point) for point in confirmed["points"]]
    held = [(b, p) for b, p in bounds if known(b) and b < asked["tolerance"] and p["test"]]
    if not held:
        return f"{said} No network as it was confirmed may be quoted at {asked['tolerance']:g}."
    bound, best = max(held, key=lambda one: one[1]["tune"]["performance"] or 0.0)
    return (
        f"{said} As they were confirmed, {len(held)} of {len(bounds)} points may be quoted at "
        f"{asked['tolerance']:g}, {_named(best)} with certified_at {number(bound)} among them."
    )


def level_sentence(front: Front) -> str | None:
    """The share of the error rate that this opening had, and when that is right."""
    claims, opening = front.get("claims"), front.get("opening")
    if claims is None or opening is None:
        return None
    return (
        f"Claims are tested at {claims['level']:g}, as opening {opening} of these test rows; all "
        f"openings together at {claims['error_rate']:g}. That holds where no later search is "
        f"chosen by what an earlier opening has shown."
    )


def _counted(front: Front, claims: Claims) -> str:
    certified = sum(verdict_of(point) == "certified" for point in front["points"])
    also = f" and {', '.join(claims['also'])}" if claims["also"] else ""
    return (
        f"Certified to keep {bias_words(front['objective'])}{also} below "
        f"{front['objective']['tolerance']:g}: {certified} of the front's "
        f"{len(front['points'])} points. The probability that any claim is false is at most "
        f"{claims['level']:g}."
    )


def _not_the_chosen(front: Front, chosen: FrontPoint) -> list[str]:
    given = handed_over(front)
    if given is None or given["candidate"] == chosen["candidate"]:
        return []
    what = {
        "not certified": "only its estimate lies below the tolerance",
        "broke": "on test it does not keep the tolerance",
        "not estimable": "its bias on test is not estimable",
    }[verdict_of(chosen) or "not estimable"]
    worth = "" if given["test"] is None else f" ({_worth(front, given['test'])} on test)"
    own = "" if chosen["test"] is None else f" ({_worth(front, chosen['test'])})"
    return [
        f"Tune chose {_named(chosen)}{own}, but {what}. Handed over (what `fairfront export` "
        f"takes) is {_named(given)}{worth}, the best of those that are certified: weigh what that "
        f"costs."
    ]


def _nothing(front: Front, chosen: FrontPoint) -> list[str]:
    test, tolerance = chosen["test"], f"{front['objective']['tolerance']:g}"
    if test is None or not known(test["bias"]):
        return [f"Of no network the rows of test show a bias below {tolerance}."]
    within = ""
    if (ends := ends_of(test.get("bias_interval"))) is not None:
        within = f", and may be anything from {number(ends[0])} to {number(ends[1])}"
    return [
        f"Of no network the rows of test show a bias below {tolerance}. The chosen one's "
        f"{bias_words(front['objective'])} is estimated at {number(test['bias'])} there{within}."
    ]


def _not_tolerable(front: Front) -> list[str]:
    """Of how many the rows show the contrary."""
    tolerance = front["objective"]["tolerance"]
    tests = [point["test"] for point in front["points"] if point["test"] is not None]
    ends = [ends_of(test.get("bias_interval")) for test in tests]
    above = sum(each is not None and each[0] >= tolerance for each in ends)
    if not above:
        return ["Nor do they show of any that it is larger: they are too few to tell."]
    return [
        f"Of {above} of the front's {len(front['points'])} points they show that it is larger."
    ]


def _what_to_do(front: Front, claims: Claims) -> list[str]:
    return [
        _more_rows(front, claims),
        "`fairfront report RUN --tolerance T` shows what tune would have chosen for another "
        "tolerance and certifies nothing. Picking another network by what it is worth on test "
        "would make its bound void.",
    ]


def _more_rows(front: Front, claims: Claims) -> str:
    """What would help: rows or tolerance; or fairer networks, where rows are enough for these."""
    there, needed = claims.get("rows"), claims["rows_for_power"]
    larger, asked = claims.get("tolerance_for_power"), front["objective"]["tolerance"]
    if there is None or needed is None or not known(larger):
        rows = "" if needed is None else f" (some {rounded_up(needed):,})"
        return f"What to do next: have more rows of test{rows}, or ask for a larger tolerance."
    if larger <= asked:
        return (
            f"What to do next: search longer, or with other methods, for fairer networks: the "
            f"{there:,} rows of test are enough to certify a perfectly fair one that is right as "
            f"often as the chosen one, in 80 % down to a tolerance of {number(larger)}."
        )
    return (
        f"What to do next: have more rows of test (some {rounded_up(needed):,} in place of "
        f"{there:,}), or ask for a larger tolerance (from {number(larger)} on). Either would "
        f"certify a perfectly fair network, right as often as the chosen one, in 80 %, the next "
        f"time that test is opened; what `fairfront power FILE` says before a search is for "
        f"decisions that are right half the time, at worst."
    )


def _worth(front: Front, values: PointValues) -> str:
    return f"{performance_words(front['objective'])} {number(values['performance'])}"


def _named(point: FrontPoint) -> str:
    return f"{point['method']} ({point['candidate'][:8]})"


def beside_chosen(front: Front) -> str:
    """What the network that is handed over is worth on test, beside the one that was chosen."""
    given, chosen = handed_over(front), chosen_point(front)
    if given is None or chosen is None or given["test"] is None or chosen["test"] is None:
        return ""
    ours, theirs = given["test"]["performance"], chosen["test"]["performance"]
    if ours is None or theirs is None:
        return ""
    measure = performance_words(front["objective"])
    return f", with a {measure} of {number(ours)} for the chosen one's {number(theirs)}"

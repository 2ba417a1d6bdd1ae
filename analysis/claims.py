"""What is certified of a confirmed front, in words."""

from __future__ import annotations

from analysis.front_json import Claims, Front, FrontPoint, PointValues, SeedRow, Verdict
from analysis.front_table import chosen_point, handed_over
from analysis.notation import bias_words, known, number, performance_words

# The verdicts, each as it is said of a network.
WORDS: dict[Verdict, str] = {
    "certified": "certified",
    "not certified": "not certified (estimate below the tolerance)",
    "broke": "broke the tolerance",
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
    sentences = [_counted(front, claims), *_not_the_chosen(front, chosen)]
    bound = None if (point := handed_over(front)) is None else certified_at(point)
    if point is not None and known(bound):
        sentences.append(
            f"Of {_named(point)}, any tolerance above {number(bound)} may be quoted; each network "
            f"has such a bound of its own (certified_at), and all of them hold together."
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
        f"Tune chose {_named(chosen)}{own}, but {what}. Handed over is {_named(given)}{worth}, "
        f"the best of those that are certified: weigh what that costs."
    ]


def _what_to_do(front: Front, claims: Claims) -> list[str]:
    rows = claims["rows_for_power"]
    needed = (
        ""
        if rows is None
        else f" Some {rows:,} rows of test would certify a perfectly fair network in 80 %."
    )
    return [
        f"Nothing is certified: that does not mean that the networks are unfair, but that these "
        f"test rows cannot show it.{needed} Fewer rows certify a larger tolerance; see "
        f"certified_at of each point, and `fairfront power` before the next search."
    ]


def _worth(front: Front, values: PointValues) -> str:
    return f"{performance_words(front['objective'])} {number(values['performance'])}"


def _named(point: FrontPoint) -> str:
    return f"{point['method']} ({point['candidate'][:8]})"

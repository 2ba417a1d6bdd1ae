"""What is certified in a table, in words and cells."""

from __future__ import annotations

import math

from analysis.notation import bias_words, number, performance_words
from search.reproduce.pages.wording import DASH, Text
from search.reproduce.results_json import (
    ClaimsOfColumn,
    ColumnFacts,
    MeanAndSd,
    PowerOfColumn,
    SettingsKind,
    SmallestCell,
    TableCell,
    TableResults,
)

ENOUGH = 0.8  # power; with less, a larger tolerance is shown too


def larger_tolerance(facts: ColumnFacts) -> float | None:
    """Where the column's tolerance can hardly be certified: one that can, rounded up."""
    power = facts.get("claims", {}).get("power")
    if power is None or power["power"] >= ENOUGH:
        return None
    return math.ceil(100 * _of_all(power["tolerance_for_power"])) / 100


def certified_at(cell: TableCell, kind: SettingsKind, tolerance: float) -> Text:
    """Of how many seeds the network is certified at another tolerance than the column's."""
    over_seeds = cell[kind]
    if over_seeds is None:
        return Text(DASH)
    bounds = [
        bound
        for entry in over_seeds["entries"]
        if "claim" in entry and (bound := entry["claim"]["certified_at"]) is not None
    ]
    return Text(f"{sum(bound < tolerance for bound in bounds)}/{over_seeds['of']}")


def fuller(cell: TableCell, kind: SettingsKind) -> Text:
    """The measure that stands beside the bias; nothing is certified about it."""
    over_seeds = cell[kind]
    return Text(DASH if over_seeds is None else _mean(over_seeds.get("fuller")))


def last_epoch(cell: TableCell, kind: SettingsKind) -> Text:
    """Performance and bias on tune of the network that was chosen and of the recovery's last."""
    over_seeds = cell[kind]
    if over_seeds is None or (ends := over_seeds.get("last_epoch")) is None:
        return Text(DASH)
    chosen = f"{_value(ends['chosen_performance'])}, {_value(ends['chosen_bias'])}"
    return Text(
        f"{chosen} \N{RIGHTWARDS ARROW} {_value(ends['performance'])}, {_value(ends['bias'])}"
    )


def marks_of_claims(results: TableResults) -> list[str]:
    """What bold and struck out mean, and how it was tested."""
    claims = [facts["claims"] for facts in results["columns"].values() if "claims" in facts]
    struck = "~~Struck out~~: the mean bias is not below the tolerance."
    if not claims:
        return [
            f"{struck} Kept: seeds whose own bias is estimated below it. An estimate certifies "
            f"nothing, and this table was made before its networks were tested: no row is bold."
        ]
    return [
        f"**Bold**: certified with every seed. {struck} Neither: it is, but not every seed's "
        f"network is certified.",
        f"Certified: seeds whose test rows show that the true bias lies below the tolerance; not "
        f"certified: only the estimate does; broke: not even that. All networks of a column, rows "
        f"times seeds, are tested together by Holm's procedure: the probability that any of them "
        f"is certified wrongly is at most {_levels(claims)}, and {claims[0]['error_rate']:g} over "
        f"all openings of the same test rows, where no later table or search is chosen by what an "
        f"earlier opening has shown.",
    ]


def about_claims(name: str, facts: ColumnFacts) -> list[str]:
    """What a column's rows can certify, and what cannot be passed on them."""
    sentences = []
    if (claims := facts.get("claims")) is not None:
        tested = ", ".join(
            f"{each['named']} at {each['level']:g} (opening {each['opening']})"
            for each in claims["openings"]
        )
        sentences.append(f"{name}: networks tested together: {tested}.")
        if (power := claims.get("power")) is not None:
            sentences.append(f"{name}: {_power(facts, power)}")
    if (best := facts.get("oracle")) is not None:
        objective = facts["objective"]
        sentences.append(
            f"{name}: ceiling of the dense net's scores: with the best thresholds per group, "
            f"chosen on test itself, which takes group and label of its rows, "
            f"{performance_words(objective)} is {_mean(best)} at {bias_words(objective)} below "
            f"{objective['tolerance']:g}."
        )
    return sentences


def last_epoch_heading(facts: ColumnFacts) -> str:
    """The heading of `last_epoch`."""
    objective = facts["objective"]
    return (
        f"tune, chosen \N{RIGHTWARDS ARROW} last epoch: {performance_words(objective)}, "
        f"{bias_words(objective)}"
    )


def _power(facts: ColumnFacts, power: PowerOfColumn) -> str:
    bias, tolerance = bias_words(facts["objective"]), facts["objective"]["tolerance"]
    rows = f"{power['rows']:,} rows of test, {_cell_words(power['smallest_cell'])}"
    limits = " and ".join(
        f"{number(limit)} for {_together(networks)}"
        for networks, limit in power["certifiable_above"].items()
    )
    enough = number(_of_all(power["tolerance_for_power"]))
    if (larger := larger_tolerance(facts)) is None:
        return (
            f"with these {rows}, a perfectly fair network would be certified to keep {bias} below "
            f"{tolerance:g} with a probability of {power['power']:.0%}."
        )
    shown = (
        f"`certified at {larger:g}` says what is certified at that tolerance of the same "
        f"networks, which were chosen for {tolerance:g}."
    )
    if tolerance <= _of_all(power["certifiable_above"]):
        return (
            f"**{bias} below {tolerance:g} is not certifiable with these {rows}**, of a network "
            f"that is right as often as the dense net, were it perfectly fair: only a tolerance "
            f"above {limits} is, and above {enough} in 80 % of the cases. One that decides nearly "
            f"all rows alike errs less, and can be. {shown}"
        )
    return (
        f"with these {rows}, a perfectly fair network would be certified to keep {bias} below "
        f"{tolerance:g} with a probability of {power['power']:.0%} only, below {enough} in 80 %. "
        f"{shown}"
    )


def _together(networks: str) -> str:
    return "a network tested alone" if networks == "1" else f"one of {networks}"


def _cell_words(cell: SmallestCell) -> str:
    label = f" with label {cell['label']}" if "label" in cell else ""
    return f"of which {cell['rows']:,} {cell['group']}{label}"


def _levels(claims: list[ClaimsOfColumn]) -> str:
    levels = {opening["level"] for of_column in claims for opening in of_column["openings"]}
    return " or ".join(f"{level:g}" for level in sorted(levels, reverse=True))


def _of_all(by_networks: dict[str, float]) -> float:
    """Of a network that is tested with all others of its column."""
    return by_networks[max(by_networks, key=int)]


def _value(spread: MeanAndSd | None) -> str:
    return DASH if spread is None else number(spread["mean"])


def _mean(spread: MeanAndSd | None) -> str:
    if spread is None:
        return DASH
    sd = "" if spread["sd"] is None else f" ± {number(spread['sd'])}"
    return f"{number(spread['mean'])}{sd}"

"""The tables of a column whose table declares its quantities: figures, the paper's above ours, and
what each row has more or less than the first one, or than another one with a verdict."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from analysis.notation import number, with_interval
from search.reproduce.pages.page_table import Heading, PageTable
from search.reproduce.pages.wording import (
    DASH,
    PAPER_WORD,
    Text,
    access,
    quantity_word,
    signed,
)
from search.reproduce.results import paired
from search.reproduce.results_json import (
    SETTINGS_KINDS,
    OverSeeds,
    QuantityName,
    QuantityOverSeeds,
    ResultRow,
    SettingsKind,
    TableResults,
)
from search.reproduce.tables import BY_GROUP


def figures_table(results: TableResults, column: str) -> PageTable:
    """For each row a line of the paper's figures, where it prints any, and lines of ours."""
    words = _words(results, column)
    headings = [
        *(Heading("", text) for text in ("row", "figures")),
        *(Heading("", word) for word in words.values()),
        *(Heading("", text) for text in ("learns from", "needs group")),
    ]
    lines: list[tuple[ResultRow, list[Text]]] = []
    for row in results["rows"]:
        printed = [row["cells"][column]["paper"].get(_paper_word(name)) for name in words]
        if any(figure is not None for figure in printed):
            figures = [Text(DASH if figure is None else figure["printed"]) for figure in printed]
            lines.append((row, [Text("the paper"), *figures, Text(""), Text("")]))
        about = [access(row), Text("yes" if row["needs_group"] else "no")]
        for _, whose, over_seeds in _ours(results, row, column):
            lines.append((row, [whose, *_cells(over_seeds, words, _mean), *about]))
    return PageTable(headings, lines)


def differences_table(results: TableResults, column: str) -> PageTable:
    """What each other row has more than the first one at the same seed, with intervals."""
    words, first = _words(results, column), results["rows"][0]["name"]
    headings = [
        Heading("", f"less {first}'s"),
        *(Heading("", text) for text in ("figures", *words.values())),
    ]
    lines = [
        (row, [whose, *_cells(over_seeds, words, _difference)])
        for row in results["rows"][1:]
        for _, whose, over_seeds in _ours(results, row, column)
    ]
    return PageTable(headings, lines)


def verdicts_table(results: TableResults, column: str) -> PageTable | None:
    """What each row has more than the one that the table compares with, and whether that is more
    than chance in training: higher, lower or not told apart, by the interval.

    Values by group are left out. None where the table compares with no such row, or the column has
    no networks of it.
    """
    bases = [row for row in results["rows"] if row["name"] == results.get("compared")]
    if not bases or not (of_base := bases[0]["cells"][column])["published"]:
        return None
    words = {
        name: word
        for name, word in _words(results, column).items()
        if not name.startswith(BY_GROUP)
    }
    headings = [
        Heading("", f"less {bases[0]['name']}'s"),
        *(Heading("", text) for text in ("figures", *words.values())),
    ]
    groups = results["columns"][column]["groups"]
    lines: list[tuple[ResultRow, list[Text]]] = []
    for row in results["rows"]:
        for kind, whose, over_seeds in _ours(results, row, column) if row != bases[0] else ():
            base = of_base[kind] or of_base["published"]
            if base is not None:
                told = [_verdict(over_seeds, base, name, groups) for name in words]
                lines.append((row, [whose, *told]))
    return PageTable(headings, lines)


def _verdict(
    over_seeds: OverSeeds, base: OverSeeds, name: QuantityName, groups: Sequence[str]
) -> Text:
    """None is given where a network of either is at chance: its quantities say nothing."""
    less = paired(over_seeds["entries"], base["entries"], name, groups)
    if less is None:
        return Text(DASH)
    text = with_interval(less["mean"], less["interval"], signed)
    if less["interval"] is None or over_seeds.get("at_chance") or base.get("at_chance"):
        return Text(text, may_wrap=True)
    low, high = less["interval"]
    verdict = "higher" if low > 0 else "lower" if high < 0 else "not told apart"
    return Text(f"{text}, {verdict}", may_wrap=True)


def _words(results: TableResults, column: str) -> dict[QuantityName, str]:
    """Quantity -> its heading."""
    facts = results["columns"][column]
    return {name: quantity_word(name, facts) for name in facts.get("quantities", [])}


def _paper_word(name: QuantityName) -> str:
    """How the paper's data call a quantity: a group's accuracy by the group, others as we do."""
    if name.startswith(BY_GROUP):
        value, _, group = name.removeprefix(BY_GROUP).partition(".")
        return group if value == "accuracy" else f"{value}.{group}"
    return {str(quantity): word for quantity, word in PAPER_WORD.items()}.get(name, name)


def _ours(
    results: TableResults, row: ResultRow, column: str
) -> list[tuple[SettingsKind, Text, OverSeeds]]:
    """Kind, what to call it (which settings, what is to be known first), and figures of a row."""
    shown: list[SettingsKind] = [
        kind for kind in SETTINGS_KINDS if results["only"] in (None, kind)
    ]
    ours = []
    for kind in shown:
        if (over_seeds := row["cells"][column][kind]) is None:
            continue
        remarks: list[str] = [kind] if len(shown) > 1 else []
        if missing := over_seeds["of"] - over_seeds["measured"]:
            remarks.append(f"{missing} of {over_seeds['of']} seeds without a network")
        if at_chance := over_seeds.get("at_chance"):
            remarks.append(f"at chance with {at_chance} of {over_seeds['of']} seeds")
        if no_ops := over_seeds.get("no_ops"):
            remarks.append(f"no-op with {no_ops} of {over_seeds['of']} seeds")
        whose = Text(f"ours ({'; '.join(remarks)})" if remarks else "ours")
        ours.append((kind, whose, over_seeds))
    return ours


def _cells(
    over_seeds: OverSeeds,
    names: Sequence[QuantityName] | dict[QuantityName, str],
    text: Callable[[QuantityOverSeeds], Text],
) -> list[Text]:
    quantities = over_seeds.get("quantities", {})
    return [text(quantities[name]) if name in quantities else Text(DASH) for name in names]


def _mean(quantity: QuantityOverSeeds) -> Text:
    spread = quantity["over_seeds"]
    if spread is None:
        return Text(DASH)
    sd = "" if spread["sd"] is None else f" ± {number(spread['sd'])}"
    return Text(f"{number(spread['mean'])}{sd}", may_wrap=True)


def _difference(quantity: QuantityOverSeeds) -> Text:
    paired = quantity["against_first_row"]
    if paired is None:
        return Text(DASH)
    return Text(with_interval(paired["mean"], paired["interval"], signed), may_wrap=True)

"""The tables of a column whose table declares its quantities: figures, the paper's above ours, and
what each row has more or less than the first one."""

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
        for whose, over_seeds in _ours(results, row, column):
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
        for whose, over_seeds in _ours(results, row, column)
    ]
    return PageTable(headings, lines)


def _words(results: TableResults, column: str) -> dict[QuantityName, str]:
    """Quantity -> its heading."""
    facts = results["columns"][column]
    return {name: quantity_word(name, facts["objective"]) for name in facts.get("quantities", [])}


def _paper_word(name: QuantityName) -> str:
    """How the paper's data call a quantity: a group's accuracy by the group, others as we do."""
    if name.startswith(BY_GROUP):
        value, _, group = name.removeprefix(BY_GROUP).partition(".")
        return group if value == "accuracy" else f"{value}.{group}"
    return {str(quantity): word for quantity, word in PAPER_WORD.items()}.get(name, name)


def _ours(results: TableResults, row: ResultRow, column: str) -> list[tuple[Text, OverSeeds]]:
    """Our figures of a row by what to call them: which settings, and what is to be known first."""
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
        ours.append((Text(f"ours ({'; '.join(remarks)})" if remarks else "ours"), over_seeds))
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

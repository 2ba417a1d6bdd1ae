"""How the figures of a table are put into words and footnotes, for Markdown and HTML alike."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from analysis.front_json import Verdict
from analysis.notation import (
    BIAS_WORDS,
    PERFORMANCE_WORDS,
    bias_words,
    number,
    performance_words,
    second_words,
    with_interval,
)
from search.reproduce.pages.of_settings import margin_note, schedule_note
from search.reproduce.results import NOTHING
from search.reproduce.results_json import (
    SETTINGS_KINDS,
    ColumnFacts,
    Departure,
    Quantity,
    QuantityName,
    ResultRow,
    SettingsKind,
    TableCell,
    TableResults,
)
from search.reproduce.tables import BESIDE, BY_GROUP

DASH = "\N{EN DASH}"
PAPER_WORD: dict[Quantity, str] = {
    "performance": "accuracy",
    "bias": "bias",
    "sparsity": "pruned",
}
"""Our quantities as the paper's table calls them."""

_AS_PUBLISHED = {NOTHING: NOTHING, "published are best": "as published"}
_ACCESS = {"nothing": "debias (decision only)"}  # a threshold or correction is fitted there


@dataclass(frozen=True)
class Text:
    """The text of a table's cell and how it is set."""

    text: str
    style: Literal["plain", "bold", "struck"] = (
        "plain"  # bold: certified; struck: tolerance not kept
    )
    may_wrap: bool = False  # after its first word, so that the table stays narrow


def paper_figure(cell: TableCell, quantity: Quantity) -> Text:
    """A figure of the paper, as printed."""
    figure = cell["paper"].get(PAPER_WORD[quantity])
    if figure is None:
        return Text(DASH)
    return Text(figure["printed"].replace("~~", ""), "struck" if figure["struck"] else "plain")


def measured(cell: TableCell, kind: SettingsKind, quantity: Quantity, tolerance: float) -> Text:
    """Mean and standard deviation over seeds.

    It is struck out where the mean bias is not below the tolerance, and bold where each seed's
    network is certified.
    """
    over_seeds = cell[kind]
    if over_seeds is None:
        return Text(cell["tuning"] if kind == "tuned" else DASH)
    spread = over_seeds[quantity]
    if spread is None:
        return Text(DASH)
    sd = "" if spread["sd"] is None else f" ± {number(spread['sd'])}"
    text = f"{number(spread['mean'])}{sd}"
    if over_seeds["bias"] is None or not over_seeds["bias"]["mean"] < tolerance:
        return Text(text, "struck")
    certified = over_seeds.get("verdicts", {}).get("certified", 0)
    return Text(text, "bold" if certified == over_seeds["of"] else "plain")


def seeds_kept(cell: TableCell, kind: SettingsKind) -> Text:
    """Of how many seeds the network is certified to keep the tolerance, and what of the others; of
    results of earlier versions, of how many it is estimated to."""
    over_seeds = cell[kind]
    if over_seeds is None:
        return Text(DASH)
    verdicts = over_seeds.get("verdicts")
    count, remarks = over_seeds["kept"], []
    missing = over_seeds["of"] - over_seeds["measured"]
    if verdicts is not None:
        count = verdicts.get("certified", 0)
        others = {**verdicts, "not estimable": verdicts.get("not estimable", 0) - missing}
        order: tuple[Verdict, ...] = ("not certified", "broke", "not estimable")
        remarks = [f"{seeds} {name}" for name in order if (seeds := others.get(name, 0)) > 0]
    if missing:
        remarks.append(f"{missing} without a network")
    if at_chance := over_seeds.get("at_chance"):
        remarks.append(f"{at_chance} at chance")
    if no_ops := over_seeds.get("no_ops"):
        remarks.append(f"{no_ops} no-op")
    if kind == "tuned" and cell["tuning"] in _AS_PUBLISHED:
        remarks.append(_AS_PUBLISHED[cell["tuning"]])
    in_brackets = f" ({', '.join(remarks)})" if remarks else ""
    return Text(f"{count}/{over_seeds['of']}{in_brackets}", may_wrap=True)


def difference(cell: TableCell, kind: SettingsKind) -> Text:
    """The bias less that of the first row at the same seed, with its interval."""
    over_seeds = cell[kind]
    paired = None if over_seeds is None else over_seeds["against_first_row"]
    if paired is None:
        return Text(DASH)
    return Text(with_interval(paired["mean"], paired["interval"], signed), may_wrap=True)


def access(row: ResultRow) -> Text:
    """The splits that a row's method learns from."""
    splits = row["learns_from"]
    return Text(DASH if splits is None else _ACCESS.get(splits, splits), may_wrap=True)


def quantity_words(results: TableResults, column: str) -> dict[Quantity, str]:
    """Quantity -> its heading; sparsity only where the paper's table says how much was pruned."""
    objective = results["columns"][column]["objective"]
    words: dict[Quantity, str] = {
        "performance": performance_words(objective),
        "bias": bias_words(objective),
    }
    if any(PAPER_WORD["sparsity"] in cell["paper"] for cell in _cells(results)):
        words["sparsity"] = "pruned"
    return words


_QUANTITY_WORDS = {
    **PERFORMANCE_WORDS,
    **BIAS_WORDS,
    **{name: word.strip("|") for name, word in BIAS_WORDS.items() if word.startswith("|")},
    "di": "DI",  # the measure itself, not how far it lies from 1
    "accuracy_gap": "gap of accuracies",
    "sparsity": "pruned",
    "fnr": "FNR",
    "fpr": "FPR",
    "pie": "PIE",
    "ap": "AP",
    "ap_std": "std of group APs",
    "ap_drop_std": "std of group AP changes",
    "accuracy_drop": "accuracy drop",
    "fnr_change": "change of FNR",
    "fpr_change": "change of FPR",
}


def quantity_word(name: QuantityName, facts: ColumnFacts) -> str:
    """What a quantity that a column declares is called. A group's own name stands for its
    accuracy."""
    objective = facts["objective"]
    if name.startswith(BESIDE):
        of_second = quantity_word(name.removeprefix(BESIDE), facts)
        return f"{of_second} {second_words(facts['beside'])}" if "beside" in facts else of_second
    match name:
        case "performance":
            return performance_words(objective)
        case "bias":
            return bias_words(objective)
    if not name.startswith(BY_GROUP):
        return value_word(name)
    value, _, group = name.removeprefix(BY_GROUP).partition(".")
    return group if value == "accuracy" else f"{value_word(value)}, {group}"


def value_word(name: str) -> str:
    """What a measure, a summary or a value by group is called."""
    return _QUANTITY_WORDS.get(name, name.replace("_", " "))


def kind_words(results: TableResults) -> dict[SettingsKind, str]:
    """Kind of settings -> its heading; a dagger where rows depart from what is published."""
    dagger = "\N{DAGGER}" if departs(results) else ""
    words: dict[SettingsKind, str] = {"published": f"published{dagger}", "tuned": "tuned"}
    return {kind: words[kind] for kind in shown_kinds(results)}


@dataclass(frozen=True)
class Footnote:
    """One remark about one row or several."""

    number: int  # from 1 through the table
    rows: tuple[str, ...]
    text: str

    @property
    def line(self) -> str:
        return f"{', '.join(self.rows)}: {self.text}"


def footnotes(results: TableResults) -> list[Footnote]:
    """What is odd in the paper's row, how ours is set up, and where it departs from what is
    published."""
    rows_of: dict[str, list[str]] = {}
    for row in results["rows"]:
        generated = (*margin_note(row, results), *schedule_note(row, results))
        for text in (*row["notes"], *generated, *_departing(row), *_no_ops(row)):
            rows_of.setdefault(text, []).append(row["name"])
    return [
        Footnote(number, tuple(rows), text)
        for number, (text, rows) in enumerate(rows_of.items(), start=1)
    ]


def _no_ops(row: ResultRow) -> list[str]:
    """A sentence per column and kind of settings with which a trial did nothing, as one seed's
    reports have it."""
    sentences = []
    for column, cell in row["cells"].items():
        for kind in SETTINGS_KINDS:
            over_seeds = cell[kind]
            if over_seeds is not None and (seeds := over_seeds.get("no_ops")):
                what = next(it["no_ops"] for it in over_seeds["entries"] if "no_ops" in it)
                sentences.append(
                    f"No-op in {column}, {kind}, with {seeds} of {over_seeds['of']} seeds: "
                    f"{'; '.join(what)}."
                )
    return sentences


def marks(notes: list[Footnote], row: str) -> str:
    """The numbers of a row's footnotes as HTML, which Markdown understands too."""
    numbers = ", ".join(str(note.number) for note in notes if row in note.rows)
    return f"<sup>{numbers}</sup>" if numbers else ""


def departs(results: TableResults) -> bool:
    """Whether any row is run at other than published settings."""
    return any(_departing(row) for row in results["rows"])


def _departing(row: ResultRow) -> list[str]:
    """One sentence about all columns, or none."""
    by_column = {
        column: _listed(departures)
        for column, departures in row["departures"].items()
        if departures
    }
    if not by_column:
        return []
    if len(set(by_column.values())) == 1 and len(by_column) == len(row["departures"]):
        text = next(iter(by_column.values()))
    else:
        text = "; ".join(f"in {column} {listed}" for column, listed in by_column.items())
    return [f"\N{DAGGER} {text}."]


def _listed(departures: list[Departure]) -> str:
    return ", ".join(f"{it['setting']} {it['used']} ({it['published']})" for it in departures)


def shown_kinds(results: TableResults) -> tuple[SettingsKind, ...]:
    return SETTINGS_KINDS if results["only"] is None else (results["only"],)


def _cells(results: TableResults) -> list[TableCell]:
    return [cell for row in results["rows"] for cell in row["cells"].values()]


def signed(value: float) -> str:
    return ("+" if value > 0 else "") + number(value)

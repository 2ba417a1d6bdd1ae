"""How the figures of a table are put into words and footnotes, for Markdown and HTML alike."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from analysis.notation import (
    BIAS_WORDS,
    PERFORMANCE_WORDS,
    bias_words,
    number,
    performance_words,
    second_words,
    with_interval,
)
from search.reproduce.results import NOTHING
from search.reproduce.results_json import (
    SETTINGS_KINDS,
    ColumnFacts,
    Departure,
    Opening,
    Quantity,
    QuantityName,
    ResultRow,
    SettingsKind,
    TableCell,
    TableResults,
)
from search.reproduce.tables import BESIDE, BY_GROUP
from search.units import clock

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
    style: Literal["plain", "bold", "struck"] = "plain"  # bold: tolerance kept; struck: not kept
    may_wrap: bool = False  # after its first word, so that the table stays narrow


def paper_figure(cell: TableCell, quantity: Quantity) -> Text:
    """A figure of the paper, as printed."""
    figure = cell["paper"].get(PAPER_WORD[quantity])
    if figure is None:
        return Text(DASH)
    return Text(figure["printed"].replace("~~", ""), "struck" if figure["struck"] else "plain")


def measured(cell: TableCell, kind: SettingsKind, quantity: Quantity, tolerance: float) -> Text:
    """Mean and standard deviation over seeds.

    It is struck out where the mean bias is not below the tolerance, else bold. Where a seed has no
    network it is never bold: that seed's bias is not in the mean.
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
    return Text(text, "bold" if over_seeds["measured"] == over_seeds["of"] else "plain")


def seeds_kept(cell: TableCell, kind: SettingsKind) -> Text:
    """Of how many seeds the network kept the tolerance on test."""
    over_seeds = cell[kind]
    if over_seeds is None:
        return Text(DASH)
    remarks = []
    if missing := over_seeds["of"] - over_seeds["measured"]:
        remarks.append(f"{missing} without a network")
    if at_chance := over_seeds.get("at_chance"):
        remarks.append(f"{at_chance} at chance")
    if no_ops := over_seeds.get("no_ops"):
        remarks.append(f"{no_ops} no-op")
    if kind == "tuned" and cell["tuning"] in _AS_PUBLISHED:
        remarks.append(_AS_PUBLISHED[cell["tuning"]])
    in_brackets = f" ({', '.join(remarks)})" if remarks else ""
    return Text(f"{over_seeds['kept']}/{over_seeds['of']}{in_brackets}", may_wrap=True)


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
    dagger = "\N{DAGGER}" if _departs(results) else ""
    words: dict[SettingsKind, str] = {"published": f"published{dagger}", "tuned": "tuned"}
    return {kind: words[kind] for kind in _shown_kinds(results)}


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
        for text in (*row["notes"], *_departing(row), *_no_ops(row)):
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


def facts(results: TableResults) -> list[str]:
    """Sentences below the table: how it was made, and what its marks mean."""
    declared = any("quantities" in facts for facts in results["columns"].values())
    sentences = [
        f"Made by `{results['command']}` in {clock(results['seconds'])} (all searches; "
        f"{results['machine']}).",
        *_settings(results),
        *_networks(results),
        _openings(results["openings"]),
        *(_AT_CHANCE if declared else _BOLD),
        f"Less {results['rows'][0]['name']}'s: the difference{'' if declared else ' in bias'}, "
        "paired by seed, mean and 95 % t-interval over seeds. All seeds share one split and its "
        "test rows, so spreads and intervals cover the chance in training alone, not that of the "
        "data. Rows of one seed share its dense net, and those that discover masks its first "
        "discovery: they err together.",
        "Learns from: the split that a row's method is fitted on. All but those that learn from "
        "train start from the dense net, which does.",
        "Versions: "
        + ", ".join(f"{package} {version}" for package, version in results["versions"].items()),
    ]
    if results["quick"]:
        sentences.insert(
            0, "**A quick look: few seeds, few epochs. No figure here means anything.**"
        )
    if results["changes"]:
        sentences.append("Changed: " + ", ".join(f"`{change}`" for change in results["changes"]))
    for name, of_column in results["columns"].items():
        sentences.append(_about_column(name, of_column))
        sentences += [f"{name}: {note}." for note in of_column.get("pruning_notes", [])]
    second = {second_words(f["beside"]) for f in results["columns"].values() if "beside" in f}
    sentences += [
        f"{words[0].upper()}{words[1:]}: a second decision on each network's scores, fitted on "
        "held-back rows of debias; nothing is chosen by it."
        for words in sorted(second)
    ]
    return sentences


_BOLD = (
    "**Bold**: the mean bias is below the tolerance; ~~struck out~~: it is not; neither: it "
    "is, but some seed has no network. Kept: seeds whose own bias is below it.",
)
_AT_CHANCE = (
    "At chance: not clearly better than a constant prediction on test. How evenly such a network "
    "treats groups says nothing.",
    "The paper's figures are as it prints them, in percent where it does; ours are fractions.",
)
_FIGURES = "figures are means ± sample standard deviations over seeds on test."


def _networks(results: TableResults) -> list[str]:
    """Which network stands for a row."""
    trained = [row for row in results["rows"] if row["learns_from"] not in (None, "nothing")]
    by_kind: dict[str, list[str]] = {}
    for row in trained or results["rows"]:
        by_kind.setdefault(row.get("network", "best"), []).append(row["name"])

    def whose(kind: str, all_of_them: str) -> str:
        return all_of_them if len(by_kind) == 1 else ", ".join(by_kind[kind])

    sentences = []
    if "best" in by_kind:
        network = "Each network" if len(by_kind) == 1 else f"{whose('best', '')}: the network"
        sentences.append(
            f"{network} was chosen on tune, the best feasible epoch of its trial or else the "
            f"least biased; {_FIGURES}"
        )
    for kind, text in (
        ("last", "the network at the trial's end, whatever it is worth"),
        ("rounds", "the network at the end of each round of pruning; tables show the last one"),
    ):
        if kind in by_kind:
            sentences.append(f"{whose(kind, 'Each row')}: {text}; {_FIGURES}")
    return sentences


def _settings(results: TableResults) -> list[str]:
    """What the settings of each kind are."""
    seeds, trials = results["seeds"], results["trials"]
    kinds = _shown_kinds(results)
    sentences = []
    if "published" in kinds:
        sentences.append(
            f"Published: the settings that the methods' papers give, and our defaults where these "
            f"give none; {_range(seeds)}, each with its own dense net."
        )
    if _departs(results):
        sentences.append(
            "\N{DAGGER} Not so in every row: its footnote names the settings that differ, with "
            "the published value, or our default, in brackets."
        )
    if "tuned" in kinds:
        sentences.append(
            f"Tuned: the best of {trials} trials per method on tune in one search (seed "
            f"{results['tuning_seed']}), then run with {_range(seeds)}. A row with nothing to "
            f"tune repeats its figures."
        )
    return sentences


def _openings(openings: Sequence[Opening]) -> str:
    """Whether all was trained before test was seen."""
    if len(openings) == 1:
        return "Test was opened once, after all of the table had been trained and chosen."
    later = [
        f"{column} {kind}, {_range(seeds)}"
        for opening in openings[1:]
        for column, kinds in opening["looked_at"].items()
        for kind, seeds in kinds.items()
    ]
    return (
        f"**Test was opened {len(openings)} times.** Trained or chosen after the first of these, "
        f"with test already seen: {'; '.join(later)}."
    )


def _about_column(name: str, facts: ColumnFacts) -> str:
    objective, openings = facts["objective"], facts["openings"]
    numbers = " and ".join(map(str, openings))
    return (
        f"{name}: {facts['data']}, {' against '.join(facts['groups'])}, tolerance "
        f"{objective['tolerance']:g}; a constant prediction has {performance_words(objective)} "
        f"{number(facts['trivial'])}; opening{'s' * (len(openings) > 1)} {numbers} of these test "
        f"rows."
    )


def _departs(results: TableResults) -> bool:
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


def _shown_kinds(results: TableResults) -> tuple[SettingsKind, ...]:
    return SETTINGS_KINDS if results["only"] is None else (results["only"],)


def _cells(results: TableResults) -> list[TableCell]:
    return [cell for row in results["rows"] for cell in row["cells"].values()]


def _range(seeds: Sequence[int]) -> str:
    if len(seeds) == 1:
        return f"seed {seeds[0]}"
    return f"seeds {seeds[0]} to {seeds[-1]}"


def signed(value: float) -> str:
    return ("+" if value > 0 else "") + number(value)

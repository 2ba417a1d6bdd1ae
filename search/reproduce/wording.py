"""How the numbers of a table are put into words and footnotes, for Markdown and HTML alike."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from analysis.notation import bias_words, number, performance_words, with_interval
from search.reproduce.results import NOTHING
from search.units import clock


@dataclass(frozen=True)
class Footnote:
    number: int  # from 1 through the table
    rows: tuple[str, ...]
    text: str

    @property
    def line(self) -> str:
        return f"{', '.join(self.rows)}: {self.text}"


def footnotes(results: Mapping[str, Any]) -> list[Footnote]:
    """What is odd in the paper's row, how ours is set up, and where it departs from what is
    published."""
    rows_of: dict[str, list[str]] = {}
    for row in results["rows"]:
        for text in (*row["notes"], *_departing(row)):
            rows_of.setdefault(text, []).append(row["name"])
    return [
        Footnote(number, tuple(rows), text)
        for number, (text, rows) in enumerate(rows_of.items(), start=1)
    ]


def marks(notes: list[Footnote], row: str) -> str:
    """The numbers of a row's footnotes as HTML, which Markdown understands too."""
    numbers = ", ".join(str(note.number) for note in notes if row in note.rows)
    return f"<sup>{numbers}</sup>" if numbers else ""


def departs(results: Mapping[str, Any]) -> bool:
    """Whether any row is run at other than published settings."""
    return any(_departing(row) for row in results["rows"])


def _departing(row: Mapping[str, Any]) -> list[str]:
    """One sentence about all columns, or none."""
    told = {column: _listed(found) for column, found in row["departures"].items() if found}
    if not told:
        return []
    if len(set(told.values())) == 1 and len(told) == len(row["departures"]):
        said = next(iter(told.values()))
    else:
        said = "; ".join(f"in {column} {text}" for column, text in told.items())
    return [f"\N{DAGGER} {said}."]


def _listed(found: list[Mapping[str, Any]]) -> str:
    return ", ".join(f"{one['setting']} {one['used']} ({one['published']})" for one in found)


DASH = "\N{EN DASH}"
SAME = {NOTHING: NOTHING, "published are best": "as published"}
ACCESS = {"nothing": "debias (decision only)"}  # a threshold or correction is fitted there


@dataclass(frozen=True)
class Text:
    """The text of a table's cell and how it is set."""

    text: str
    bold: bool = False  # the tolerance was kept
    struck: bool = False  # it was not


def printed(cell: Mapping[str, Any], quantity: str) -> Text:
    """A figure of the paper, as printed."""
    figure = cell["paper"].get(quantity)
    if figure is None:
        return Text(DASH)
    return Text(figure["printed"].replace("~~", ""), struck=figure["struck"])


def measured(cell: Mapping[str, Any], kind: str, quantity: str, tolerance: float) -> Text:
    """Mean and standard deviation over seeds; bold or struck out by whether the mean bias is below
    the tolerance, but never bold where a seed has no network: its bias is not in the mean."""
    found = cell[kind]
    if found is None:
        return Text(cell["tuning"] if kind == "tuned" else DASH)
    spread = found[quantity]
    if spread is None:
        return Text(DASH)
    sd = "" if spread["sd"] is None else f" ± {number(spread['sd'])}"
    below = found["bias"] is not None and found["bias"]["mean"] < tolerance
    whole = found["measured"] == found["of"]
    return Text(f"{number(spread['mean'])}{sd}", bold=below and whole, struck=not below)


def seeds_kept(cell: Mapping[str, Any], kind: str) -> str:
    """Of how many seeds the network kept the tolerance on test."""
    found = cell[kind]
    if found is None:
        return DASH
    missing = found["of"] - found["measured"]
    same = kind == "tuned" and SAME.get(cell["tuning"])
    marks = [f"{missing} without a network"] * bool(missing) + ([same] if same else [])
    return f"{found['kept']}/{found['of']}" + (f" ({', '.join(marks)})" if marks else "")


def difference(cell: Mapping[str, Any], kind: str) -> str:
    """The bias less that of the first row at the same seed, with its interval."""
    found = cell[kind] and cell[kind]["against_first_row"]
    if not found:
        return DASH
    return with_interval(found["mean"], found["interval"], _signed)


def access(row: Mapping[str, Any]) -> str:
    """The splits that a row's method learns from."""
    learned = row["learns_from"]
    return DASH if learned is None else ACCESS.get(learned, learned)


def headings(results: Mapping[str, Any], column: str) -> dict[str, str]:
    """Quantity -> its heading, for those that the paper's table or ours has."""
    objective = results["columns"][column]["objective"]
    found = {"performance": performance_words(objective), "bias": bias_words(objective)}
    if has_sparsity(results):
        found["sparsity"] = "pruned"
    return found


def has_sparsity(results: Mapping[str, Any]) -> bool:
    """Whether the paper's table says how much was pruned."""
    return any(
        "pruned" in cell["paper"] for row in results["rows"] for cell in row["cells"].values()
    )


PAPER_WORD = {"performance": "accuracy", "bias": "bias", "sparsity": "pruned"}
"""Our quantities as the paper's table calls them."""


def shown_kinds(results: Mapping[str, Any]) -> tuple[str, ...]:
    return ("published", "tuned") if results["only"] is None else (results["only"],)


def kind_words(results: Mapping[str, Any]) -> dict[str, str]:
    """Kind of settings -> its heading; a dagger where rows depart from what is published."""
    dagger = "\N{DAGGER}" if departs(results) else ""
    words = {"published": f"published{dagger}", "tuned": "tuned"}
    return {kind: words[kind] for kind in shown_kinds(results)}


def facts(results: Mapping[str, Any]) -> list[str]:
    """Sentences below the table: how it was made, and what its marks mean."""
    said = [
        f"Made by `{results['command']}` in {clock(results['seconds'])} (all searches; "
        f"{results['machine']}).",
        *_settings(results),
        "Each network was chosen on tune, the best feasible epoch of its trial or else the least "
        "biased; figures are means ± sample standard deviations over seeds on test.",
        _openings(results["openings"]),
        "**Bold**: the mean bias is below the tolerance; ~~struck out~~: it is not; neither: it "
        "is, but some seed has no network. Kept: seeds whose own bias is below it.",
        f"Less {results['rows'][0]['name']}'s: the difference in bias, paired by seed, mean and "
        "95 % t-interval over seeds. All seeds share one split and its test rows, so spreads and "
        "intervals cover the chance in training alone, not that of the data. Rows of one seed "
        "share its dense net, and those that discover masks its first discovery: they err "
        "together.",
        "Learns from: the split that a row's method is fitted on. All but those that learn from "
        "train start from the dense net, which does.",
        "Versions: " + ", ".join(f"{name} {one}" for name, one in results["versions"].items()),
    ]
    if results["quick"]:
        said.insert(0, "**A quick look: few seeds, few epochs. No figure here means anything.**")
    if results["changes"]:
        said.append("Changed: " + ", ".join(f"`{one}`" for one in results["changes"]))
    return said + [_column(name, column) for name, column in results["columns"].items()]


def _settings(results: Mapping[str, Any]) -> list[str]:
    """What the settings of each kind are."""
    seeds, trials = results["seeds"], results["trials"]
    kinds = shown_kinds(results)
    said = []
    if "published" in kinds:
        said.append(
            f"Published: the settings that the methods' papers give, and our defaults where these "
            f"give none; {_range(seeds)}, each with its own dense net."
        )
    if departs(results):
        said.append(
            "\N{DAGGER} Not so in every row: its footnote names the settings that differ, with "
            "the published value, or our default, in brackets."
        )
    if "tuned" in kinds:
        said.append(
            f"Tuned: the best of {trials} trials per method on tune in one search (seed "
            f"{results['tuning_seed']}), then run with {_range(seeds)}. A row with nothing to "
            f"tune repeats its figures."
        )
    return said


def _openings(openings: Sequence[Mapping[str, Any]]) -> str:
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


def _column(name: str, column: Mapping[str, Any]) -> str:
    objective, openings = column["objective"], column["openings"]
    numbers = " and ".join(map(str, openings))
    return (
        f"{name}: {column['data']}, {' against '.join(column['groups'])}, tolerance "
        f"{objective['tolerance']:g}; a constant prediction has {performance_words(objective)} "
        f"{number(column['trivial'])}; opening{'s' * (len(openings) > 1)} {numbers} of these test "
        f"rows."
    )


def _range(seeds: Sequence[int]) -> str:
    if len(seeds) == 1:
        return f"seed {seeds[0]}"
    return f"seeds {seeds[0]} to {seeds[-1]}"


def _signed(value: float) -> str:
    return ("+" if value > 0 else "") + number(value)

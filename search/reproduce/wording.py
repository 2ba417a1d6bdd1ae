"""How the numbers of a table are put into words, for Markdown and HTML alike."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from analysis.palette import bias_words, number, performance_words
from search.duration import clock

DASH = "\N{EN DASH}"
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
    the tolerance."""
    found = cell[kind]
    if found is None:
        return Text(cell["tuning"] if kind == "tuned" else DASH)
    spread = found[quantity]
    if spread is None:
        return Text(DASH)
    sd = "" if spread["sd"] is None else f" ± {number(spread['sd'])}"
    kept = found["bias"] is not None and found["bias"]["mean"] < tolerance
    return Text(f"{number(spread['mean'])}{sd}", bold=kept, struck=not kept)


def seeds_kept(cell: Mapping[str, Any], kind: str) -> str:
    """Of how many seeds the network kept the tolerance on test."""
    found = cell[kind]
    if found is None:
        return DASH
    missing = found["of"] - found["measured"]
    same = kind == "tuned" and cell["tuning"] == "published are best"
    marks = [f"{missing} without a network"] * bool(missing) + ["as published"] * same
    return f"{found['kept']}/{found['of']}" + (f" ({', '.join(marks)})" if marks else "")


def difference(cell: Mapping[str, Any], kind: str) -> str:
    """The bias less that of the first row at the same seed, with its interval."""
    found = cell[kind] and cell[kind]["against_first_row"]
    if not found:
        return DASH
    if found["interval"] is None:
        return _signed(found["mean"])
    low, high = found["interval"]
    return f"{_signed(found['mean'])} [{_signed(low)}, {_signed(high)}]"


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


def facts(results: Mapping[str, Any]) -> list[str]:
    """Sentences below the table: how it was made, and what its marks mean."""
    seeds, trials = results["seeds"], results["trials"]
    said = [
        f"Made by `{results['command']}` in {clock(results['seconds'])} (all searches; "
        f"{results['machine']}).",
        f"Published: the settings that the papers give, seeds {seeds[0]} to {seeds[-1]}, each "
        f"with its own dense net. Tuned: the best of {trials} trials per method on tune in one "
        f"search (seed {results['tuning_seed']}), then run with the same seeds.",
        "Each network was chosen on tune, the best feasible epoch of its trial or else the least "
        "biased; figures are means and sample standard deviations over seeds on test, which was "
        "opened once for the whole table. **Bold**: the mean bias is below the tolerance; "
        "~~struck out~~: it is not. Kept: seeds whose own bias is.",
        "Bias less the first row's: paired by seed, mean and 95 % t-interval over seeds.",
        "Versions: " + ", ".join(f"{name} {one}" for name, one in results["versions"].items()),
    ]
    if results["quick"]:
        said.insert(0, "**A quick look: few seeds, few epochs. No figure here means anything.**")
    if results["changes"]:
        said.append("Changed: " + ", ".join(f"`{one}`" for one in results["changes"]))
    for name, column in results["columns"].items():
        objective = column["objective"]
        said.append(
            f"{name}: {column['data']}, {' against '.join(column['groups'])}, "
            f"tolerance {objective['tolerance']:g}; opening {column['opening']} of these test "
            f"rows."
        )
    return said


def footnotes(results: Mapping[str, Any]) -> dict[str, list[int]]:
    """Row name -> numbers of its footnotes, counted from 1 through the table."""
    numbers: dict[str, list[int]] = {}
    count = 0
    for row in results["rows"]:
        numbers[row["name"]] = list(range(count + 1, count + 1 + len(row["notes"])))
        count += len(row["notes"])
    return numbers


def _signed(value: float) -> str:
    return ("+" if value > 0 else "") + number(value)

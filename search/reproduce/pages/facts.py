"""The sentences below a table: how it was made, what its marks mean, what its columns are."""

from __future__ import annotations

from collections.abc import Sequence

from analysis.notation import number, performance_words, second_words
from search.reproduce.pages.of_claims import about_claims, marks_of_claims
from search.reproduce.pages.wording import departs, shown_kinds
from search.reproduce.results_json import ColumnFacts, Opening, TableResults
from search.units import clock


def facts(results: TableResults) -> list[str]:
    """Sentences below the table: how it was made, and what its marks mean."""
    declared = any("quantities" in facts for facts in results["columns"].values())
    sentences = [
        f"Made by `{results['command']}` in {clock(results['seconds'])} (all searches; "
        f"{results['machine']}).",
        *_settings(results),
        *_networks(results),
        _openings(results["openings"]),
        *(_AT_CHANCE if declared else marks_of_claims(results)),
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
        sentences += about_claims(name, of_column)
        sentences += [f"{name}: {note}." for note in of_column.get("pruning_notes", [])]
    second = {second_words(f["beside"]) for f in results["columns"].values() if "beside" in f}
    sentences += [
        f"{words[0].upper()}{words[1:]}: a second decision on each network's scores, fitted on "
        "held-back rows of debias; nothing is chosen by it."
        for words in sorted(second)
    ]
    return sentences


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
    kinds = shown_kinds(results)
    sentences = []
    if "published" in kinds:
        sentences.append(
            f"Published: the settings that the methods' papers give, and our defaults where these "
            f"give none; {_range(seeds)}, each with its own dense net."
        )
    if departs(results):
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


def _range(seeds: Sequence[int]) -> str:
    if len(seeds) == 1:
        return f"seed {seeds[0]}"
    return f"seeds {seeds[0]} to {seeds[-1]}"

"""A table as Markdown."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from search.reproduce.wording import (
    PAPER_WORD,
    Text,
    access,
    difference,
    facts,
    footnotes,
    headings,
    measured,
    printed,
    seeds_kept,
    shown_kinds,
)


def markdown(results: Mapping[str, Any], figures: Mapping[str, str]) -> str:
    """The whole document; `figures` names the picture of each column."""
    parts = [f"# {results['title']}"]
    numbers = footnotes(results)
    for column in results["columns"]:
        parts += [f"## {column}", _table(results, column, numbers)]
        parts.append(f"![Accuracy over bias, {column}]({figures[column]})")
    notes = [
        f"{number}. {row['name']}: {note}"
        for row in results["rows"]
        for number, note in zip(numbers[row["name"]], row["notes"], strict=True)
    ]
    parts += ["\n".join(notes), "\n".join(f"- {note}" for note in results["notes"])]
    parts.append("\n".join(f"- {fact}" for fact in facts(results)))
    return "\n\n".join(part for part in parts if part) + "\n"


def _table(results: Mapping[str, Any], column: str, numbers: Mapping[str, list[int]]) -> str:
    words = headings(results, column)
    kinds = shown_kinds(results)
    head = ["row", *(f"paper: {PAPER_WORD[quantity]}" for quantity in words)]
    for kind in kinds:
        head += [f"{kind}: {word}" for word in words.values()]
        head += [f"{kind}: kept", f"{kind}: bias less {results['rows'][0]['name']}'s"]
    lines = [[*head, "learns from", "needs group"], ["---"] * (len(head) + 2)]
    tolerance = results["columns"][column]["objective"]["tolerance"]
    for row in results["rows"]:
        cell = row["cells"][column]
        marks = "".join(f"<sup>{number}</sup>" for number in numbers[row["name"]])
        name = row["name"] if row["in_paper"] else f"*{row['name']}* (ours)"
        line = [name + marks, *(_set(printed(cell, PAPER_WORD[one])) for one in words)]
        for kind in kinds:
            line += [_set(measured(cell, kind, quantity, tolerance)) for quantity in words]
            line += [seeds_kept(cell, kind), difference(cell, kind)]
        lines.append([*line, access(row), "yes" if row["needs_group"] else "no"])
    return "\n".join(f"| {' | '.join(map(_escaped, line))} |" for line in lines)


def _escaped(text: str) -> str:
    """|AOD| without ending the cell."""
    return text.replace("|", "\\|")


def _set(cell: Text) -> str:
    if cell.bold:
        return f"**{cell.text}**"
    return f"~~{cell.text}~~" if cell.struck else cell.text

"""A table as Markdown."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from search.reproduce.footnotes import Footnote, footnotes, marks
from search.reproduce.wording import (
    PAPER_WORD,
    Text,
    access,
    difference,
    facts,
    headings,
    kind_words,
    measured,
    printed,
    seeds_kept,
)


def markdown(results: Mapping[str, Any], figures: Mapping[str, str]) -> str:
    """The whole document; `figures` names the picture of each column."""
    parts = [f"# {results['title']}"]
    notes = footnotes(results)
    for column in results["columns"]:
        parts += [f"## {column}", _table(results, column, notes)]
        parts.append(f"![Bias and performance, {column}]({figures[column]})")
    lines = [f"{note.number}. {note.line}" for note in notes]
    parts += ["\n".join(lines), "\n".join(f"- {note}" for note in results["notes"])]
    parts.append("\n".join(f"- {fact}" for fact in facts(results)))
    return "\n\n".join(part for part in parts if part) + "\n"


def _table(results: Mapping[str, Any], column: str, notes: list[Footnote]) -> str:
    words = headings(results, column)
    kinds = kind_words(results)
    head = ["row", *(f"paper: {PAPER_WORD[quantity]}" for quantity in words)]
    for kind in kinds.values():
        head += [f"{kind}: {word}" for word in words.values()]
        head += [f"{kind}: kept", f"{kind}: less {results['rows'][0]['name']}'s"]
    lines = [[*head, "learns from", "needs group"], ["---"] * (len(head) + 2)]
    tolerance = results["columns"][column]["objective"]["tolerance"]
    for row in results["rows"]:
        cell = row["cells"][column]
        name = row["name"] if row["in_paper"] else f"*{row['name']}* (ours)"
        line = [
            name + marks(notes, row["name"]),
            *(_set(printed(cell, PAPER_WORD[one])) for one in words),
        ]
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

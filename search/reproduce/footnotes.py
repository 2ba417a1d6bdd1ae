"""The footnotes of a table: each text once, with the rows that it is about."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


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

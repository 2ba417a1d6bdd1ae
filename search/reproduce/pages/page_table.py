"""A table of a page before it is written, and how it is written as Markdown and as HTML."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from itertools import groupby

from search.reproduce.pages.wording import Footnote, Text, marks
from search.reproduce.results_json import ResultRow

PAPER = "paper"


@dataclass(frozen=True)
class Heading:
    group: str  # whose figures stand below it: the paper's, or ours of that kind; "": of the row
    text: str


@dataclass(frozen=True)
class PageTable:
    """A column's table before it is written in one of the formats."""

    headings: list[Heading]  # of the row's name, then of its cells
    # Of each line the row that it is of, and its cells without the row's name.
    rows: list[tuple[ResultRow, list[Text]]]


def as_markdown(table: PageTable, notes: list[Footnote]) -> str:
    head = [
        f"{heading.group}: {heading.text}" if heading.group else heading.text
        for heading in table.headings
    ]
    lines = [head, ["---"] * len(head)]
    for row, cells in table.rows:
        name = row["name"] if row["in_paper"] else f"*{row['name']}* (ours)"
        lines.append([name + marks(notes, row["name"]), *map(_markdown_cell, cells)])
    # |AOD| must not end its cell.
    escaped = [[text.replace("|", "\\|") for text in line] for line in lines]
    return "\n".join(f"| {' | '.join(line)} |" for line in escaped)


def _markdown_cell(cell: Text) -> str:
    match cell.style:
        case "bold":
            return f"**{cell.text}**"
        case "struck":
            return f"~~{cell.text}~~"
        case "plain":
            return cell.text


def as_html(table: PageTable, notes: list[Footnote]) -> str:
    groups = "".join(
        _group_heading(group, len(list(headings)))
        for group, headings in groupby(table.headings, key=lambda heading: heading.group)
    )
    head = "".join(f'<th scope="col">{escape(heading.text)}</th>' for heading in table.headings)
    lines = []
    for row, cells in table.rows:
        ours = "" if row["in_paper"] else ' <span class="muted">(ours)</span>'
        name = f"{escape(row['name'])}{ours}{marks(notes, row['name'])}"
        lines.append([name, *map(_html_cell, cells)])
    rows = "".join(
        "<tr>" + "".join(f"<td>{text}</td>" for text in line) + "</tr>" for line in lines
    )
    return (
        f'<div class="scroll"><table><thead><tr class="groups">{groups}</tr>'
        f"<tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>"
    )


def _group_heading(group: str, columns: int) -> str:
    if not group:
        return "<th></th>" * columns
    text = group if group == PAPER else f"ours, {group}"
    return f'<th colspan="{columns}">{text}</th>'


def _html_cell(cell: Text) -> str:
    text = escape(cell.text)
    match cell.style:
        case "bold":
            return f"<b>{text}</b>"
        case "struck":
            return f"<del>{text}</del>"
        case "plain":
            first, space, rest = text.partition(" ") if cell.may_wrap else (text, "", "")
            return first + (f'<span class="interval">{rest}</span>' if space else "")

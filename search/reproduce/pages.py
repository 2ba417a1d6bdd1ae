"""A table as Markdown, and as one HTML file that needs nothing else."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from importlib.resources import files
from itertools import groupby

from search.reproduce.results_json import ResultRow, TableResults
from search.reproduce.wording import (
    PAPER_WORD,
    Footnote,
    Text,
    access,
    difference,
    facts,
    footnotes,
    kind_words,
    marks,
    measured,
    paper_figure,
    quantity_words,
    seeds_kept,
)

POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
WIDE = "main { max-width: 1640px; } th, td { padding: 5px 5px; }"
_PAPER = "paper"


def markdown(results: TableResults, figures: Mapping[str, str]) -> str:
    """The whole document; `figures` names the picture of each column."""
    parts = [f"# {results['title']}"]
    notes = footnotes(results)
    for column in results["columns"]:
        parts += [f"## {column}", _as_markdown(_table(results, column), notes)]
        parts.append(f"![Bias and performance, {column}]({figures[column]})")
    lines = [f"{note.number}. {note.line}" for note in notes]
    parts += ["\n".join(lines), "\n".join(f"- {note}" for note in results["notes"])]
    parts.append("\n".join(f"- {fact}" for fact in facts(results)))
    return "\n\n".join(part for part in parts if part) + "\n"


def page(results: TableResults, figures: Mapping[str, bytes]) -> str:
    """The whole document; `figures` holds the PNG of each column."""
    title = escape(results["title"])
    notes = footnotes(results)
    style = files("analysis.report").joinpath("report.css").read_text("utf-8")
    body = [f"<h1>{title}</h1>"]
    for column in results["columns"]:
        picture = base64.b64encode(figures[column]).decode()
        table = _as_html(_table(results, column), notes)
        body.append(f"<h2>{escape(column)}</h2>{table}")
        body.append(
            f'<p><img alt="Bias and performance, {escape(column)}" style="max-width:100%" '
            f'src="data:image/png;base64,{picture}"></p>'
        )
    lines = "".join(f"<li>{escape(note.line)}</li>" for note in notes)
    body.append(f"<ol>{lines}</ol>" if lines else "")
    sentences = [escape(note) for note in results["notes"]] + [
        _with_markup(fact) for fact in facts(results)
    ]
    body.append("<ul>" + "".join(f"<li>{sentence}</li>" for sentence in sentences) + "</ul>")
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{title}</title><style>{style}{WIDE}</style></head>"
        f"<body><main>{''.join(body)}</main></body></html>\n"
    )


@dataclass(frozen=True)
class _Heading:
    group: str  # whose figures stand below it: the paper's, or ours of that kind; "": of the row
    text: str


@dataclass(frozen=True)
class _PageTable:
    """A column's table before it is written in one of the formats."""

    headings: list[_Heading]  # of the row's name, then of its cells
    rows: list[tuple[ResultRow, list[Text]]]  # each row's cells, without its name


def _table(results: TableResults, column: str) -> _PageTable:
    words, kinds = quantity_words(results, column), kind_words(results)
    first = results["rows"][0]["name"]
    tolerance = results["columns"][column]["objective"]["tolerance"]
    headings = [
        _Heading("", "row"),
        *(_Heading(_PAPER, PAPER_WORD[quantity]) for quantity in words),
    ]
    for name in kinds.values():
        of_kind = (*words.values(), "kept", f"less {first}'s")
        headings += [_Heading(name, text) for text in of_kind]
    headings += [_Heading("", "learns from"), _Heading("", "needs group")]
    rows = []
    for row in results["rows"]:
        cell = row["cells"][column]
        cells = [paper_figure(cell, quantity) for quantity in words]
        for kind in kinds:
            cells += [measured(cell, kind, quantity, tolerance) for quantity in words]
            cells += [seeds_kept(cell, kind), difference(cell, kind)]
        cells += [access(row), Text("yes" if row["needs_group"] else "no")]
        rows.append((row, cells))
    return _PageTable(headings, rows)


def _as_markdown(table: _PageTable, notes: list[Footnote]) -> str:
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


def _as_html(table: _PageTable, notes: list[Footnote]) -> str:
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
    text = group if group == _PAPER else f"ours, {group}"
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


def _with_markup(sentence: str) -> str:
    """HTML of a sentence, with the little Markdown that the sentences below a table use."""
    html = re.sub(r"\*\*(.+?)\*\*", r"<b>\1</b>", escape(sentence))
    html = re.sub(r"~~(.+?)~~", r"<del>\1</del>", html)
    return re.sub(r"`(.+?)`", r"<code>\1</code>", html)

"""A table as Markdown, and as one HTML file that needs nothing else."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from html import escape
from importlib.resources import files
from typing import Any

from search.reproduce.wording import (
    PAPER_WORD,
    Footnote,
    Text,
    access,
    difference,
    facts,
    footnotes,
    headings,
    kind_words,
    marks,
    measured,
    printed,
    seeds_kept,
)

POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
WIDE = "main { max-width: 1640px; } th, td { padding: 5px 5px; }"


def page(results: Mapping[str, Any], figures: Mapping[str, bytes]) -> str:
    """The whole document; `figures` holds the PNG of each column."""
    title = escape(results["title"])
    notes = footnotes(results)
    style = files("analysis.report").joinpath("report.css").read_text("utf-8")
    body = [f"<h1>{title}</h1>"]
    for column in results["columns"]:
        picture = base64.b64encode(figures[column]).decode()
        body.append(f"<h2>{escape(column)}</h2>{_html_table(results, column, notes)}")
        body.append(
            f'<p><img alt="Bias and performance, {escape(column)}" style="max-width:100%" '
            f'src="data:image/png;base64,{picture}"></p>'
        )
    lines = "".join(f"<li>{escape(note.line)}</li>" for note in notes)
    body.append(f"<ol>{lines}</ol>" if lines else "")
    said = [escape(note) for note in results["notes"]] + [_inline(one) for one in facts(results)]
    body.append("<ul>" + "".join(f"<li>{one}</li>" for one in said) + "</ul>")
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{title}</title><style>{style}{WIDE}</style></head>"
        f"<body><main>{''.join(body)}</main></body></html>\n"
    )


def _html_table(results: Mapping[str, Any], column: str, notes: list[Footnote]) -> str:
    words, kinds = headings(results, column), kind_words(results)
    first = escape(results["rows"][0]["name"])
    groups = f'<th></th><th colspan="{len(words)}">paper</th>' + "".join(
        f'<th colspan="{len(words) + 2}">ours, {kind}</th>' for kind in kinds.values()
    )
    head = ["row", *(PAPER_WORD[quantity] for quantity in words)]
    for _ in kinds:
        head += [*words.values(), "kept", f"less {first}'s"]
    head += ["learns from", "needs group"]
    tolerance = results["columns"][column]["objective"]["tolerance"]
    lines = []
    for row in results["rows"]:
        cell = row["cells"][column]
        ours = "" if row["in_paper"] else ' <span class="muted">(ours)</span>'
        line = [f"{escape(row['name'])}{ours}{marks(notes, row['name'])}"]
        line += [_html_text(printed(cell, PAPER_WORD[quantity])) for quantity in words]
        for kind in kinds:
            line += [_html_text(measured(cell, kind, quantity, tolerance)) for quantity in words]
            line += [_in_two(seeds_kept(cell, kind)), _in_two(difference(cell, kind))]
        lines.append([*line, _in_two(access(row)), "yes" if row["needs_group"] else "no"])
    rows = "".join("<tr>" + "".join(f"<td>{one}</td>" for one in line) + "</tr>" for line in lines)
    heads = "".join(f'<th scope="col">{escape(one)}</th>' for one in head)
    return (
        f'<div class="scroll"><table><thead><tr class="groups">{groups}<th></th><th></th></tr>'
        f"<tr>{heads}</tr></thead><tbody>{rows}</tbody></table></div>"
    )


def _in_two(text: str) -> str:
    """What follows a figure in brackets, on a line of its own: the table stays narrow."""
    figure, space, rest = escape(text).partition(" ")
    return figure + (f'<span class="interval">{rest}</span>' if space else "")


def _html_text(cell: Text) -> str:
    text = escape(cell.text)
    if cell.bold:
        return f"<b>{text}</b>"
    return f"<del>{text}</del>" if cell.struck else text


def _inline(sentence: str) -> str:
    """The little Markdown that the sentences below a table use."""
    html = re.sub(r"\*\*(.+?)\*\*", r"<b>\1</b>", escape(sentence))
    html = re.sub(r"~~(.+?)~~", r"<del>\1</del>", html)
    return re.sub(r"`(.+?)`", r"<code>\1</code>", html)


def markdown(results: Mapping[str, Any], figures: Mapping[str, str]) -> str:
    """The whole document; `figures` names the picture of each column."""
    parts = [f"# {results['title']}"]
    notes = footnotes(results)
    for column in results["columns"]:
        parts += [f"## {column}", _markdown_table(results, column, notes)]
        parts.append(f"![Bias and performance, {column}]({figures[column]})")
    lines = [f"{note.number}. {note.line}" for note in notes]
    parts += ["\n".join(lines), "\n".join(f"- {note}" for note in results["notes"])]
    parts.append("\n".join(f"- {fact}" for fact in facts(results)))
    return "\n\n".join(part for part in parts if part) + "\n"


def _markdown_table(results: Mapping[str, Any], column: str, notes: list[Footnote]) -> str:
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
            *(_markdown_text(printed(cell, PAPER_WORD[one])) for one in words),
        ]
        for kind in kinds:
            line += [
                _markdown_text(measured(cell, kind, quantity, tolerance)) for quantity in words
            ]
            line += [seeds_kept(cell, kind), difference(cell, kind)]
        lines.append([*line, access(row), "yes" if row["needs_group"] else "no"])
    return "\n".join(f"| {' | '.join(map(_escaped, line))} |" for line in lines)


def _escaped(text: str) -> str:
    """|AOD| without ending the cell."""
    return text.replace("|", "\\|")


def _markdown_text(cell: Text) -> str:
    if cell.bold:
        return f"**{cell.text}**"
    return f"~~{cell.text}~~" if cell.struck else cell.text

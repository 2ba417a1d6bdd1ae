"""A table as Markdown, and as one HTML file that needs nothing else."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Mapping
from functools import partial
from html import escape

from search.reproduce.pages.declared import differences_table, figures_table, verdicts_table
from search.reproduce.pages.facts import facts
from search.reproduce.pages.html_document import document
from search.reproduce.pages.of_claims import (
    certified_at,
    fuller,
    larger_tolerance,
    last_epoch,
    last_epoch_heading,
)
from search.reproduce.pages.page_table import PAPER, Heading, PageTable, as_html, as_markdown
from search.reproduce.pages.wording import (
    PAPER_WORD,
    Text,
    access,
    difference,
    footnotes,
    kind_words,
    measured,
    paper_figure,
    quantity_words,
    seeds_kept,
    value_word,
)
from search.reproduce.results_json import SETTINGS_KINDS, SettingsKind, TableCell, TableResults

OfCell = Callable[[TableCell, SettingsKind], Text]


def markdown(results: TableResults, figures: Mapping[str, str]) -> str:
    """The whole document; `figures` names each picture's file by its column, or by a heading of
    its own at the end."""
    parts = [f"# {results['title']}"]
    notes = footnotes(results)
    for column in results["columns"]:
        parts.append(f"## {column}")
        parts += [as_markdown(table, notes) for table in _tables(results, column)]
        if column in figures:
            parts.append(f"![{_caption(results, column)}]({figures[column]})")
    for heading, file in figures.items():
        if heading not in results["columns"]:
            parts += [f"## {heading}", f"![{_caption(results, heading)}]({file})"]
    lines = [f"{note.number}. {note.line}" for note in notes]
    parts += ["\n".join(lines), "\n".join(f"- {note}" for note in results["notes"])]
    parts.append("\n".join(f"- {fact}" for fact in facts(results)))
    return "\n\n".join(part for part in parts if part) + "\n"


def page(results: TableResults, figures: Mapping[str, bytes]) -> str:
    """The whole document; `figures` holds PNGs as `markdown` names them."""
    title = escape(results["title"])
    notes = footnotes(results)
    body = [f"<h1>{title}</h1>"]
    for column in results["columns"]:
        tables = "".join(as_html(table, notes) for table in _tables(results, column))
        body.append(f"<h2>{escape(column)}</h2>{tables}")
        if column in figures:
            body.append(_picture(_caption(results, column), figures[column]))
    for heading, picture in figures.items():
        if heading not in results["columns"]:
            body.append(f"<h2>{escape(heading)}</h2>")
            body.append(_picture(_caption(results, heading), picture))
    lines = "".join(f"<li>{escape(note.line)}</li>" for note in notes)
    body.append(f"<ol>{lines}</ol>" if lines else "")
    sentences = [escape(note) for note in results["notes"]] + [
        _with_markup(fact) for fact in facts(results)
    ]
    body.append("<ul>" + "".join(f"<li>{sentence}</li>" for sentence in sentences) + "</ul>")
    return document(results["title"], body)


def _caption(results: TableResults, heading: str) -> str:
    """What a picture shows, in words."""
    shown = results.get("picture")
    return f"{'Bias and performance' if shown is None else shown.capitalize()}, {heading}"


def _picture(caption: str, png: bytes) -> str:
    data = base64.b64encode(png).decode()
    return (
        f'<p><img alt="{escape(caption)}" style="max-width:100%" '
        f'src="data:image/png;base64,{data}"></p>'
    )


def _tables(results: TableResults, column: str) -> list[PageTable]:
    """The column's tables: of figures, and of differences and verdicts where these stand apart."""
    if "quantities" in results["columns"][column]:
        tables = [figures_table(results, column), differences_table(results, column)]
        verdicts = verdicts_table(results, column)
        return tables if verdicts is None else [*tables, verdicts]
    return [_table(results, column)]


def _table(results: TableResults, column: str) -> PageTable:
    words, kinds = quantity_words(results, column), kind_words(results)
    headings = [
        Heading("", "row"),
        *(Heading(PAPER, PAPER_WORD[quantity]) for quantity in words),
    ]
    of_kind = _of_kind(results, column)
    for name in kinds.values():
        headings += [Heading(name, text) for text in of_kind]
    headings += [Heading("", "learns from"), Heading("", "needs group")]
    rows = []
    for row in results["rows"]:
        cell = row["cells"][column]
        cells = [paper_figure(cell, quantity) for quantity in words]
        for kind in kinds:
            cells += [of_cell(cell, kind) for of_cell in of_kind.values()]
        cells += [access(row), Text("yes" if row["needs_group"] else "no")]
        rows.append((row, cells))
    return PageTable(headings, rows)


def _of_kind(results: TableResults, column: str) -> dict[str, OfCell]:
    """Heading -> what stands below it, for each kind of settings."""
    facts, words = results["columns"][column], quantity_words(results, column)
    tolerance = facts["objective"]["tolerance"]
    shown: dict[str, OfCell] = {}
    for quantity, word in words.items():
        shown[word] = partial(measured, quantity=quantity, tolerance=tolerance)
        if quantity == "bias" and "fuller" in facts:
            shown[value_word(facts["fuller"])] = fuller
    shown["certified" if "claims" in facts else "kept"] = seeds_kept
    if (larger := larger_tolerance(facts)) is not None:
        shown[f"certified at {larger:g}"] = partial(certified_at, tolerance=larger)
    shown[f"less {results['rows'][0]['name']}'s"] = difference
    cells = [row["cells"][column] for row in results["rows"]]
    if any("last_epoch" in (cell[kind] or ()) for cell in cells for kind in SETTINGS_KINDS):
        shown[last_epoch_heading(facts)] = last_epoch
    return shown


def _with_markup(sentence: str) -> str:
    """HTML of a sentence, with the little Markdown that the sentences below a table use."""
    html = re.sub(r"\*\*(.+?)\*\*", r"<b>\1</b>", escape(sentence))
    html = re.sub(r"~~(.+?)~~", r"<del>\1</del>", html)
    return re.sub(r"`(.+?)`", r"<code>\1</code>", html)

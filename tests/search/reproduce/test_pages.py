"""Both pages of a table from what its results.json holds."""

import json
import re
from html import unescape
from pathlib import Path

import pytest

from search.reproduce.pages.table_page import markdown, page
from search.reproduce.reproduction import figure_name
from tests.search.reproduce.made_results import made_results

TABLES = Path(__file__).parents[3] / "docs" / "tables"
WRITTEN = sorted(path.parent for path in TABLES.glob("*/results.json"))


def without_style(html):
    return re.sub(r"<style>.*?</style>", "", html, flags=re.DOTALL)


def test_the_tables_of_the_documentation_are_found():
    assert len(WRITTEN) >= 5


@pytest.mark.parametrize("folder", WRITTEN, ids=lambda folder: folder.name)
def test_the_pages_of_the_documentation_follow_from_their_results_to_the_byte(folder):
    results = json.loads((folder / "results.json").read_text("utf-8"))
    every = {column: figure_name(column) for column in results["columns"]}
    names = {column: name for column, name in every.items() if (folder / name).exists()}
    pictures = {column: (folder / name).read_bytes() for column, name in names.items()}

    assert markdown(results, names) == (folder / "table.md").read_text("utf-8")
    written = (folder / "table.html").read_text("utf-8")
    assert without_style(page(results, pictures)) == without_style(written)


def cells_of_markdown(text):
    lines = [line.strip("| ").split(" | ") for line in text.splitlines() if line.startswith("| ")]
    return [[re.sub(r"[*~\\]", "", cell) for cell in line] for line in lines[2:]]


def cells_of_html(text):
    rows = re.findall(r"<tr>(<td>.*?)</tr>", text.replace('<span class="interval">', " "))
    tags = r"<(?!/?sup)[^>]+>"  # footnotes are HTML in Markdown too
    return [
        [unescape(re.sub(tags, "", cell)) for cell in re.findall(r"<td>(.*?)</td>", row)]
        for row in rows
    ]


def test_both_pages_show_the_same_cells():
    results = made_results()
    in_html = cells_of_html(page(results, {"AOD-sex": b""}))

    assert len(in_html) == len(results["rows"])
    assert in_html == cells_of_markdown(markdown(results, {"AOD-sex": "figure.png"}))


def test_a_row_s_name_is_escaped_once_in_the_headings_too():
    results = made_results()
    results["rows"][0]["name"] = "a & b"

    html = page(results, {"AOD-sex": b""})

    assert "less a &amp; b&#x27;s" in html and "&amp;amp;" not in html

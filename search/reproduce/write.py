"""The files of a table: results.json, table.md, table.html and its figures."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from search.reproduce.figure import figure_png
from search.reproduce.table_html import page
from search.reproduce.table_markdown import markdown
from search.run_folder import write_json


def write_table(results: Mapping[str, Any], out: Path) -> None:
    """Writes all of it; one figure for each column."""
    write_json(out / "results.json", results)
    figures = {}
    for column in results["columns"]:
        name = "figure-" + re.sub(r"[^A-Za-z0-9]+", "", column) + ".png"
        picture = figure_png(results, column)
        (out / name).write_bytes(picture)
        figures[column] = (name, picture)
    named = {column: name for column, (name, _) in figures.items()}
    (out / "table.md").write_text(markdown(results, named), encoding="utf-8")
    pictures = {column: picture for column, (_, picture) in figures.items()}
    (out / "table.html").write_text(page(results, pictures), encoding="utf-8")

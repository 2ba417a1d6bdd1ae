"""What data sets are made of, as a table: table 1 of Lin, Kim, Joo (FairGRAPE, ECCV 2022).

Such a table trains nothing and opens no test split: it counts the rows of data as they are loaded
and sets the counts beside the printed ones.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import Annotated, Self, TypedDict

from pydantic import AfterValidator, Field, ValidationError, model_validator

from search.config.config import Config
from search.config.section import Section
from search.errors import UserError
from search.problem.opening import open_data
from search.reproduce.pages.html_document import document
from search.reproduce.paper import known_paper_table, paper_table
from search.reproduce.shipped import FOLDER, table_files
from search.reproduce.tables import in_one_line
from search.runs.folder import write_json
from search.toml_file import read_toml
from trainables.data.composition import Composition, composition

DASH = "\N{EN DASH}"
RESULTS = "results.json"
ALL, CLASSES = "images", "categories"  # the paper's words for rows and for the number of classes


class DataSetLine(Section):
    """A data set of the table: one that is loaded, or one that is not to be had."""

    name: str  # as the paper prints it, where it does
    experiment: str | None = None  # a file of `experiments/` or a preset; its [data] are counted
    set: Annotated[tuple[str, ...], Field(strict=False)] = ()
    unavailable: str | None = None  # why it cannot be counted

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        if (self.experiment is None) == (self.unavailable is None):
            raise ValueError(f"data set {self.name!r} must have an experiment or be unavailable")
        return self


class CompositionTable(Section):
    """The definition: a TOML file in `tables/` with [[data_sets]] in place of rows and columns."""

    name: str
    title: str
    paper: Annotated[str, AfterValidator(known_paper_table)] | None = None
    data_sets: Annotated[tuple[DataSetLine, ...], Field(strict=False, min_length=1)]
    notes: Annotated[tuple[str, ...], Field(strict=False)] = ()


class CompositionLine(TypedDict):
    """A data set with its counts."""

    name: str
    ours: dict[str, int] | None  # what is counted -> rows; None: not to be had
    unavailable: str | None
    paper: dict[str, str]  # what is counted -> as printed; empty: not of the paper


class CompositionResults(TypedDict):
    """What results.json of such a table holds."""

    table: str
    title: str
    caption: str | None
    notes: list[str]
    counted: list[str]  # the columns, in order
    lines: list[CompositionLine]


def load_composition(name: str) -> CompositionTable | None:
    """The definition of that name; None where there is none, or it is a table of networks.

    Raises UserError where it does not fit together.
    """
    path = table_files().get(name)
    if path is None:
        return None
    values = read_toml(path)
    if "data_sets" not in values:
        return None
    try:
        return CompositionTable.model_validate({"name": name, **values})
    except ValidationError as error:
        raise UserError(f"{path}: {in_one_line(error)}") from error


def compose(table: CompositionTable, out: Path, changes: Sequence[str] = ()) -> CompositionResults:
    """Counts every data set that is to be had, and writes results.json and both pages to `out`.

    `changes` are those of every experiment. Raises UserError where data are missing, and where
    `out` holds something else.
    """
    _refuse_foreign(out, table.name)
    printed = None if table.paper is None else paper_table(table.paper)
    lines: list[CompositionLine] = []
    for data_set in table.data_sets:
        ours = None
        if data_set.experiment is not None:
            ours = counts(
                composition(open_data(_config(data_set.experiment, [*data_set.set, *changes])))
            )
        (column,) = printed.columns if printed is not None else ("",)
        cell = {} if printed is None else printed.cell(data_set.name, column)
        lines.append(
            {
                "name": data_set.name,
                "ours": ours,
                "unavailable": data_set.unavailable,
                "paper": {name: figure.printed for name, figure in cell.items()},
            }
        )
    footnotes = [] if printed is None else [f"{k}: {v}" for k, v in printed.footnotes.items()]
    results: CompositionResults = {
        "table": table.name,
        "title": table.title,
        "caption": None if printed is None else printed.caption,
        "notes": [*table.notes, *(() if printed is None else printed.notes), *footnotes],
        "counted": list(dict.fromkeys(name for line in lines for name in _names(line))),
        "lines": lines,
    }
    out.mkdir(parents=True, exist_ok=True)
    write_json(out / RESULTS, results)
    (out / "table.md").write_text(_markdown(results), encoding="utf-8")
    (out / "table.html").write_text(_page(results), encoding="utf-8")
    return results


def _refuse_foreign(out: Path, table: str) -> None:
    """Raises UserError where a folder is not empty, unless this table was written there before."""
    if not out.exists() or not any(out.iterdir()):
        return
    written = out / RESULTS
    if not written.is_file() or json.loads(written.read_text("utf-8")).get("table") != table:
        raise UserError(f"--out: must be a new folder or one of {table}, got {out}")


def counts(of_data: Composition) -> dict[str, int]:
    """What is counted -> rows: all, each value of each attribute; then the number of classes."""
    by_group = {
        value: rows for values in of_data.groups.values() for value, rows in values.items()
    }
    return {ALL: of_data.rows, **by_group, CLASSES: len(of_data.classes)}


def _config(experiment: str, changes: Sequence[str]) -> Config:
    own = FOLDER / "experiments" / f"{experiment}.toml"
    return Config.load(own if own.is_file() else experiment, list(changes))


def _names(line: CompositionLine) -> list[str]:
    """Those of the paper first, so that its order is kept."""
    return [*line["paper"], *(line["ours"] or {})]


def _cells(results: CompositionResults) -> list[list[str]]:
    """The lines as text: a data set's counts, the printed ones in brackets."""
    return [
        [line["name"], *(_cell(line, name) for name in results["counted"])]
        for line in results["lines"]
    ]


def _cell(line: CompositionLine, name: str) -> str:
    ours = None if line["ours"] is None else line["ours"].get(name)
    paper = line["paper"].get(name)
    own = DASH if ours is None else f"{ours:,}"
    return own if paper is None else f"{own} ({paper})"


def _sentences(results: CompositionResults) -> list[str]:
    return [
        "Rows as loaded, before any split; in brackets what the paper prints.",
        *(f"{it['name']}: {it['unavailable']}" for it in results["lines"] if it["unavailable"]),
        *results["notes"],
    ]


def _markdown(results: CompositionResults) -> str:
    head = ["data", *results["counted"]]
    table = [head, ["---"] * len(head), *_cells(results)]
    lines = "\n".join(f"| {' | '.join(line)} |" for line in table)
    notes = "\n".join(f"- {sentence}" for sentence in _sentences(results))
    return f"# {results['title']}\n\n{lines}\n\n{notes}\n"


def _page(results: CompositionResults) -> str:
    head = "".join(
        f'<th scope="col">{escape(name)}</th>' for name in ["data", *results["counted"]]
    )
    rows = "".join(
        "<tr>" + "".join(f"<td>{escape(text)}</td>" for text in cells) + "</tr>"
        for cells in _cells(results)
    )
    sentences = "".join(f"<li>{escape(sentence)}</li>" for sentence in _sentences(results))
    return document(
        results["title"],
        [
            f"<h1>{escape(results['title'])}</h1>",
            f'<div class="scroll"><table><thead><tr>{head}</tr></thead>',
            f"<tbody>{rows}</tbody></table></div><ul>{sentences}</ul>",
        ],
    )

"""What papers' tables print, as data: a file per paper in `papers/`, cell by cell as printed."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from itertools import islice
from typing import Any

from search.errors import unknown

_PAPERS = files("search.reproduce").joinpath("papers")

_FIGURE = re.compile(
    r"(?P<struck>~~)?(?P<bound>[<>] )?(?P<value>[+-]?\d+\.\d+)(~~)?( ± (?P<std>\d+\.\d+))?|"
    r"(?P<percent>\d+(\.\d+)?)%|(?P<count>\d+(,\d{3})*)"
)
IN_PERCENT = "The paper prints percent; ours are fractions."
ABSENT = "-"  # a cell that the paper leaves out, or a quantity that a line does not have


@dataclass(frozen=True)
class PrintedFigure:
    """One printed number: a fraction or a count, with what the paper says around it."""

    value: float
    std: float | None = None
    bound: str | None = None  # "<" or ">" where only that much is said
    struck: bool = False  # the paper strikes it out: the tolerance was not kept
    printed: str = ""

    @classmethod
    def parse(cls, printed: str, *, percent: bool = False) -> PrintedFigure:
        """Reads `0.892 ± 0.004`, `~~0.86~~`, `> 0.05`, `-0.0074`, `81.63%` or `97,698`.

        With `percent` the table prints 94.6 for a fraction of .946. ValueError for anything else.
        """
        parts = _FIGURE.fullmatch(printed)
        if parts is None:
            raise ValueError(f"paper: a figure must be a number as printed, got {printed!r}")
        if parts["percent"] is not None:
            return cls(float(parts["percent"]) / 100, printed=printed)
        if parts["count"] is not None:
            return cls(int(parts["count"].replace(",", "")), printed=printed)
        unit = 100.0 if percent else 1.0
        return cls(
            float(parts["value"]) / unit,
            None if parts["std"] is None else float(parts["std"]) / unit,
            None if parts["bound"] is None else parts["bound"].strip(),
            parts["struck"] is not None,
            printed,
        )


@dataclass(frozen=True)
class PaperTable:
    """One table of the paper: its cells by row and column, and what is odd about them."""

    caption: str
    columns: tuple[str, ...]
    cells: Mapping[
        tuple[str, str], Mapping[str, PrintedFigure]
    ]  # (row, column) -> quantity -> figure
    notes: tuple[str, ...] = ()
    footnotes: Mapping[str, str] = field(default_factory=dict)  # by row

    @property
    def rows(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(row for row, _ in self.cells))

    def cell(self, row: str, column: str) -> Mapping[str, PrintedFigure]:
        """The printed figures by quantity (accuracy, bias, pruned, or a group's name for its
        accuracy); empty where there is none."""
        return self.cells.get((row, column), {})


@cache
def printed_tables(paper: str) -> Mapping[str, Mapping[str, Any]]:
    """Table number -> what the file of `paper` says of it, as read.

    `zhang2022` is Zhang, Gao, Huang (ECCV 2022), `lin2022` Lin, Kim, Joo (ECCV 2022) with its
    supplement (S1, S2), `zhang2023` Zhang et al. (ICCV 2023, FAPrune).
    """
    return tomllib.loads(_PAPERS.joinpath(f"{paper}.toml").read_text("utf-8"))


def paper_tables() -> list[str]:
    """The names of all printed tables: `zhang2022/4`, `lin2022/S1`."""
    papers = sorted(path.name.removesuffix(".toml") for path in _PAPERS.iterdir())
    return [f"{paper}/{number}" for paper in papers for number in printed_tables(paper)]


def known_paper_table(name: str) -> str:
    """`name`, where it is one of `paper_tables`; ValueError with the nearest one otherwise."""
    if name not in (known := paper_tables()):
        raise ValueError(unknown("printed table", name, known))
    return name


def paper_table(name: str) -> PaperTable:
    """A printed table by its name, see `paper_tables`."""
    paper, _, number = known_paper_table(name).partition("/")
    table = printed_tables(paper)[number]
    percent = table.get("unit") == "percent"
    cells = {
        place: {
            quantity: PrintedFigure.parse(text, percent=percent)
            for quantity, text in zip(quantities, texts, strict=False)  # Base prunes nothing
            if text != ABSENT
        }
        for place, quantities, texts in _cells(table)
    }
    blocks = table.get("blocks", [table])
    columns = tuple(column for block in blocks for column in block["columns"])
    notes = (*table["notes"], *((IN_PERCENT,) if percent else ()))
    footnotes = table.get("footnotes", {})
    return PaperTable(table["caption"], columns, cells, notes, footnotes)


def _cells(
    table: Mapping[str, Any],
) -> Iterator[tuple[tuple[str, str], Sequence[str], Sequence[str]]]:
    """(row, column), the names of its quantities, and their texts.

    Where the lines of the paper's table are our columns, it is turned around, and its cells are
    cut at the slashes. Where a table has blocks, each has lines of its own.
    """
    if table.get("lines") == "columns":
        for column, printed in table["rows"].items():
            for row, cell in zip(table["order"], printed, strict=True):
                yield (row, column), table["cell"], cell.split("/")
        return
    for block in table.get("blocks", [table]):
        columns = block["columns"]
        quantities = block.get("cells") or [block["cell"]] * len(columns)
        for row, printed in block["rows"].items():
            texts = iter(printed)
            for column, of_column in zip(columns, quantities, strict=True):
                yield (row, column), of_column, list(islice(texts, len(of_column)))

"""What a paper's tables print, as data: read from one file, cell by cell as printed."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import Any

_FIGURE = re.compile(
    r"(?P<struck>~~)?(?P<bound>[<>] )?(?P<value>\d+\.\d+)(~~)?( ± (?P<std>\d+\.\d+))?|"
    r"(?P<percent>\d+)%"
)


@dataclass(frozen=True)
class PrintedFigure:
    """One printed number: a fraction, with what the paper says around it."""

    value: float
    std: float | None = None
    bound: str | None = None  # "<" or ">" where only that much is said
    struck: bool = False  # the paper strikes it out: the tolerance was not kept
    printed: str = ""

    @classmethod
    def parse(cls, printed: str) -> PrintedFigure:
        """Reads `0.892 ± 0.004`, `~~0.86~~`, `> 0.05` or `15%`; ValueError for anything else."""
        parts = _FIGURE.fullmatch(printed)
        if parts is None:
            raise ValueError(f"paper: a figure must be a number as printed, got {printed!r}")
        if parts["percent"] is not None:
            return cls(int(parts["percent"]) / 100, printed=printed)
        return cls(
            float(parts["value"]),
            None if parts["std"] is None else float(parts["std"]),
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
        """The printed figures by quantity (accuracy, bias, pruned); empty where there is none."""
        return self.cells.get((row, column), {})


@cache
def printed_tables() -> Mapping[str, Mapping[str, Any]]:
    """Zhang, Gao, Huang (ECCV 2022): table number -> what zhang2022.toml says of it, as read."""
    return tomllib.loads(files("search.reproduce").joinpath("zhang2022.toml").read_text("utf-8"))


def paper_table(number: int) -> PaperTable:
    """Table `number` of Zhang, Gao, Huang (ECCV 2022)."""
    table = printed_tables()[str(number)]
    cells = {
        place: {
            quantity: PrintedFigure.parse(text)
            for quantity, text in zip(table["cell"], texts, strict=False)  # Base prunes nothing
        }
        for place, texts in _texts(table).items()
    }
    columns = tuple(table["columns"])
    notes, footnotes = tuple(table["notes"]), table.get("footnotes", {})
    return PaperTable(table["caption"], columns, cells, notes, footnotes)


def _texts(table: Mapping[str, Any]) -> dict[tuple[str, str], list[str]]:
    """(row, column) -> the texts of its quantities.

    Where the lines of the paper's table are our columns, it is turned around, and its cells are
    cut at the slashes.
    """
    texts, per_cell = {}, len(table["cell"])
    for line, printed in table["rows"].items():
        if table.get("lines") == "columns":
            for row, cell in zip(table["order"], printed, strict=True):
                texts[row, line] = cell.split("/")
            continue
        for place, column in enumerate(table["columns"]):
            texts[line, column] = printed[place * per_cell : (place + 1) * per_cell]
    return texts

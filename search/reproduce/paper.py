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
class Figure:
    """One printed number: a fraction, with what the paper says around it."""

    value: float
    std: float | None = None
    bound: str | None = None  # "<" or ">" where only that much is said
    struck: bool = False  # the paper strikes it out: the tolerance was not kept
    printed: str = ""

    @classmethod
    def parse(cls, printed: str) -> Figure:
        """Reads `0.892 ± 0.004`, `~~0.86~~`, `> 0.05` or `15%`; ValueError for anything else."""
        found = _FIGURE.fullmatch(printed)
        if found is None:
            raise ValueError(f"paper: a figure must be a number as printed, got {printed!r}")
        if found["percent"] is not None:
            return cls(int(found["percent"]) / 100, printed=printed)
        return cls(
            float(found["value"]),
            None if found["std"] is None else float(found["std"]),
            None if found["bound"] is None else found["bound"].strip(),
            found["struck"] is not None,
            printed,
        )


@dataclass(frozen=True)
class PaperTable:
    """One table of the paper: its cells by row and column, and what is odd about them."""

    caption: str
    columns: tuple[str, ...]
    cells: Mapping[tuple[str, str], Mapping[str, Figure]]  # (row, column) -> quantity -> figure
    notes: tuple[str, ...] = ()
    footnotes: Mapping[str, str] = field(default_factory=dict)  # by row

    @property
    def rows(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(row for row, _ in self.cells))

    def cell(self, row: str, column: str) -> Mapping[str, Figure]:
        """The printed figures by quantity (accuracy, bias, pruned); empty where there is none."""
        return self.cells.get((row, column), {})


@cache
def printed_tables() -> Mapping[str, Mapping[str, Any]]:
    """Zhang, Gao, Huang (ECCV 2022): table number -> what its file says, as written there."""
    return tomllib.loads(files("search.reproduce").joinpath("zhang2022.toml").read_text("utf-8"))


def paper_table(number: int) -> PaperTable:
    """Table `number` of Zhang, Gao, Huang (ECCV 2022)."""
    said = printed_tables()[str(number)]
    cells = {
        place: {
            quantity: Figure.parse(text)
            for quantity, text in zip(said["cell"], texts, strict=False)  # Base prunes nothing
        }
        for place, texts in _texts(said).items()
    }
    columns = tuple(said["columns"])
    notes, footnotes = tuple(said["notes"]), said.get("footnotes", {})
    return PaperTable(said["caption"], columns, cells, notes, footnotes)


def _texts(said: Mapping[str, Any]) -> dict[tuple[str, str], list[str]]:
    """(row, column) -> the texts of its quantities; where the paper's lines are our columns,
    turned around, and its cells cut at the slashes."""
    texts, per_cell = {}, len(said["cell"])
    for line, printed in said["rows"].items():
        if said.get("lines") == "columns":
            for row, cell in zip(said["order"], printed, strict=True):
                texts[row, line] = cell.split("/")
            continue
        for place, column in enumerate(said["columns"]):
            texts[line, column] = printed[place * per_cell : (place + 1) * per_cell]
    return texts

"""The tables that can be run again: which rows, columns, data, seeds and budget each has."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import AfterValidator, Field, ValidationError, model_validator

from search.config.config import Config
from search.config.registries import check_name
from search.config.sections import Section
from search.errors import UserError, unknown

FOLDER = Path(__file__).parent
REFERENCES = ("dense net", "dense net, group thresholds")


def _reference(name: str) -> str:
    if name not in REFERENCES:
        raise ValueError(unknown("reference", name, REFERENCES))
    return name


class TableRow(Section):
    """A row: a method that is trained, or a reference line that every run has anyway."""

    name: str  # as the paper prints it, where it does
    method: str | None = None
    reference: Annotated[str, AfterValidator(_reference)] | None = None
    optional: bool = False  # only where --rows names it
    note: str | None = None  # becomes a footnote

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        if (self.method is None) == (self.reference is None):
            raise ValueError(f"row {self.name!r} must have a method or a reference")
        return self


class TableColumn(Section):
    """A column: an experiment file (without methods), with some of its values changed."""

    name: str  # as the paper prints it
    experiment: str  # of `experiments/` beside the table's file, or a preset
    set: Annotated[tuple[str, ...], Field(strict=False)] = ()


class Table(Section):
    """One table as it is to be run. The first row is the one that others are compared with."""

    name: str
    title: str
    paper: int | None = None  # its number among the paper's tables; None: not of the paper
    seeds: Annotated[int, Field(ge=1)]  # repetitions, each with its own dense net
    trials: Annotated[int, Field(ge=1)]  # per method, to tune it with
    columns: Annotated[tuple[TableColumn, ...], Field(strict=False, min_length=1)]
    rows: Annotated[tuple[TableRow, ...], Field(strict=False, min_length=1)]
    tuned: Annotated[tuple[str, ...], Field(strict=False)] = ()  # rows to tune; empty: all
    quick: Annotated[tuple[str, ...], Field(strict=False)] = ()  # further changes under --quick
    notes: Annotated[tuple[str, ...], Field(strict=False)] = ()
    # method -> role -> setting: instead of the space's published values
    published: Mapping[str, Mapping[str, Mapping[str, Any]]] = Field(default_factory=dict)
    folder: str = str(FOLDER)
    file: str | None = None  # the user's own that it was read from, as it was given

    @model_validator(mode="after")
    def _names_differ(self) -> Self:
        for kind, names in (
            ("columns", [column.name for column in self.columns]),
            ("rows", [row.name for row in self.rows]),
            ("methods", self.methods),
        ):
            if len(set(names)) < len(names):
                raise ValueError(f"{kind} must each be named once, got {', '.join(names)}")
        unknown_rows = set(self.tuned) - {row.name for row in self.rows}
        if unknown_rows:
            raise ValueError(f"tuned must name rows of the table, got {sorted(unknown_rows)}")
        return self

    @property
    def methods(self) -> list[str]:
        """The methods of all rows; reference lines have none."""
        return [row.method for row in self.rows if row.method is not None]

    @property
    def tuned_methods(self) -> list[str]:
        """The methods that are to be tuned, where they have something to search."""
        rows = [row for row in self.rows if not self.tuned or row.name in self.tuned]
        return [row.method for row in rows if row.method is not None]

    def config(self, column: TableColumn, changes: Sequence[str]) -> Config:
        """The column's experiment with `changes` on top; its methods stand in the rows."""
        own = Path(self.folder) / "experiments" / f"{column.experiment}.toml"
        source = own if own.is_file() else column.experiment
        return Config.load(source, [*column.set, *changes])

    def with_rows(self, names: Sequence[str]) -> Table:
        """The table with its first row and with those that `names` (of rows or methods) ask for.

        "all" asks for every row, no name for every row that is not optional.
        Raises UserError for unknown rows, and where a row's method is not registered.
        """
        known = {key: row for row in self.rows for key in (row.name, row.method) if key}
        for name in names:
            if name != "all" and name not in known:
                raise UserError(f"--rows: {unknown('row', name, known)}")
        chosen = {known[name].name for name in names if name != "all"}
        rows = tuple(
            row
            for place, row in enumerate(self.rows)
            if place == 0
            or "all" in names
            or row.name in chosen
            or (not names and not row.optional)
        )
        tuned = tuple(row.name for row in rows if row.name in self.tuned)
        table = self.model_copy(update={"rows": rows, "tuned": tuned})
        try:
            for method in table.methods:
                check_name("method", method)
        except ValueError as error:
            raise UserError(f"{self.name}: {error}") from error
        return table


def table_names() -> list[str]:
    return sorted(path.stem for path in (FOLDER / "tables").glob("*.toml"))


def load_table(name: str) -> Table:
    """The table of that name, or the user's own in a TOML file.

    Raises UserError where there is none, or where it does not fit together.
    """
    own = Path(name)
    path = own if own.suffix == ".toml" else FOLDER / "tables" / f"{name}.toml"
    if not path.is_file():
        if path is own:
            raise UserError(f"reproduce: there is no file {own}")
        raise UserError(f"reproduce: {unknown('table', name, table_names())}")
    folder = FOLDER if path is not own else own.resolve().parent
    try:
        values = tomllib.loads(path.read_text("utf-8"))
        given = {"file": name} if path is own else {}
        return Table.model_validate({"name": path.stem, "folder": str(folder), **values, **given})
    except tomllib.TOMLDecodeError as error:
        raise UserError(f"{path}: is not valid TOML: {error}") from error
    except ValidationError as error:
        raise UserError(f"{path}: {in_one_line(error)}") from error


def in_one_line(error: ValidationError) -> str:
    """What does not fit, and where."""
    return "; ".join(
        f"{'.'.join(map(str, problem['loc']))}: {problem['msg'].removeprefix('Value error, ')}"
        for problem in error.errors()
    )

"""The tables that can be run again: which rows, columns, data, seeds and budget each has."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, ValidationError, model_validator

from search.config.config import Config
from search.config.registries import check_name
from search.config.section import Section
from search.errors import UserError, unknown
from search.reproduce.group_summaries import SUMMARIES
from search.reproduce.paper import known_paper_table
from search.reproduce.results_json import NetworkKind, Picture
from search.reproduce.shipped import FOLDER, table_files
from search.toml_file import read_toml
from trainables.evaluation.by_group import BY_GROUP as GROUP_VALUES

# Of the dense net that all rows start from, of that net with group thresholds, and of the dense
# net of the next seed, beside the first
REFERENCES = ("dense net", "dense net, group thresholds", "dense net, another seed")
OWN_QUANTITIES = ("performance", "bias", "sparsity")  # by the column's objective
BY_GROUP = "by_group."  # before the name of a quantity that has a value for each group
BESIDE = "beside."  # before the name of one by the column's second decision
VALUES_BY_GROUP = (*GROUP_VALUES, "ap")
# What `like` takes over from another table
_ALIKE = ("rows", "published", "seeds", "trials", "tunes", "tuned", "compared", "quick")
StageSettings = Mapping[str, Mapping[str, Any]]  # slot of a stage -> setting -> value


def _reference(name: str) -> str:
    if name not in REFERENCES:
        raise ValueError(unknown("reference", name, REFERENCES))
    return name


def _quantity(name: str) -> str:
    if name.startswith(BY_GROUP):
        if (value := name.removeprefix(BY_GROUP)) not in VALUES_BY_GROUP:
            raise ValueError(unknown("value by group", value, VALUES_BY_GROUP))
    elif name not in (*OWN_QUANTITIES, *SUMMARIES, f"{BESIDE}performance", f"{BESIDE}bias"):
        check_name("measure", name.removeprefix(BESIDE))
    return name


class TableRow(Section):
    """A row: a method at its settings that is trained, or a reference line that every run has.

    A method may stand in several rows, each with `settings` of its own:

        [[rows]]
        name = "FairGRAPE, 3 rounds"
        method = "fairgrape"
        network = "last"
        settings = {pruner = {kappa = 0.5, share = 0.2}}

    `network` says which of its trial's networks stands for the row: "best", the best feasible
    one by its values on tune (else the least biased); "last", the one at the trial's end, however
    good it is; "rounds", that at the end of each round of pruning, and the one at the trial's end
    after the last retraining, for figures over sparsities.
    """

    name: str  # as the paper prints it, where it does
    method: str | None = None
    reference: Annotated[str, AfterValidator(_reference)] | None = None
    settings: StageSettings = Field(default_factory=dict)  # in place of the published ones
    # Of its method's own correction, or else of the experiment's, in place of what these say
    correction: Mapping[str, Any] = Field(default_factory=dict)
    network: NetworkKind = "best"
    # Another row: this one's last stage learns so many epochs that both take as many in all.
    as_long_as: str | None = None
    optional: bool = False  # only where --rows names it
    note: str | None = None  # becomes a footnote

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        if (self.method is None) == (self.reference is None):
            raise ValueError(f"row {self.name!r} must have a method or a reference")
        if self.method is None and (self.settings or self.network != "best" or self.as_long_as):
            raise ValueError(
                f"row {self.name!r} must have a method to have settings, network or as_long_as"
            )
        return self


class TableColumn(Section):
    """A column: an experiment file (without methods), with some of its values changed.

    A column is data, a task, a grouping or a sparsity. One whose data are not to be had says so
    in `unavailable`: it stands in the definition and in the table's notes, and is not run.
    """

    name: str  # as the paper prints it
    # Of `experiments/` beside the table's file, or a preset; None: the column is unavailable.
    experiment: str | None = None
    set: Annotated[tuple[str, ...], Field(strict=False)] = ()
    quick: Annotated[tuple[str, ...], Field(strict=False)] = ()  # further changes under --quick
    # Of the stages of every row whose method has them; a row's own settings come before these.
    settings: StageSettings = Field(default_factory=dict)
    optional: bool = False  # only where --columns names it
    unavailable: str | None = None  # why it cannot be run
    # Another column, whose networks stand in this one too, judged by this one's groups and task.
    # Of its rows only `own_rows` are trained for this one: those that prune by its groups.
    networks_of: str | None = None
    own_rows: Annotated[tuple[str, ...], Field(strict=False)] = ()
    only_own: bool = False  # rows of the other column are not shown here: its sparsity is another
    # A part of joint classes, by its attribute: their probabilities summed to its values.
    task: str | None = None

    @model_validator(mode="after")
    def _can_be_run_or_says_why(self) -> Self:
        if (self.experiment is None) == (self.unavailable is None):
            raise ValueError(f"column {self.name!r} must have an experiment or be unavailable")
        if (self.own_rows or self.only_own) and self.networks_of is None:
            raise ValueError(
                f"column {self.name!r} must name whose networks its other rows have, got own_rows "
                f"or only_own without networks_of"
            )
        return self


class Table(Section):
    """One table as it is to be run. The first row is the one that others are compared with.

    `quantities` are what it shows, each with mean, spread and its difference to the first row:
    performance, bias, sparsity (as the column's objective has them), any measure by its name, a
    summary of values by group (see group_summaries), or `by_group.` and such a value, which takes
    a place for each group: `by_group.accuracy`. `beside.` before performance, bias or a measure is
    that by the second decision of the column's experiment. Without any, it shows performance, bias
    and, where the paper does, sparsity.
    """

    name: str
    title: str
    # The printed table, as paper_tables() names it; None: not of a paper.
    paper: Annotated[str, AfterValidator(known_paper_table)] | None = None
    seeds: Annotated[int, Field(ge=1)]  # repetitions, each with its own dense net
    trials: Annotated[int, Field(ge=1)] = 8  # per method, to tune it with
    tunes: bool = True  # also runs tuned settings; False: only where --tune asks for them
    quantities: Annotated[
        tuple[Annotated[str, AfterValidator(_quantity)], ...], Field(strict=False)
    ] = ()
    columns: Annotated[tuple[TableColumn, ...], Field(strict=False, min_length=1)]
    rows: Annotated[tuple[TableRow, ...], Field(strict=False, min_length=1)]
    tuned: Annotated[tuple[str, ...], Field(strict=False)] = ()  # rows to tune; empty: all
    # A row that all others are compared with too, beside the first one; of declared quantities.
    compared: str | None = None
    picture: Picture | Literal["rows"] = (
        "rows"  # beside the table: bias and performance of each row, or another
    )
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
        ):
            if len(set(names)) < len(names):
                raise ValueError(f"{kind} must each be named once, got {', '.join(names)}")
        rows = [row.name for row in self.rows]
        unknown_rows = set(self.tuned) - set(rows)
        if unknown_rows:
            raise ValueError(f"tuned must name rows of the table, got {sorted(unknown_rows)}")
        if self.compared is not None and self.compared not in rows:
            raise ValueError(f"compared: {unknown('row', self.compared, rows)}")
        return self

    @model_validator(mode="after")
    def _lengths_are_those_of_other_rows(self) -> Self:
        known = [row.name for row in self.rows if row.method and row.as_long_as is None]
        for row in self.rows:
            if row.as_long_as is not None and row.as_long_as not in known:
                raise ValueError(
                    f"row {row.name!r}: as_long_as must name one of {', '.join(known)}, got "
                    f"{row.as_long_as!r}"
                )
        return self

    @model_validator(mode="after")
    def _networks_are_trained_somewhere(self) -> Self:
        trained = {c.name for c in self.columns if c.experiment and c.networks_of is None}
        rows = [row.name for row in self.trained]
        for column in self.columns:
            for name in column.own_rows:
                if name not in rows:
                    raise ValueError(
                        f"column {column.name!r}: own_rows must name rows with a method, "
                        f"{unknown('row', name, rows)}"
                    )
            if column.networks_of is not None and column.networks_of not in trained:
                raise ValueError(
                    f"column {column.name!r}: networks_of must name one of {sorted(trained)}, "
                    f"whose rows are all trained, got {column.networks_of!r}"
                )
        return self

    @property
    def trained(self) -> list[TableRow]:
        """The rows with a method; reference lines have none."""
        return [row for row in self.rows if row.method is not None]

    @property
    def methods(self) -> list[str]:
        """The methods of all rows, each once."""
        return list(dict.fromkeys(row.method for row in self.rows if row.method is not None))

    @property
    def tuned_rows(self) -> list[TableRow]:
        """The rows that are to be tuned, where they have something to search."""
        return [row for row in self.trained if not self.tuned or row.name in self.tuned]

    @property
    def run_columns(self) -> list[TableColumn]:
        """The columns that can be run."""
        return [column for column in self.columns if column.unavailable is None]

    def config(self, column: TableColumn, changes: Sequence[str]) -> Config:
        """The column's experiment with `changes` on top; its methods stand in the rows."""
        if column.experiment is None:
            raise ValueError(f"{self.name}: column {column.name} is unavailable")
        own = Path(self.folder) / "experiments" / f"{column.experiment}.toml"
        source = own if own.is_file() else column.experiment
        return Config.load(source, [*column.set, *changes])

    def with_rows(self, names: Sequence[str]) -> Table:
        """The table with its first row and with those that `names` (of rows or methods) ask for.

        "all" asks for every row, no name for every row that is not optional.
        Raises UserError for unknown rows, and where a row's method is not registered.
        """
        known: dict[str, set[str]] = {}
        for row in self.rows:
            for key in (row.name, row.method) if row.method else (row.name,):
                known.setdefault(key, set()).update({row.name, row.as_long_as or row.name})
        chosen = _named("--rows", "row", names, known)
        asked = [
            row
            for place, row in enumerate(self.rows)
            if place == 0 or _asked(row.name, names, chosen, optional=row.optional)
        ]
        wanted = {name for row in asked for name in (row.name, row.as_long_as)}
        rows = tuple(row for row in self.rows if row.name in wanted)
        tuned = tuple(row.name for row in rows if row.name in self.tuned)
        table = self.model_copy(update={"rows": rows, "tuned": tuned})
        try:
            for method in table.methods:
                check_name("method", method)
        except ValueError as error:
            raise UserError(f"{self.name}: {error}") from error
        return table

    def with_columns(self, names: Sequence[str]) -> Table:
        """The table with the columns that `names` ask for.

        "all" asks for every column, no name for every column that is not optional. A column comes
        with the one whose networks it has. Raises UserError for unknown columns, for one that is
        named and unavailable, and where none is left that can be run.
        """
        known = {
            column.name: {column.name, column.networks_of or column.name}
            for column in self.columns
        }
        chosen = _named("--columns", "column", names, known)
        for column in self.columns:
            if column.name in chosen and column.unavailable is not None:
                raise UserError(f"--columns: {column.name} cannot be run: {column.unavailable}")
        columns = tuple(
            column
            for column in self.columns
            if _asked(column.name, names, chosen, optional=column.optional)
        )
        table = self.model_copy(update={"columns": columns})
        if not table.run_columns:
            others = ", ".join(column.name for column in self.columns if column.optional)
            raise UserError(
                f"{self.name}: no column can be run without --columns"
                + (f", which may name {others}" if others else "")
            )
        return table


def _named(
    option: str, kind: str, names: Sequence[str], known: Mapping[str, set[str]]
) -> set[str]:
    """All that `names` stand for. Raises UserError where one stands for nothing."""
    whole = _joined([name for name in names if name != "all"], known)
    for name in whole:
        if name not in known:
            raise UserError(f"{option}: {unknown(kind, name, known)}")
    return {meant for name in whole for meant in known[name]}


def _joined(parts: Sequence[str], known: Collection[str]) -> list[str]:
    """The names that a list is of which was cut at its commas, those within names too."""
    names, at = list[str](), 0
    while at < len(parts):
        ends = range(len(parts), at, -1)
        end = next((end for end in ends if ", ".join(parts[at:end]) in known), at + 1)
        names.append(", ".join(parts[at:end]))
        at = end
    return names


def _asked(name: str, names: Sequence[str], chosen: set[str], *, optional: bool) -> bool:
    return "all" in names or name in chosen or (not names and not optional)


def load_table(name: str) -> Table:
    """The table of that name, or the user's own in a TOML file.

    Raises UserError where there is none, or where it does not fit together.
    """
    own = Path(name)
    path = own if own.suffix == ".toml" else table_files().get(name)
    if path is None:
        raise UserError(f"reproduce: {unknown('table', name, sorted(table_files()))}")
    if not path.is_file():
        raise UserError(f"reproduce: there is no file {own}")
    folder = FOLDER if path is not own else own.resolve().parent
    try:
        values = _values(path)
        given = {"file": name} if path is own else {}
        return Table.model_validate({"name": path.stem, "folder": str(folder), **values, **given})
    except ValidationError as error:
        raise UserError(f"{path}: {in_one_line(error)}") from error


def _values(path: Path) -> dict[str, Any]:
    """What a file says. `like = "other"` takes rows and budget from other.toml beside it, where
    the file has none of its own."""
    values = read_toml(path)
    other = values.pop("like", None)
    if other is None:
        return values
    source = path.with_name(f"{other}.toml")
    if not source.is_file():
        raise UserError(f"{path}: like must name a table beside it, got {other!r}")
    return {**{key: v for key, v in _values(source).items() if key in _ALIKE}, **values}


def in_one_line(error: ValidationError) -> str:
    """What does not fit, and where."""
    return "; ".join(
        f"{'.'.join(map(str, problem['loc']))}: {problem['msg'].removeprefix('Value error, ')}"
        for problem in error.errors()
    )

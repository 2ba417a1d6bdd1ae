"""Which searches a table consists of, and the config of each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from pydantic import ValidationError

from search.config.config import Config
from search.errors import UserError
from search.problem.problem import method_spaces
from search.reproduce.results_json import Departure, FairTuning, NetworkKind
from search.reproduce.settings import (
    cut_down,
    departures,
    epochs_of,
    fair_tuning_of,
    lasting,
    own_settings,
    shortened,
    stage_fields,
    written_out,
)
from search.reproduce.tables import Table, TableColumn, TableRow, in_one_line
from spaces.space import Nested, Space
from trainables.methods import METHODS
from trainables.trial.spec import STAGES, Keep

SearchKind = Literal["published", "tuning", "tuned"]
TUNING_SEED = 1000  # apart from those that the settings are then tried with
QUICK_TRIALS = 2  # per method
QUICK_SEEDS = 2
_KEEP: Mapping[NetworkKind, Keep] = {"best": "pareto", "last": "last", "rounds": "rounds"}


@dataclass(frozen=True)
class Options:
    """How a table is run. Where nothing is given, what the table's own file says holds."""

    seeds: int
    trials: int  # per method
    rows: tuple[str, ...] = ()
    changes: tuple[str, ...] = ()  # of every column's experiment
    quick: bool = False
    columns: tuple[str, ...] = ()

    @classmethod
    def of(
        cls,
        table: Table,
        *,
        seeds: int | None = None,
        trials: int | None = None,
        rows: Sequence[str] = (),
        columns: Sequence[str] = (),
        changes: Sequence[str] = (),
        quick: bool = False,
    ) -> Options:
        return cls(
            seeds or (min(QUICK_SEEDS, table.seeds) if quick else table.seeds),
            trials or (QUICK_TRIALS if quick else table.trials),
            tuple(rows),
            (*(table.quick if quick else ()), *changes),
            quick,
            tuple(columns),
        )


@dataclass(frozen=True)
class Plan:
    """The searches of a table.

    For each column these are one per seed at published settings, one that tunes, and one per seed
    with the settings that it found. A search at given settings has a trial of every row.
    """

    table: Table  # with the rows and columns that are to be run
    options: Options
    out: Path

    @classmethod
    def of(cls, table: Table, options: Options, out: Path) -> Plan:
        """Of the rows and columns that the options name.

        Raises UserError for unknown ones, and for settings of a column that no row of the table
        has, chosen or not.
        """
        _check_settings(table)
        chosen = table.with_rows(options.rows).with_columns(options.columns)
        return cls(chosen, options, out)

    @property
    def seeds(self) -> range:
        return range(self.options.seeds)

    @property
    def columns(self) -> list[TableColumn]:
        """Those that can be run."""
        return self.table.run_columns

    @cached_property
    def rows(self) -> dict[str, TableRow]:
        """The rows that are trained, by name."""
        return {row.name: row for row in self.table.rows if row.method is not None}

    def trained(self, column: TableColumn) -> list[str]:
        """The rows that are trained for this column; other ones have another column's networks."""
        return [name for name in self.rows if not column.networks_of or name in column.own_rows]

    def sources(self, column: TableColumn) -> list[TableColumn]:
        """The columns whose searches have its networks: the one that lends some, then itself."""
        lender = [other for other in self.table.columns if other.name == column.networks_of]
        return [*lender, column] if self.trained(column) else lender

    def folder(self, kind: SearchKind, column: TableColumn, seed: int | None = None) -> Path:
        end = "" if seed is None else f"-seed{seed}"
        return self.out / "runs" / f"{kind}-{_file_name(column.name)}{end}"

    def experiment(self, column: TableColumn) -> Config:
        """The column's experiment with all methods of the table and the options' changes."""
        of_table = len(self.table.quick) if self.options.quick else 0
        changes = [
            *self.options.changes[:of_table],
            *(column.quick if self.options.quick else ()),
            *self.options.changes[of_table:],
            "tracking.enabled=false",
            f"search.methods={self.table.methods}",
        ]
        config = self.table.config(column, changes)
        return _changed(config, space=shortened(config)) if self.options.quick else config

    def published(self, column: TableColumn) -> dict[str, Nested]:
        """The published settings, written out, of every row that is trained for this column."""
        spaces = method_spaces(self.experiment(column))
        try:
            return {
                name: self._settings(self.rows[name], column, spaces)
                for name in self.trained(column)
            }
        except ValueError as error:
            raise UserError(f"{self.table.name}: {error}") from error

    def departures(self, column: TableColumn) -> dict[str, list[Departure]]:
        """Row -> the settings with which it is run in `column` in place of the published ones."""
        by_row: dict[str, list[Departure]] = {}
        for source in self.sources(column):  # the column itself comes last, and has the last word
            used, config = self.published(source), self.experiment(source)
            for row in self.table.rows:
                if row.method is None or row.name in used:
                    settings = used.get(row.name, {})
                    by_row[row.name] = departures(row, source, settings, config)
        return by_row

    def fair_tunings(self, column: TableColumn) -> dict[str, FairTuning]:
        """Row -> how it is fine-tuned in `column` at published settings, where it is."""
        found: dict[str, FairTuning] = {}
        for source in self.sources(column):
            for name, settings in self.published(source).items():
                tuning = fair_tuning_of(self.rows[name].method or "", settings)
                if tuning is not None:
                    found[name] = tuning
        return found

    def searchable(self, column: TableColumn) -> list[str]:
        """The rows trained for this column with something to search."""
        spaces = method_spaces(self.experiment(column))
        trained = self.trained(column)
        return [name for name in trained if spaces[self.rows[name].method or ""].ranges]

    def tunable(self, column: TableColumn) -> list[str]:
        """Those of them that the table tunes."""
        asked = {row.name for row in self.table.tuned_rows}
        return [name for name in self.searchable(column) if name in asked]

    def fixed(self, column: TableColumn, seed: int, settings: Mapping[str, Nested]) -> Config:
        """One trial of each row of `settings` with exactly these settings."""
        trials = [
            {
                "name": row.name,
                "method": row.method,
                "settings": settings[row.name],
                "keep": _KEEP[row.network],
                **({"correction": dict(row.correction)} if row.correction else {}),
            }
            for row in _long_ones_first([self.rows[name] for name in settings])
        ]
        methods = list(dict.fromkeys(trial["method"] for trial in trials))
        return _changed(
            self.experiment(column),
            seed=seed,
            trials=trials,
            search={
                **{"methods": methods, "trials": len(trials)},
                **{"sampler": "random", "scheduler": "none", "shared_pruners": 1},
            },
        )

    def tuning(self, column: TableColumn) -> Config:
        """The search for better settings.

        Every method gets the same number of trials, and as many discoveries are shared by all. No
        trial is stopped: eight per method are too few for a scheduler to learn from, and the table
        compares what settings reach, not what a scheduler leaves of them. What a row or column
        says of settings is not searched.

        Raises UserError where two of the rows to tune have one method: a search has one space for
        it.
        """
        rows = [self.rows[name] for name in self.tunable(column)]
        times = Counter(row.method for row in rows)
        if twice := [row.name for row in rows if times[row.method] > 1]:
            raise UserError(
                f"tuning: rows must have a method each, got {', '.join(twice)} with one; --rows "
                f"chooses among them"
            )
        experiment = self.experiment(column)
        methods = [row.method for row in _long_ones_first(rows) if row.method is not None]
        space: dict[str, Any] = {name: dict(part) for name, part in experiment.space.items()}
        for row in rows:
            for slot, part in self._cut(own_settings(row, column)).items():
                of_method = space.setdefault(row.method or "", {})
                of_method[slot] = {**of_method.get(slot, {}), **part}
        return _changed(
            experiment,
            seed=TUNING_SEED,
            space=space,
            search={
                **{"methods": methods, "trials": self.options.trials * len(methods)},
                **{"sampler": "tpe", "scheduler": "none"},
                **{"share": "even", "defaults": "published"},
                "shared_pruners": self.options.trials,
            },
        )

    def check(self, *, tunes: bool) -> None:
        """Raises UserError where any of the searches does not fit together."""
        for column in self.columns:
            if column.networks_of and not self.trained(column):
                continue
            self.fixed(column, 0, self.published(column))
            if tunes and self.tunable(column):
                self.tuning(column)

    def _settings(self, row: TableRow, column: TableColumn, spaces: Mapping[str, Space]) -> Nested:
        """One row's, with the length of another where it is to last as long."""
        method = row.method or ""
        settings = written_out(spaces[method], method, self._own(row, method, column))
        if row.as_long_as is None:
            return settings
        other = self.rows[row.as_long_as]
        epochs = epochs_of(other.method or "", self._settings(other, column, spaces))
        return lasting(method, settings, epochs)

    def _own(self, row: TableRow, method: str, column: TableColumn) -> dict[str, dict[str, Any]]:
        """What the table says of the row's settings, cut down under --quick."""
        of_table = self.table.published.get(method, {})
        own = {slot: dict(part) for slot, part in of_table.items()}
        for slot, part in self._cut(own_settings(row, column)).items():
            own.setdefault(slot, {}).update(part)
        return own

    def _cut(self, settings: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
        return cut_down(settings) if self.options.quick else settings


def _check_settings(table: Table) -> None:
    known = [stage_fields(method) for method in table.methods if method in METHODS]
    for column in table.columns:
        for slot, part in column.settings.items():
            for name in part:
                if not any(name in of_method.get(slot, ()) for of_method in known):
                    raise UserError(
                        f"{table.name}: column {column.name}: no row has a setting {slot}.{name}"
                    )


def _file_name(column: str) -> str:
    """A column's name as part of a folder's."""
    return column.replace("%", "").replace("/", "-")


def _changed(config: Config, *, search: Mapping[str, Any] | None = None, **values: Any) -> Config:
    """`config` with other values, checked like a file: UserError where they do not fit."""
    plain = config.model_dump(mode="json", exclude_none=True)
    changed = {**plain, **values, "search": {**plain["search"], **(search or {})}}
    try:
        return Config.model_validate(changed)
    except ValidationError as error:
        raise UserError(f"{config.name}: {in_one_line(error)}") from error


def _long_ones_first(rows: Sequence[TableRow]) -> list[TableRow]:
    """The rows in the order in which their trials start: long ones first.

    Every other place is for a method that discovers nothing (first those that train from scratch),
    since two that start with the same discovery would wait for each other.
    """
    learning = {row.name: _learning_stages(row.method or "") for row in rows}
    by_length = sorted(rows, key=lambda row: -len(learning[row.name]))
    discovering = [row for row in by_length if "pruner" in learning[row.name]]
    others = sorted(
        (row for row in by_length if row not in discovering),
        key=lambda row: "dense" not in learning[row.name],
    )
    mixed = [row for pair in zip(discovering, others, strict=False) for row in pair]
    return [*mixed, *(row for row in [*discovering, *others] if row not in mixed)]


def _learning_stages(method: str) -> list[str]:
    """The roles of a method's stages that learn from data, one entry for each stage."""
    return [
        stage.role
        for stage in METHODS[method].stages
        if STAGES[stage.role][stage.name](**stage.fixed).learns_from != "nothing"
    ]

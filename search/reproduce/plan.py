"""Which searches a table consists of, and the config of each.

Also which of its "published" settings are not those that were published, setting by setting.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Literal

from pydantic import ValidationError

from search.config.config import Config
from search.errors import UserError
from search.problem.problem import method_spaces
from search.reproduce.results_json import Departure
from search.reproduce.tables import Table, TableColumn, in_one_line
from search.units import dotted
from spaces.compose import compose
from spaces.space import Nested
from trainables.methods import METHODS
from trainables.stage import settings_dict
from trainables.trial.spec import STAGES, Spec, correction_of

SearchKind = Literal["published", "tuning", "tuned"]
TUNING_SEED = 1000  # apart from those that the settings are then tried with
QUICK_EPOCHS = 4  # of a stage
QUICK_TRIALS = 2  # per method
QUICK_SEEDS = 2
_LENGTHS = {  # settings that say how long a stage takes, and what --quick cuts them to
    "epochs": QUICK_EPOCHS,
    "max_epochs": 5 * QUICK_EPOCHS,
    "tries": 5 * QUICK_EPOCHS,
    "calls": QUICK_EPOCHS,
}


@dataclass(frozen=True)
class Options:
    """How a table is run. Where nothing is given, what the table's own file says holds."""

    seeds: int
    trials: int  # per method
    rows: tuple[str, ...] = ()
    changes: tuple[str, ...] = ()  # of every column's experiment
    quick: bool = False

    @classmethod
    def of(
        cls,
        table: Table,
        *,
        seeds: int | None = None,
        trials: int | None = None,
        rows: Sequence[str] = (),
        changes: Sequence[str] = (),
        quick: bool = False,
    ) -> Options:
        return cls(
            seeds or (QUICK_SEEDS if quick else table.seeds),
            trials or (QUICK_TRIALS if quick else table.trials),
            tuple(rows),
            (*(table.quick if quick else ()), *changes),
            quick,
        )


@dataclass(frozen=True)
class Plan:
    """The searches of a table.

    For each column these are one per seed at published settings, one that tunes, and one per seed
    with the settings that it found.
    """

    table: Table  # with the rows that are to be run
    options: Options
    out: Path

    @property
    def seeds(self) -> range:
        return range(self.options.seeds)

    def folder(self, kind: SearchKind, column: TableColumn, seed: int | None = None) -> Path:
        end = "" if seed is None else f"-seed{seed}"
        return self.out / "runs" / f"{kind}-{column.name.replace('%', '')}{end}"

    def experiment(self, column: TableColumn) -> Config:
        """The column's experiment with all methods of the table and the options' changes."""
        changes = [
            *self.options.changes,
            "tracking.enabled=false",
            f"search.methods={self._methods}",
        ]
        config = self.table.config(column, changes)
        return _shortened(config) if self.options.quick else config

    def published(self, column: TableColumn) -> dict[str, Nested]:
        """Every method's published settings in this column, written out."""
        config = self.experiment(column)
        other = self.table.published
        return {
            method: _published(config, method, other.get(method, {})) for method in self._methods
        }

    def searchable(self, column: TableColumn) -> list[str]:
        """The methods with something to search."""
        spaces = method_spaces(self.experiment(column))
        return [method for method in self._methods if spaces[method].ranges]

    def tunable(self, column: TableColumn) -> list[str]:
        """Those of them that the table tunes."""
        asked = {row.method for row in self.table.tuned_rows}
        return [method for method in self.searchable(column) if method in asked]

    def fixed(self, column: TableColumn, seed: int, settings: Mapping[str, Nested]) -> Config:
        """One trial of each method of `settings` with exactly these settings."""
        methods = _long_ones_first(list(settings))
        return _changed(
            self.experiment(column),
            seed=seed,
            space=dict(settings),
            search={
                **{"methods": methods, "trials": len(methods)},
                **{"sampler": "random", "scheduler": "none", "shared_pruners": 1},
            },
        )

    def tuning(self, column: TableColumn) -> Config:
        """The search for better settings.

        Every method gets the same number of trials, and as many discoveries are shared by all. No
        trial is stopped: eight per method are too few for a scheduler to learn from, and the table
        compares what settings reach, not what a scheduler leaves of them.
        """
        methods = _long_ones_first(self.tunable(column))
        return _changed(
            self.experiment(column),
            seed=TUNING_SEED,
            search={
                **{"methods": methods, "trials": self.options.trials * len(methods)},
                **{"sampler": "tpe", "scheduler": "none"},
                "shared_pruners": self.options.trials,
            },
        )

    @property
    def _methods(self) -> list[str]:
        return self.table.methods


def _published(config: Config, method: str, other: Mapping[str, Mapping[str, Any]]) -> Nested:
    """A method's published settings, written out.

    They are `other` where it gives a value, else the space's published value, else the setting's
    own default. Left out is what is neither searched, nor fixed, nor in `other`.
    """
    space = method_spaces(config)[method]
    settings = {role: dict(part) for role, part in space.published_nested().items()}
    for role, part in other.items():
        settings.setdefault(role, {}).update(part)
    spec = Spec.from_config(
        {
            **{"trial": "published", "method": method, "seed": 0},
            "settings": settings,
            "correction": correction_of(method, {"name": "threshold"}),
        }
    )
    written_out = {*space.ranges, *space.fixed, *dotted(other)}
    return {
        stage.slot: {
            name: value
            for name, value in settings_dict(stage.settings).items()
            if f"{stage.slot}.{name}" in written_out
        }
        for stage in spec.stages
    }


def _shortened(config: Config) -> Config:
    """Every stage of the config's methods cut down to a few epochs."""
    space: dict[str, dict[str, dict[str, Any]]] = {
        role: {name: dict(part) for name, part in parts.items()}
        for role, parts in config.space.items()
    }
    stages = {
        (stage.role, stage.name)
        for method in config.search.methods
        for stage in METHODS[method].stages
    }
    for role, name in sorted(stages):
        settings = {field.name for field in fields(STAGES[role][name])}
        for length in settings & _LENGTHS.keys():
            space.setdefault(role, {}).setdefault(name, {})[length] = _LENGTHS[length]
    return _changed(config, space=space)


def _changed(config: Config, *, search: Mapping[str, Any] | None = None, **values: Any) -> Config:
    """`config` with other values, checked like a file: UserError where they do not fit."""
    plain = config.model_dump(mode="json", exclude_none=True)
    changed = {**plain, **values, "search": {**plain["search"], **(search or {})}}
    try:
        return Config.model_validate(changed)
    except ValidationError as error:
        raise UserError(f"{config.name}: {in_one_line(error)}") from error


def _long_ones_first(methods: Sequence[str]) -> list[str]:
    """The methods in the order in which they start: long ones first.

    Every other place is for a method that discovers nothing (first those that train from scratch),
    since two that start with the same discovery would wait for each other.
    """
    learning = {method: _learning_stages(method) for method in methods}
    by_length = sorted(methods, key=lambda method: -len(learning[method]))
    discovering = [method for method in by_length if "pruner" in learning[method]]
    others = sorted(
        (method for method in by_length if method not in discovering),
        key=lambda method: "dense" not in learning[method],
    )
    mixed = [method for pair in zip(discovering, others, strict=False) for method in pair]
    return [*mixed, *(method for method in [*discovering, *others] if method not in mixed)]


def _learning_stages(method: str) -> list[str]:
    """The roles of a method's stages that learn from data, one entry for each stage."""
    return [
        stage.role
        for stage in METHODS[method].stages
        if STAGES[stage.role][stage.name]().learns_from != "nothing"
    ]


def departures(plan: Plan, column: TableColumn) -> dict[str, list[Departure]]:
    """Row name -> the settings with which it is run in `column` in place of the published ones.

    Published are the values of the methods' spaces, whose sources stand there; a setting that
    these do not search, or that its paper does not give, is compared with the stage's default.
    The dense net's own stand at its row.
    """
    used = plan.published(column)
    dense = plan.experiment(column).dense
    by_row: dict[str, list[Departure]] = {}
    for row in plan.table.rows:
        if row.method is not None:
            by_row[row.name] = _differences(used[row.method], _published_stages(row.method))
        elif row.reference == "dense net":
            defaults = settings_dict(STAGES["dense"][dense.name]())
            by_row[row.name] = _differences({"dense": dense.settings}, {"dense": defaults})
        else:
            by_row[row.name] = []
    return by_row


def _published_stages(method: str) -> dict[str, dict[str, Any]]:
    slots = METHODS[method].slots
    of_space = compose(slots.values()).published_nested()
    return {
        slot: {**settings_dict(STAGES[stage.role][stage.name]()), **of_space.get(slot, {})}
        for slot, stage in slots.items()
    }


def _differences(
    used: Mapping[str, Mapping[str, Any]], published: Mapping[str, Mapping[str, Any]]
) -> list[Departure]:
    return [
        {"setting": f"{role}.{name}", "used": value, "published": published[role][name]}
        for role, part in used.items()
        for name, value in part.items()
        if value != published[role][name]
    ]

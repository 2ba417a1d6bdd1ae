"""With which settings a table's rows are run, and where these are not the published ones."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from search.config.config import Config
from search.reproduce.results_json import Departure, FairTuning
from search.reproduce.tables import StageSettings, TableColumn, TableRow
from search.units import dotted
from spaces.compose import compose
from spaces.space import Nested, Space
from trainables.methods import METHODS, correction_of
from trainables.pruners.rounds import RoundPlan
from trainables.stage import settings_dict
from trainables.trial.spec import STAGES, Spec

QUICK_EPOCHS = 4  # of a stage
LENGTHS: Mapping[str, float | int] = {  # settings that say how long a stage takes; under --quick
    "epochs": QUICK_EPOCHS,
    "max_epochs": 5 * QUICK_EPOCHS,
    "tries": 5 * QUICK_EPOCHS,
    "calls": QUICK_EPOCHS,
    "round_epochs": 1,
    "final_epochs": 2,
    "kappa": 0.3,  # share of the weights kept in each round: 4 rounds to a sparsity of 99 %
}


def stage_fields(method: str) -> dict[str, set[str]]:
    """Slot -> the settings that the method's stage has there."""
    return {
        slot: {field.name for field in fields(STAGES[stage.role][stage.name])}
        for slot, stage in METHODS[method].slots.items()
    }


def own_settings(row: TableRow, column: TableColumn) -> dict[str, dict[str, Any]]:
    """What the table's definition says of a row's settings in a column.

    A column's settings are those of every row whose method has them; the row's come first.
    """
    if row.method is None:
        return {}
    known = stage_fields(row.method)
    settings: dict[str, dict[str, Any]] = {}
    for slot, part in column.settings.items():
        taken = {name: value for name, value in part.items() if name in known.get(slot, ())}
        if taken:
            settings[slot] = taken
    for slot, part in row.settings.items():
        settings.setdefault(slot, {}).update(part)
    return settings


def written_out(space: Space, method: str, other: StageSettings) -> Nested:
    """A method's published settings, written out.

    They are `other` where it gives a value, else the space's published value, else the setting's
    own default. Left out is what is neither searched, nor fixed, nor in `other`.
    """
    settings = {slot: dict(part) for slot, part in space.published_nested().items()}
    for slot, part in other.items():
        settings.setdefault(slot, {}).update(part)
    spec = Spec.from_config(
        {
            **{"trial": "published", "method": method, "seed": 0},
            "settings": settings,
            "correction": correction_of(method, {"name": "threshold"}),
        }
    )
    shown = {*space.ranges, *space.fixed, *dotted(other)}
    return {
        stage.slot: {
            name: value
            for name, value in settings_dict(stage.settings).items()
            if f"{stage.slot}.{name}" in shown
        }
        for stage in spec.stages
    }


def epochs_of(method: str, settings: Nested) -> int:
    """How many epochs a trial of the method learns in at these settings, all stages together."""
    total = 0
    for of_stage in _stage_settings(method, settings):
        if "kappa" in of_stage:
            names = {field.name for field in fields(RoundPlan)} & of_stage.keys()
            total += RoundPlan(**{name: of_stage[name] for name in names}).epochs
        else:
            total += of_stage.get("epochs", 0)
    return total


def lasting(method: str, settings: Nested, epochs: int) -> Nested:
    """The settings with a last stage that makes the trial learn in so many epochs.

    Raises ValueError where no length of the last stage does.
    """
    slot, stage = list(METHODS[method].slots.items())[-1]
    names = {field.name for field in fields(STAGES[stage.role][stage.name])}
    length = next((name for name in ("final_epochs", "epochs") if name in names), None)
    if length is None:
        raise ValueError(f"as_long_as: {stage.name} has no number of epochs to set")
    now = _stage_settings(method, settings)[-1][length]
    wanted = now + epochs - epochs_of(method, settings)
    if wanted < 1:
        raise ValueError(
            f"as_long_as: {method} must take less than {epochs} epochs without its last stage, "
            f"got {epochs - wanted}"
        )
    return {**settings, slot: {**settings.get(slot, {}), length: wanted}}


def fair_tuning_of(method: str, settings: Nested) -> FairTuning | None:
    """The rate and the length of the method's fair tuning; None where it has none."""
    for of_stage in reversed(_stage_settings(method, settings)):
        if {"lr", "schedule", "bias_from"} <= of_stage.keys():
            return {
                "lr": of_stage["lr"],
                "schedule": of_stage["schedule"],
                "warmup_steps": of_stage["warmup_steps"],
                "epochs": of_stage["epochs"],
                "batch_size": of_stage["batch_size"],
            }
    return None


def _stage_settings(method: str, settings: Nested) -> list[dict[str, Any]]:
    """All settings of each stage of the method, in order."""
    spec = Spec.from_config(
        {
            **{"trial": "length", "method": method, "seed": 0, "settings": settings},
            "correction": correction_of(method, {"name": "threshold"}),
        }
    )
    return [settings_dict(stage.settings) for stage in spec.stages]


def shortened(config: Config) -> dict[str, dict[str, dict[str, Any]]]:
    """The config's [space] with every stage of its methods cut down to a few epochs; what is
    shorter already stays."""
    space = {
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
        for length in settings & LENGTHS.keys():
            part = space.setdefault(role, {}).setdefault(name, {})
            fixed = isinstance(part.get(length), int | float)
            part[length] = min(part[length], LENGTHS[length]) if fixed else LENGTHS[length]
    return space


def cut_down(settings: StageSettings) -> dict[str, dict[str, Any]]:
    """`settings` with lengths no longer than under --quick."""
    return {
        slot: {
            name: min(value, LENGTHS[name]) if name in LENGTHS else value
            for name, value in part.items()
        }
        for slot, part in settings.items()
    }


def departures(
    row: TableRow, column: TableColumn, used: Nested, config: Config
) -> list[Departure]:
    """The settings with which a row is run in `column` in place of the published ones.

    Published are what the table says of the row, else the values of the methods' spaces, whose
    sources stand there; a setting that these do not search, or that its paper does not give, is
    compared with the stage's default. The dense net's own stand at its row.
    """
    if row.method is not None:
        return _differences(used, _published_stages(row.method, own_settings(row, column)))
    if row.reference == "dense net":
        defaults = settings_dict(STAGES["dense"][config.dense.name]())
        return _differences({"dense": config.dense.settings}, {"dense": defaults})
    return []


def _published_stages(method: str, own: StageSettings) -> dict[str, dict[str, Any]]:
    slots = METHODS[method].slots
    of_space = compose(slots.values()).published_nested()
    return {
        slot: {
            **settings_dict(STAGES[stage.role][stage.name](**stage.fixed)),
            **of_space.get(slot, {}),
            **own.get(slot, {}),
        }
        for slot, stage in slots.items()
    }


def _differences(
    used: Mapping[str, Mapping[str, Any]], published: Mapping[str, Mapping[str, Any]]
) -> list[Departure]:
    return [
        {"setting": f"{slot}.{name}", "used": value, "published": published[slot][name]}
        for slot, part in used.items()
        for name, value in part.items()
        if value != published[slot][name]
    ]

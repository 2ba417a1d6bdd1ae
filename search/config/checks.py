"""Checks of settings and spaces against what the stages accept."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from pydantic import ValidationError

from search.config.registries import Kind, check_name, registry
from search.errors import unknown
from spaces.compose import ROLES, stage_space
from spaces.space import Space
from trainables.data.group_text import checked
from trainables.evaluation.measure_kinds import MEASURE_KINDS, MeasureKind

# method -> role -> setting, and role -> stage -> setting for all methods that have the stage
Spaces = Mapping[str, Mapping[str, Mapping[str, Any]]]

_STAGES_ASKED = ContextVar("_STAGES_ASKED", default=True)


@contextmanager
def unasked_stages() -> Iterator[None]:
    """Within the block stages are known by name alone: what values they take they must be
    imported for, and torch with them, which takes seconds."""
    before = _STAGES_ASKED.set(False)
    try:
        yield
    finally:
        _STAGES_ASKED.reset(before)


def check_group(text: str) -> str:
    """`text` unchanged if it reads like a grouping: `sex`, `sex*race`, `race=White`."""
    return checked(text)


def check_pruning_group(text: str) -> str:
    """`text` unchanged if it reads like a grouping or like `clusters:7`."""
    from trainables.data.clusters import clusters_asked

    return text if clusters_asked(text) is not None else check_group(text)


def check_bias(name: str) -> str:
    """`name` unchanged if it is a registered measure that compares groups."""
    if _kind_of(name) == "performance":
        raise ValueError(f"must be a measure that compares groups, got {name!r}")
    return name


def check_performance(name: str) -> str:
    """`name` unchanged if it is a registered measure of performance."""
    if _kind_of(name) != "performance":
        raise ValueError(f"must be a measure of performance, got {name!r}")
    return name


def _kind_of(measure: str) -> MeasureKind:
    if measure not in MEASURE_KINDS:
        raise ValueError(unknown("measure", measure, MEASURE_KINDS))
    return MEASURE_KINDS[measure]


def check_settings(kind: Kind, name: str, settings: Mapping[str, Any]) -> None:
    """Raises ValueError unless `name` is registered and takes these settings."""
    check_name(kind, name)
    if _STAGES_ASKED.get() or (kind == "correction" and settings):  # of which none loads torch
        _check_fit(f"{kind} {name}", registry(kind)[name], settings)


def check_stages(method: str, settings: Mapping[str, Mapping[str, Any]]) -> None:
    """Raises ValueError unless the method's stages take these settings, given by slot."""
    from trainables.methods import METHODS

    slots = METHODS[method].slots
    for slot in settings:
        if slot not in slots:
            raise ValueError(unknown(f"stage of {method}", slot, slots))
    if not _STAGES_ASKED.get():
        return
    from trainables.trial.spec import STAGES

    for slot, stage in slots.items():
        of_slot = {**stage.fixed, **settings.get(slot, {})}
        _check_fit(f"{stage.role} {stage.name}", STAGES[stage.role][stage.name], of_slot)


def check_spaces(spaces: Spaces) -> Spaces:
    """`spaces` unchanged if every stage named there accepts all that it is to search.

    A table is `space.<role>.<stage>` (or `space.<slot>.<stage>`), for all methods, or
    `space.<method>.<slot>`.
    """
    from trainables.methods import METHODS, slot_roles

    roles = {role: role for role in ROLES} | slot_roles()
    for table, parts in spaces.items():
        if table in roles:
            role = roles[table]
            for stage, overrides in parts.items():
                if stage not in ROLES[role]:
                    raise ValueError(unknown(f"{role} in space.{table}", stage, ROLES[role]))
                _check_stage(f"space.{table}.{stage}", role, stage, overrides)
            continue
        slots = METHODS[check_name("method", table)].slots
        for slot, overrides in parts.items():
            if slot not in slots:
                raise ValueError(unknown(f"stage of {table}", slot, slots))
            role, name = slots[slot].role, slots[slot].name
            _check_stage(f"space.{table}.{slot}", role, name, overrides)
    return spaces


def rule(message: str) -> str:
    """Pydantic's sentence in our words: `must be less than 1`."""
    plain = message.removeprefix("Value error, ").replace("Input should be", "must be")
    return plain.replace("Input should have", "must have").replace(
        "Field required", "must be given"
    )


def _check_fit(who: str, settings_class: type[Any], settings: Mapping[str, Any]) -> None:
    """Raises ValueError, naming setting, rule and value, unless the class takes the settings."""
    known = [field.name for field in dataclasses.fields(settings_class)]
    for name in settings:
        if name not in known:
            raise ValueError(unknown(f"setting of {who}", name, known))
    try:
        settings_class(**settings)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        name = ".".join(str(part) for part in first["loc"])
        sentence = rule(first["msg"])
        given = "" if " got " in sentence or not name else f", got {first['input']!r}"
        raise ValueError(f"{f'{name}: ' if name else ''}{sentence}{given}") from error


def _check_stage(key: str, role: str, name: str, overrides: Mapping[str, Any]) -> None:
    try:
        space = stage_space(role, name).narrow(overrides)
    except ValueError as error:
        raise ValueError(f"{key}.{error}") from error
    if not _STAGES_ASKED.get():
        return
    from trainables.trial.spec import STAGES

    settings_class = STAGES[role][name]
    for setting in overrides:
        for value in _deciding_values(space, setting):
            try:
                _check_fit(
                    f"{role} {name}",
                    settings_class,
                    {**space.published, **space.fixed, setting: value},
                )
            except ValueError as error:
                raise ValueError(f"{key}: {error}") from error


def _deciding_values(space: Space, setting: str) -> tuple[Any, ...]:
    """The values of a setting that decide whether all of its values are accepted."""
    if setting in space.ranges:
        return space.ranges[setting].extremes()
    return (space.fixed[setting],)

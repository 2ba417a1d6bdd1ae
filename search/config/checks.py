"""Checks of settings and spaces against what the stages accept."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from search.config.registries import Kind, check_name, registry
from search.errors import unknown
from spaces.compose import ROLES, stage_space
from spaces.space import Space


def check_group(text: str) -> str:
    """`text` unchanged if it reads like a grouping: `sex`, `sex*race`, `race=White`."""
    from trainables.data.grouping import Grouping

    Grouping.parse(text)
    return text


def check_bias(name: str) -> str:
    """`name` unchanged if it is a registered measure that compares groups."""
    if not registry("measure")[check_name("measure", name)].compares_groups:
        raise ValueError(f"must be a measure that compares groups, got {name!r}")
    return name


def check_performance(name: str) -> str:
    """`name` unchanged if it is a registered measure of performance."""
    if registry("measure")[check_name("measure", name)].compares_groups:
        raise ValueError(f"must be a measure of performance, got {name!r}")
    return name


def check_settings(kind: Kind, name: str, settings: Mapping[str, Any]) -> None:
    """Raises ValueError unless `name` is registered and takes these settings."""
    construct(f"{kind} {name}", registry(kind)[check_name(kind, name)], settings)


def construct(who: str, settings_class: type[Any], settings: Mapping[str, Any]) -> Any:
    """The settings as their class; raises ValueError naming setting, rule, value."""
    known = [field.name for field in dataclasses.fields(settings_class)]
    for name in settings:
        if name not in known:
            raise ValueError(unknown(f"setting of {who}", name, known))
    try:
        return settings_class(**settings)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        name = ".".join(str(part) for part in first["loc"])
        said = rule(first["msg"])
        given = "" if " got " in said or not name else f", got {first['input']!r}"
        raise ValueError(f"{f'{name}: ' if name else ''}{said}{given}") from error


def check_spaces(
    spaces: Mapping[str, Mapping[str, Mapping[str, Any]]],
) -> Mapping[str, Mapping[str, Mapping[str, Any]]]:
    """`spaces` unchanged if every stage named there accepts all that it is to search.

    They are given as `space.<role>.<stage>`, for all methods, or as `space.<method>.<role>`.
    """
    from trainables.methods import METHODS

    for method, overrides in spaces.items():
        if method in ROLES:
            for stage, part in overrides.items():
                if stage not in ROLES[method]:
                    raise ValueError(unknown(f"{method} in space.{method}", stage, ROLES[method]))
                _check_stage(f"space.{method}.{stage}", method, stage, part)
            continue
        stages = dict(METHODS[check_name("method", method)].stages)
        for role, part in overrides.items():
            if role not in stages:
                raise ValueError(unknown(f"stage of {method}", role, stages))
            _check_stage(f"space.{method}.{role}", role, stages[role], part)
    return spaces


def _check_stage(key: str, role: str, name: str, overrides: Mapping[str, Any]) -> None:
    from trainables.trial.spec import STAGES

    settings_class = STAGES[role][name]
    try:
        space = stage_space(role, name).narrow(overrides)
    except ValueError as error:
        raise ValueError(f"{key}.{error}") from error
    for setting in overrides:
        for value in _ends(space, setting):
            try:
                construct(f"{role} {name}", settings_class, _settings(space, setting, value))
            except ValueError as error:
                raise ValueError(f"{key}: {error}") from error


def _ends(space: Space, setting: str) -> tuple[Any, ...]:
    """The values of a setting that decide whether all of its values are accepted."""
    if setting in space.ranges:
        return space.ranges[setting].extremes()
    return (space.fixed[setting],)


def _settings(space: Space, setting: str, value: Any) -> dict[str, Any]:
    return {**space.published, **space.fixed, setting: value}


def rule(message: str) -> str:
    """Pydantic's sentence in our words: `must be less than 1`."""
    plain = message.removeprefix("Value error, ").replace("Input should be", "must be")
    return plain.replace("Input should have", "must have").replace(
        "Field required", "must be given"
    )

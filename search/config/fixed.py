"""What of an experiment may not change once its search has begun."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from search.config.config import Config
from search.journal.events import Experiment

# Keys and tables: how much is run, on what, and where it is told of. `folder` is where the user's
# files lie, which may move; what they hold is compared otherwise.
MAY_CHANGE = frozenset(
    {
        *("folder", "resources", "tracking"),
        *("search.trials", "search.time_limit", "search.budget", "search.concurrent"),
    }
)


def fixed_part(config: Config) -> dict[str, Any]:
    """All of a resolved experiment that stays, as plain values: what a journal keeps of it."""
    values: dict[str, Any] = config.model_dump(mode="json", exclude_none=True)
    for key in MAY_CHANGE:
        table, _, name = key.rpartition(".")
        (values.get(table, {}) if table else values).pop(name, None)
    return values


def change(then: Mapping[str, Any], config: Config) -> tuple[str, Any, Any] | None:
    """The first key whose value is another one than `fixed_part` was: key, then, now.

    Keys that have come with a later version had their defaults then.
    """
    before = dict(_flat(fixed_part(Config.model_validate(then))))
    now = dict(_flat(fixed_part(config)))
    for key in dict.fromkeys([*before, *now]):
        if before.get(key) != now.get(key):
            return key, before.get(key), now.get(key)
    return None


def change_of_told(told: Experiment, config: Config) -> tuple[str, Any, Any] | None:
    """The same by what the journals of earlier versions tell of the experiment."""
    objective, correction = config.objective, config.correction
    now: dict[str, Any] = {
        "seed": config.seed,
        "data.group": config.data.group,
        **{f"objective.{name}": getattr(objective, name) for name in told["objective"]},
        "objective.sparsity": objective.sparsity,
        "objective.reference": list(objective.reference or told.get("reference", ())),
        "objective.tolerances": list(objective.tolerance_range),
        "objective.group_at_prediction": objective.group_at_prediction,
        "correction": {"name": correction.name, **correction.settings},
        "correction.beside": correction.beside,
    }
    then: dict[str, Any] = {
        "seed": told.get("seed"),
        "data.group": told.get("group"),
        **{f"objective.{name}": value for name, value in told["objective"].items()},
        **{
            f"objective.{name}": told.get(name)
            for name in ("sparsity", "reference", "tolerances", "group_at_prediction")
        },
        # Of more than two classes argmax decides whatever the file says.
        "correction": told["correction"] if told["correction"]["name"] != "argmax" else None,
        "correction.beside": told.get("beside"),
    }
    for key, value in then.items():
        if value is not None and value != now[key]:
            return key, value, now[key]
    return None


def _flat(values: Mapping[str, Any], table: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{table}{name}.")
        else:
            yield f"{table}{name}", value

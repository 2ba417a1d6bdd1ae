"""A new search's experiment with all that its file leaves open, which follows from the data.

A run's folder holds the experiment as it comes out of here, and is never fitted again: it goes on
with what it began with, whatever later versions would choose.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import fields, replace
from statistics import median
from typing import Any

from torch import nn

from search.config.config import Config
from search.problem.check_correction import correction_for
from search.problem.problem import Problem, method_spaces
from spaces.fitted import Size, dense_settings, stage_overrides
from trainables.data import Prepared
from trainables.dense import DENSE
from trainables.masks import prunable
from trainables.methods import METHODS


def fitted(problem: Problem, net: nn.Module) -> Problem:
    """`problem` for a new search, its config complete; `net` is what training starts from.

    Whatever the file says stays. Where trials are listed, or the file asks for published defaults,
    only the key that says so is written. Raises UserError where what is filled in does not go with
    what the file says.
    """
    config = problem.config
    search = config.search
    published = search.defaults == "published" or (search.defaults is None and config.trials)
    changes: dict[str, Any] = {
        "share": search.share or ("even" if search.recording or config.trials else "adaptive"),
        "defaults": "published" if published else "fitted",
    }
    values = config.model_dump(mode="json", exclude_none=True)
    values["search"] |= changes
    if not published:
        size = size_of(problem.prepared, net)
        values["dense"] = {**_dense(config, size), **values["dense"]}
        values["space"] = _space(config, size)
        if problem.prepared.binary and config.correction.name == "threshold":
            values["correction"] = {"choose": "gain", **values["correction"]}
    config = Config.model_validate(values)
    correction = correction_for(config, problem.prepared)
    whole = replace(problem, config=config, spaces=method_spaces(config), correction=correction)
    whole.check()
    return whole


def size_of(prepared: Prepared, net: nn.Module) -> Size:
    """What the rule of `spaces.fitted` goes by."""
    fans = [weight[0].numel() for weight in prunable(net).values()]
    return Size(
        train=len(prepared.parts["train"].labels),
        debias=len(prepared.parts["debias"].labels),
        cells=len(prepared.group_names) * len(prepared.classes),
        fan_in=float(median(fans)) if fans else 1.0,
        images=len(prepared.input_shape) == 3,
    )


def _dense(config: Config, size: Size) -> dict[str, Any]:
    settings: Any = DENSE[config.dense.name]
    known = {field.name for field in fields(settings)}
    return {k: one for k, one in dense_settings(size).items() if k in known}


def _space(config: Config, size: Size) -> dict[str, Any]:
    """[space] with the rule's tables for the stages of the search's methods.

    They stand under the stages' roles, where the file's own settings stay. Tables of slots and of
    methods come later than those of roles, so what the file says there stays as well.
    """
    space: dict[str, Any] = {
        table: {name: dict(part) for name, part in parts.items()}
        for table, parts in config.space.items()
    }
    for role, name in dict.fromkeys(_stages(config)):
        given: Mapping[str, Any] = space.get(role, {}).get(name, {})
        ours = stage_overrides(role, name, size)
        if ours:
            space.setdefault(role, {})[name] = {**ours, **given}
    return space


def _stages(config: Config) -> Iterator[tuple[str, str]]:
    """Role and name of all stages of the search's methods."""
    for method in config.search.methods:
        for stage in METHODS[method].stages:
            yield stage.role, stage.name

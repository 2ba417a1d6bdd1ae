"""Every registry that an experiment names things from, imported only when it is asked for."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.resources import files
from typing import Any, Literal

from search.errors import unknown

Kind = Literal[
    "method",
    "data set",
    "model",
    "dense net",
    "pruner",
    "recovery",
    "correction",
    "measure",
    "sampler",
    "scheduler",
    "preset",
]


def registry(kind: Kind) -> Mapping[str, Any]:
    """The entries of one registry by name."""
    match kind:
        case "method":
            from trainables.methods import METHODS

            return METHODS
        case "data set":
            from trainables.data.registry import DATASETS

            return DATASETS
        case "model":
            from trainables.models import MODELS

            return MODELS
        case "dense net":
            from trainables.dense import DENSE

            return DENSE
        case "pruner":
            from trainables.pruners import PRUNERS

            return PRUNERS
        case "recovery":
            from trainables.recoveries import RECOVERIES

            return RECOVERIES
        case "correction":
            from trainables.corrections import CORRECTIONS

            return CORRECTIONS
        case "measure":
            from trainables.evaluation.measures import MEASURES

            return MEASURES
        case "sampler":
            from search.samplers import SAMPLERS

            return SAMPLERS
        case "scheduler":
            from search.schedulers import SCHEDULERS

            return SCHEDULERS
        case "preset":
            return presets()


def presets() -> dict[str, str]:
    """The text of each preset by name, in order of the names."""
    texts = {
        entry.name.removesuffix(".toml"): entry.read_text("utf-8")
        for entry in files("search").joinpath("presets").iterdir()
        if entry.name.endswith(".toml")
    }
    return dict(sorted(texts.items()))


def check_name(kind: Kind, name: str) -> str:
    """`name` unchanged; raises ValueError naming the nearest known one."""
    known = registry(kind)
    if name not in known:
        raise ValueError(unknown(kind, name, known))
    return name

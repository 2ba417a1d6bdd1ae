"""The typed form of one trial's config."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from trainables.corrections import CORRECTIONS
from trainables.dense import DENSE
from trainables.methods import METHODS, Stage
from trainables.pruners import PRUNERS
from trainables.recoveries import RECOVERIES
from trainables.stage import Settings, settings_dict

STAGES: Mapping[str, Mapping[str, type[Any]]] = {
    "dense": DENSE,
    "pruner": PRUNERS,
    "recovery": RECOVERIES,
}


Keep = Literal["pareto", "last", "rounds"]


@dataclass(frozen=True)
class StageSpec:
    """One stage of a trial: its role, its registry key and its validated settings."""

    role: str
    name: str
    settings: Settings
    slot: str  # under which a config has the settings, see methods.Stage


@dataclass(frozen=True)
class Spec:
    """Everything that decides a trial's reports, apart from the data and the dense net."""

    trial: str
    method: str
    seed: int
    stages: tuple[StageSpec, ...]
    correction: Any  # frozen settings out of CORRECTIONS
    correction_name: str
    # Slots whose result other trials of the search need too -> its place in their pool. Such a
    # stage draws its seed from the trial's seed and its settings, whatever its position.
    shared: Mapping[str, int] = field(default_factory=dict)
    # Whose networks are kept whatever they are worth: that at the trial's end ("last"), or also
    # the first of each round that is worth keeping ("rounds"); "pareto": nobody's.
    keep: Keep = "pareto"

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Spec:
        """Reads `{"trial", "method", "seed", "settings": {slot: {...}}, "correction": {...}}`.

        Stages of the same slot have the same settings; what the method fixes need not be given.
        `correction` is the method's own where it has one (see `correction_of`). `"shared": {slot:
        index}` and `"keep"` may be left out. Raises ValueError where a name is unknown or a
        setting is out of range.
        """
        method = METHODS[_known("method", config["method"], METHODS)]
        slots = [stage.slot for stage in method.stages]
        unknown = set(config["settings"]) - set(slots)
        if unknown:
            raise ValueError(
                f"{config['method']}: settings are for {slots}, got {sorted(unknown)}"
            )
        stages = tuple(
            StageSpec(stage.role, stage.name, _settings(stage, config), stage.slot)
            for stage in method.stages
        )
        correction = dict(config["correction"])
        name = _known("correction", correction.pop("name"), CORRECTIONS)
        return cls(
            trial=config["trial"],
            method=config["method"],
            seed=config["seed"],
            stages=stages,
            correction=CORRECTIONS[name](**correction),
            correction_name=name,
            shared=_shared(config, slots),
            keep=_keep(config),
        )

    def to_config(self) -> dict[str, Any]:
        """The plain form, with every setting written out; the inverse of `from_config`."""
        shared = {"shared": dict(self.shared)} if self.shared else {}
        keep = {"keep": self.keep} if self.keep != "pareto" else {}
        return {
            "trial": self.trial,
            "method": self.method,
            "seed": self.seed,
            "settings": {stage.slot: settings_dict(stage.settings) for stage in self.stages},
            "correction": {"name": self.correction_name, **self.correction_settings},
            **shared,
            **keep,
        }

    @property
    def correction_settings(self) -> dict[str, Any]:
        """Those of the correction; what is None is left out, as an earlier version would."""
        every = settings_dict(self.correction)
        return {name: value for name, value in every.items() if value is not None}

    @property
    def learns_from(self) -> str:
        """The splits that the stages learn from, joined: "debias", "train", "train + debias"."""
        splits = {stage.settings.learns_from for stage in self.stages} - {"nothing"}
        return " + ".join(sorted(splits, reverse=True)) or "nothing"


def _settings(stage: Stage, config: Mapping[str, Any]) -> Settings:
    """The stage's settings: those given, else those that the method fixes, else defaults."""
    given = config["settings"].get(stage.slot, {})
    settings: Settings = STAGES[stage.role][stage.name](**{**stage.fixed, **given})
    return settings


def _shared(config: Mapping[str, Any], slots: list[str]) -> dict[str, int]:
    shared = dict(config.get("shared", {}))
    if unknown := shared.keys() - set(slots):
        raise ValueError(
            f"{config['method']}: shared must name some of {slots}, got {sorted(unknown)}"
        )
    return shared


def _keep(config: Mapping[str, Any]) -> Keep:
    keep: Keep = config.get("keep", "pareto")
    if keep not in get_args(Keep):
        raise ValueError(f"spec: keep must be one of {', '.join(get_args(Keep))}, got {keep!r}")
    return keep


def _known(kind: str, name: str, registry: Mapping[str, Any]) -> str:
    if name not in registry:
        known = ", ".join(sorted(registry))
        raise ValueError(f"spec: {kind} must be one of {known}, got {name!r}")
    return name

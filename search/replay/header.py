"""What a table says of its search: all that is not one number per report."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, cast

from spaces.space import Choice, Float, Int, Range, Space, Value
from trainables.objective import Objective

VERSION = 1

Ended = Literal["finished", "failed"]


@dataclass(frozen=True)
class TrialFacts:
    """One recorded trial, without its reports."""

    trial: str
    method: str
    settings: Mapping[str, Value]  # searched ones, by dotted name
    status: Ended


@dataclass(frozen=True)
class Header:
    """The search that was recorded: data, objective, spaces, and its trials in order of start."""

    name: str  # of the experiment
    data: str
    group: str
    group_names: tuple[str, ...]
    classes: tuple[str, ...]
    objective: Objective
    sparsity: bool  # whether it is an objective
    reference: tuple[float, float, float]  # of the hypervolume: performance, bias, sparsity
    seed: int
    split_seed: int
    spaces: Mapping[str, Space]  # by method
    stages: Mapping[str, tuple[tuple[str, str], ...]]  # by method: (role, name) by position
    trials: tuple[TrialFacts, ...]

    def to_json(self) -> str:
        objective = self.objective
        return json.dumps(
            {
                "version": VERSION,
                "name": self.name,
                "data": self.data,
                "group": self.group,
                "group_names": self.group_names,
                "classes": self.classes,
                "objective": {
                    "performance": objective.performance,
                    "bias": objective.bias,
                    "tolerance": objective.tolerance,
                    "margin": objective.margin,
                },
                "sparsity": self.sparsity,
                "reference": self.reference,
                "seed": self.seed,
                "split_seed": self.split_seed,
                "spaces": {method: _space_to(space) for method, space in self.spaces.items()},
                "stages": self.stages,
                "trials": [
                    [one.trial, one.method, dict(one.settings), one.status] for one in self.trials
                ],
            },
            separators=(",", ":"),
        )

    @classmethod
    def from_json(cls, text: str) -> Header:
        """Raises ValueError where the text was written by another version."""
        said = json.loads(text)
        if said["version"] != VERSION:
            raise ValueError(f"table: version must be {VERSION}, got {said['version']!r}")
        return cls(
            name=said["name"],
            data=said["data"],
            group=said["group"],
            group_names=tuple(said["group_names"]),
            classes=tuple(said["classes"]),
            objective=Objective(**said["objective"]),
            sparsity=said["sparsity"],
            reference=cast("tuple[float, float, float]", tuple(said["reference"])),
            seed=said["seed"],
            split_seed=said["split_seed"],
            spaces={method: _space_from(space) for method, space in said["spaces"].items()},
            stages={
                method: tuple((role, name) for role, name in stages)
                for method, stages in said["stages"].items()
            },
            trials=tuple(TrialFacts(*facts) for facts in said["trials"]),
        )


def _space_to(space: Space) -> dict[str, Any]:
    return {
        "ranges": {name: _range_to(one) for name, one in space.ranges.items()},
        "published": dict(space.published),
        "fixed": dict(space.fixed),
    }


def _space_from(said: Mapping[str, Any]) -> Space:
    ranges = {name: _range_from(one) for name, one in said["ranges"].items()}
    return Space(ranges, said["published"], said["fixed"])


def _range_to(one: Range) -> list[Any]:
    match one:
        case Float():
            return ["float", one.low, one.high, one.log]
        case Int():
            return ["int", one.low, one.high, one.log]
        case Choice():
            return ["choice", *one.options]


def _range_from(said: list[Any]) -> Range:
    kind, *rest = said
    match kind:
        case "float":
            return Float(*rest)
        case "int":
            return Int(*rest)
        case "choice":
            return Choice(tuple(rest))
        case _:
            raise ValueError(f"table: a range must be float, int or choice, got {kind!r}")

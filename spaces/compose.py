"""The space of a whole method: those of its stages, each under its stage's slot."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Protocol

from spaces.dense import DENSE
from spaces.pruners import PRUNERS
from spaces.recoveries import RECOVERIES
from spaces.space import Space, Value

ROLES: dict[str, dict[str, Space]] = {"dense": DENSE, "pruner": PRUNERS, "recovery": RECOVERIES}


class MethodStage(Protocol):
    """What has to be known of a stage: see trainables.methods.Stage."""

    @property
    def role(self) -> str: ...

    @property
    def name(self) -> str: ...

    @property
    def slot(self) -> str: ...

    @property
    def fixed(self) -> Mapping[str, Value]: ...

    @property
    def published(self) -> Mapping[str, Value]: ...


def stage_space(role: str, name: str) -> Space:
    """The space of one stage; raises ValueError naming the known ones."""
    if role not in ROLES:
        raise ValueError(f"spaces: role must be one of {', '.join(ROLES)}, got {role!r}")
    if name not in ROLES[role]:
        raise ValueError(f"spaces: {role} must be one of {', '.join(ROLES[role])}, got {name!r}")
    return ROLES[role][name]


def compose(stages: Iterable[MethodStage]) -> Space:
    """One space over a method's stages, with dotted names such as `"pruner.keep_target"`.

    The settings of stages that share a slot are in it once; what a stage fixes is not searched,
    what it publishes comes before what its stage's space does.
    """
    by_slot = {stage.slot: stage for stage in stages}
    parts = [(slot, _space_of(stage)) for slot, stage in by_slot.items()]
    return Space(
        {f"{slot}.{key}": one for slot, part in parts for key, one in part.ranges.items()},
        {f"{slot}.{key}": one for slot, part in parts for key, one in part.published.items()},
        {f"{slot}.{key}": one for slot, part in parts for key, one in part.fixed.items()},
    )


def _space_of(stage: MethodStage) -> Space:
    space = stage_space(stage.role, stage.name).narrow(stage.fixed)
    return Space(space.ranges, {**space.published, **stage.published}, space.fixed)

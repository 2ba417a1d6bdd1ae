"""The space of a whole method: those of its stages, each under its stage's role."""

from __future__ import annotations

from collections.abc import Iterable

from spaces.dense import DENSE
from spaces.pruners import PRUNERS
from spaces.recoveries import RECOVERIES
from spaces.space import Space

ROLES: dict[str, dict[str, Space]] = {
    "dense": DENSE,
    "pruner": PRUNERS,
    "recovery": RECOVERIES,
    "distillation": RECOVERIES,
}


def stage_space(role: str, name: str) -> Space:
    """The space of one stage; raises ValueError naming the known ones."""
    if role not in ROLES:
        raise ValueError(f"spaces: role must be one of {', '.join(ROLES)}, got {role!r}")
    if name not in ROLES[role]:
        raise ValueError(f"spaces: {role} must be one of {', '.join(ROLES[role])}, got {name!r}")
    return ROLES[role][name]


def compose(stages: Iterable[tuple[str, str]]) -> Space:
    """One space over (role, name) stages, with dotted names such as `"pruner.keep_target"`.

    The settings of a stage that stands twice are in it once.
    """
    listed = list(dict.fromkeys(stages))
    roles = [role for role, _ in listed]
    if len(set(roles)) < len(roles):
        raise ValueError(f"spaces: a role stands for one stage, got {', '.join(roles)}")
    parts = [(role, stage_space(role, name)) for role, name in listed]
    return Space(
        {f"{role}.{key}": one for role, part in parts for key, one in part.ranges.items()},
        {f"{role}.{key}": one for role, part in parts for key, one in part.published.items()},
        {f"{role}.{key}": one for role, part in parts for key, one in part.fixed.items()},
    )

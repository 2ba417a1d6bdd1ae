"""Where a table's "published" settings are not the published ones, told setting by setting."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from search.reproduce.plan import Plan
from search.reproduce.tables import Column
from spaces.compose import compose
from trainables.methods import METHODS
from trainables.spec import STAGES
from trainables.stage import settings_dict

Departure = dict[str, Any]  # setting (dotted), used, published


def departures(plan: Plan, column: Column) -> dict[str, list[Departure]]:
    """Row name -> the settings with which it is run in `column` in place of the published ones.

    Published are the values of the methods' spaces, whose sources stand there; a setting that
    these do not search, or that its paper does not give, is compared with the stage's default.
    The dense net's own stand at its row.
    """
    used = plan.published(column)
    dense = plan.experiment(column).dense
    found = {}
    for row in plan.table.rows:
        if row.method is not None:
            found[row.name] = _differences(used[row.method], _published(row.method))
        elif row.reference == "dense net":
            defaults = settings_dict(STAGES["dense"][dense.name]())
            found[row.name] = _differences({"dense": dense.settings}, {"dense": defaults})
        else:
            found[row.name] = []
    return found


def _published(method: str) -> dict[str, dict[str, Any]]:
    stages = METHODS[method].stages
    of_space = compose(stages).published_nested()
    return {
        role: {**settings_dict(STAGES[role][name]()), **of_space.get(role, {})}
        for role, name in stages
    }


def _differences(
    used: Mapping[str, Mapping[str, Any]], published: Mapping[str, Mapping[str, Any]]
) -> list[Departure]:
    return [
        {"setting": f"{role}.{name}", "used": value, "published": published[role][name]}
        for role, part in used.items()
        for name, value in part.items()
        if value != published[role][name]
    ]

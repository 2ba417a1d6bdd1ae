"""What must have `min_cell` rows in an experiment: each label of each group, or each group."""

from __future__ import annotations

from search.config.config import Config
from trainables.corrections import CORRECTIONS
from trainables.data.small_cells import min_cell_of
from trainables.methods import correction_of


def with_min_cell_of(config: Config) -> Config:
    """`config` with the rule written into [data], unless it is there already.

    A run keeps it, so that its groups and splits stay what they were whatever later versions ask
    for.
    """
    if config.data.min_cell_of is not None:
        return config
    rule = min_cell_of(config.objective.bias, config.objective.performance)
    fitted = {
        correction_of(method, {"name": config.correction.name})["name"]
        for method in config.search.methods
    }
    if any(CORRECTIONS[name].within_cells for name in fitted):
        rule = "cells"
    return config.model_copy(update={"data": config.data.model_copy(update={"min_cell_of": rule})})

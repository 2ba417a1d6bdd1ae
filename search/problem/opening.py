"""The data that an experiment names, opened, split and encoded: all that needs no network."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from search.config.config import Config
from search.errors import UserError
from search.problem.enough_rows import with_min_cell_of
from trainables.data import FairData, Prepared
from trainables.data.frame import from_options, load_user
from trainables.data.prepare import prepare
from trainables.data.registry import load_named
from trainables.evaluation.objective import Objective
from trainables.lazily import pd


def open_prepared(
    config: Config, data: FairData | pd.DataFrame | None = None
) -> tuple[Config, Objective, Prepared]:
    """The config with the rule for small cells written out, its objective and its splits.

    Raises UserError where the data cannot be opened, or do not go with the rest.
    """
    config = with_min_cell_of(config)
    fair = open_data(config, data)
    try:
        objective = Objective(
            config.objective.performance,
            config.objective.bias,
            config.objective.tolerance,
            config.objective.margin,
        )
        for bias in (objective.bias, *config.objective.also):
            replace(objective, bias=bias).check_classes(len(fair.classes))
        prepared = prepare(
            fair,
            group=config.data.group,
            split_seed=config.data.split_seed,
            min_cell=config.data.min_cell,
            fractions=config.data.fractions,
            small_cells=config.data.small_cells,
            min_cell_of=config.data.min_cell_of or "cells",
            inputs=config.model.scale,
        )
    except ValueError as error:
        raise UserError(str(error)) from error
    return config, objective, prepared


def open_data(config: Config, data: FairData | pd.DataFrame | None = None) -> FairData:
    """The data set that the config names, or the one handed over from Python."""
    section = config.data
    frame = section.frame_options
    try:
        if isinstance(data, FairData):
            return data
        if data is not None:
            return from_options(data, frame, name=config.name, where="with a DataFrame")
        if section.load is not None:
            return load_user(section.load, dict(section.args), _folder(config), frame)
        if section.name is None:
            raise UserError(
                "[data] name or load must be given, or data handed over from Python (`data` of "
                "fairfront.search, fairfront.dry_run and fairfront.power)"
            )
        return load_named(section.name, section.args, split_seed=section.split_seed)
    except UserError:
        raise
    except (ValueError, TypeError, FileNotFoundError) as error:
        raise UserError(f"[data] {error}") from error


def _folder(config: Config) -> Path | None:
    return None if config.folder is None else Path(config.folder)

"""Every preset fits its data, its network and its task."""

from __future__ import annotations

import pytest

from search.config.config import Config
from search.config.registries import presets
from search.problem.problem import open_problem
from trainables.data.registry import DATASETS
from trainables.data.sets.folder import data_folder


@pytest.mark.data
@pytest.mark.parametrize("name", sorted(presets()))
def test_a_preset_opens_and_its_network_takes_its_data(name):
    config = Config.load(name)
    missing = DATASETS[str(config.data.name)].missing(data_folder())
    if missing:
        pytest.skip(f"{missing[0]} is not in {data_folder()}")

    problem = open_problem(config)

    assert set(problem.spaces) == set(config.search.methods)
    assert problem.prepared.n_groups == {"fairface_race": 7, "adult_race_drop": 4}.get(name, 2)
    assert problem.untrained() is not None

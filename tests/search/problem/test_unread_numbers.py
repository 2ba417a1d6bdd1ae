"""A new search refuses numbers that were read as texts; what is known of them is a note else."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from search.config.config import Config
from search.engine.experiment import run
from search.errors import UserError
from search.problem.problem import open_problem

DATA = {"label": "y", "attributes": ["sex"], "group": "sex", "min_cell": 5}


def people(ages: int) -> pd.DataFrame:
    draw = np.random.default_rng(0)
    frame = pd.DataFrame({"age": draw.integers(0, ages, 900).astype(str)})
    frame["sex"], frame["y"] = draw.choice(["f", "m"], 900), draw.integers(0, 2, 900)
    frame.loc[7, "age"] = "?"
    return frame


def test_a_search_is_refused_before_anything_is_written(tmp_path):
    config = Config.model_validate({"name": "ages", "data": DATA})

    with pytest.raises(UserError, match=r"\[data\] column 'age': 70 of its 71 .* '\?' \(1 row\)"):
        run(config, data=people(70), out=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_run_that_has_begun_can_be_opened_and_few_numbers_are_only_told():
    config = Config.model_validate({"name": "ages", "data": DATA})

    assert open_problem(config, people(70)).prepared.refusals
    few = open_problem(config, people(9)).prepared
    assert not few.refusals
    assert any("9 of its 10 different texts are numbers" in note for note in few.notes)

"""Which rule of enough rows an experiment goes by, and that a run keeps it."""

import numpy as np
import pytest

from search.config.config import Config
from search.problem.enough_rows import with_min_cell_of
from search.problem.problem import open_problem
from search.runs.folder import RunFolder
from tests.search.runs.test_older_version import OLDER
from trainables.data.fair_data import Attribute, FairData

GENDERS = ("Female", "Male")


def experiment(bias="aod", methods=("adv_ft",), correction="threshold", **data):
    return Config.model_validate(
        {
            "name": "rule",
            "data": {"name": "adult", "group": "sex", **data},
            "objective": {"bias": bias, "performance": "accuracy"},
            "correction": {"name": correction},
            "search": {"methods": list(methods)},
        }
    )


@pytest.mark.parametrize(
    ("settings", "rule"),
    [
        ({"bias": "aod"}, "cells"),
        ({"bias": "eod"}, "cells"),
        ({"bias": "spd"}, "groups"),
        ({"bias": "accuracy_std"}, "groups"),
        ({"bias": "accuracy_std", "min_cell_of": "cells"}, "cells"),
        ({"bias": "aod", "min_cell_of": "groups"}, "groups"),
        ({"bias": "spd", "correction": "equalized_odds"}, "cells"),
        ({"bias": "spd", "correction": "group_thresholds"}, "groups"),
        ({"bias": "spd", "methods": ["adv_ft", "reject_option"]}, "cells"),
    ],
)
def test_cells_must_be_large_where_something_looks_at_rates_within_them(settings, rule):
    assert with_min_cell_of(experiment(**settings)).data.min_cell_of == rule


def genders(n=4000):
    draw = np.random.default_rng(0)
    gender = draw.integers(0, 2, n)
    inputs = np.stack([gender + draw.normal(size=n), draw.normal(size=n)], axis=1)
    return FairData("genders", inputs, gender, GENDERS, {"gender": Attribute(gender, GENDERS)})


def test_genders_can_be_predicted_between_genders_and_the_run_says_by_what_rule():
    config = experiment(bias="accuracy_std", group="gender")
    problem = open_problem(config, genders())

    assert problem.prepared.group_names == GENDERS
    assert problem.config.data.min_cell_of == "groups"
    assert 'min_cell_of = "groups"' in problem.config.to_toml()
    with pytest.raises(ValueError, match="min_cell=20 rows of every label"):
        open_problem(experiment(bias="aod", group="gender"), genders())


def test_a_run_from_before_the_rule_could_be_chosen_went_by_cells():
    folder = OLDER / "finished"
    assert Config.load(folder / "config.toml").data.min_cell_of is None
    assert Config.load(folder / "config.toml").objective.bias == "bias_amplification"

    assert RunFolder(folder).config().data.min_cell_of == "cells"

"""The price of fairness of a made-up run: judged as `fairfront report --tolerance` judges."""

import pytest

from search.results.report import price_of_fairness
from tests.search.front.test_build import BY_SEX, FAIR, ONLY_FPR, WORSE, report, trial
from tests.search.runs.test_garbage import make

TRIALS = [
    trial("t1", report("t1", WORSE, 0.5)),  # performance .75, aod 0
    trial("t2", report("t2", ONLY_FPR, 0.5)),  # .8, -.1
    trial("t3", report("t3", BY_SEX, 0.5)),  # .875, -.25
    trial("t4", report("t4", FAIR, 0.5), status="stopped"),
]


def test_performance_falls_with_the_tolerance(tmp_path):
    folder = make(tmp_path / "run", TRIALS)

    price = price_of_fairness(folder, [0.05, 0.3, 0.6])

    assert price["performance"].tolist() == pytest.approx([0.75, 0.8, 0.875])
    assert price["bias"].tolist() == pytest.approx([0.0, 0.1, 0.25])
    assert price["candidate"].tolist() == ["t1c", "t2c", "t3c"]
    assert price["margin"].tolist() == pytest.approx([0.02, 0.12, 0.24])


def test_another_measure_and_grouping_have_prices_of_their_own(tmp_path):
    folder = make(tmp_path / "run", TRIALS)

    by_race = price_of_fairness(folder, [0.05], group="race")
    worst = price_of_fairness(folder, [0.05, 0.4], bias="deo_max")

    assert by_race["candidate"].tolist() == ["t3c"]  # unfair by sex alone
    assert worst["candidate"].tolist() == ["t1c", "t2c"]  # true or false positives: 0, .2, .3


def test_what_could_not_be_chosen_is_no_price(tmp_path):
    (start, *others), *rest = TRIALS
    own = {**start, "spec": {**start["spec"], "correction": {"name": "group_thresholds"}}}
    folder = make(tmp_path / "run", [[own, *others], *rest])

    price = price_of_fairness(folder, [0.05, 0.3])

    assert price["performance"].isna().tolist() == [True, False]  # t1 needs the group
    assert price["candidate"][1] == "t2c"

from dataclasses import replace

import numpy as np
import pytest

from search.replay.arms import Outcome
from search.replay.measure import epochs_needed, fair_ratio, jackknife

CURVE = np.array([[10, 0.1, 0.3], [20, 0.3, 0.2], [40, 0.4, 0.25]])  # epochs, tune, confirmed
FULL = Outcome(
    seed=0,
    trials=3,
    epochs=40,
    charged=400,
    makespan=200,
    tune=0.4,
    confirmed=0.25,
    front=2,
    kept=1,
    stopped=0,
    feasible=2,
    killed=0,
    front_trials=1,
    killed_front=0,
    curve=CURVE,
)


@pytest.mark.parametrize(
    ("volume", "epochs", "at_least"),
    [(0.0, 0, False), (0.05, 5, False), (0.2, 15, False), (0.35, 30, False), (0.5, 40, True)],
)
def test_epochs_needed_lie_between_those_of_two_smaller_searches(volume, epochs, at_least):
    found = epochs_needed([FULL], "tune", volume)
    assert found == (pytest.approx(epochs), at_least)


def test_a_curve_that_falls_again_counts_from_where_it_was_first_reached():
    assert epochs_needed([FULL], "confirmed", 0.25)[0] == pytest.approx(10 * 0.25 / 0.3)
    assert epochs_needed([FULL], "confirmed", 0.3) == (40.0, True)


def test_the_smaller_search_is_the_mean_of_all_seeds():
    other = replace(FULL, curve=np.array([[30, 0.3, 0], [40, 0.3, 0], [60, 0.4, 0]]))
    assert epochs_needed([FULL, other], "tune", 0.2)[0] == pytest.approx(20)  # of 10 and 30


def test_the_fair_ratio_is_of_epochs_needed_and_used():
    arm = [replace(FULL, epochs=8, tune=0.3), replace(FULL, epochs=16, tune=0.4)]
    # a mean volume of .35 takes a smaller search 30 epochs; the arm used 12
    assert fair_ratio(arm, [FULL, FULL], "tune") == pytest.approx(30 / 12)


def test_stopping_that_saves_what_fewer_trials_would_have_saved_is_worth_one():
    arm = [replace(FULL, epochs=20, tune=0.3)]
    assert fair_ratio(arm, [FULL], "tune") == pytest.approx(1)


def test_the_standard_error_of_a_mean_is_the_usual_one():
    values = [3, 5, 9, 4]
    arm = [replace(FULL, epochs=value) for value in values]
    found = jackknife(lambda some, _: float(np.mean([one.epochs for one in some])), arm, arm)

    assert found.value == pytest.approx(5.25)
    assert found.error == pytest.approx(np.std(values, ddof=1) / 2)


def test_one_seed_has_no_standard_error():
    assert np.isnan(jackknife(lambda some, _: 1.0, [FULL], [FULL]).error)

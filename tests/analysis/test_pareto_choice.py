import numpy as np
import pytest

from analysis.pareto import choose, closest

PERFORMANCE = [0.80, 0.79, 0.77, 0.90, 0.795]
SE = [0.015, 0.5, 0.5, 0.5, 0.5]
BIAS = [0.01, 0.02, 0.01, 0.30, 0.00]
SPARSITY = [0.1, 0.6, 0.99, 0.99, 0.6]
FEASIBLE = [True, True, True, False, True]


def test_chosen_is_the_sparsest_within_one_standard_error_of_the_best_feasible():
    # .79 and .795 lie within .80 - .015, .77 does not; equally sparse, so the better performs
    assert choose(PERFORMANCE, SE, BIAS, SPARSITY, FEASIBLE) == 4


def test_error_of_the_best_feasible_candidate_sets_the_width():
    narrow = [0.001, *SE[1:]]
    assert choose(PERFORMANCE, narrow, BIAS, SPARSITY, FEASIBLE) == 0


def test_without_a_sparsity_objective_the_best_is_chosen():
    assert choose(PERFORMANCE, SE, BIAS, None, FEASIBLE) == 0


def test_equal_performance_and_sparsity_goes_to_the_lower_bias_then_to_the_first():
    assert choose([0.8] * 3, [0.01] * 3, [0.02, 0.01, 0.01], [0.5] * 3, [True] * 3) == 1


def test_nothing_is_chosen_when_nothing_is_feasible():
    assert choose(PERFORMANCE, SE, BIAS, SPARSITY, [False] * 5) is None
    assert choose([], [], [], [], []) is None


@pytest.mark.parametrize("broken", ["performance", "performance_se"])
def test_feasible_candidate_without_a_number_is_refused(broken):
    values = {"performance": [0.8], "performance_se": [0.1]} | {broken: [np.nan]}
    with pytest.raises(ValueError, match=rf"choose: {broken} .*must be a number"):
        choose(**values, bias=[0.0], sparsity=[0.5], feasible=[True])


def test_closest_are_the_least_biased_of_those_that_no_other_beats():
    performance = [0.80, 0.75, 0.74, 0.90, 0.99, 0.60]
    bias = [0.09, 0.07, 0.08, 0.20, 0.01, np.nan]
    eligible = [True, True, True, True, False, True]
    assert closest(performance, bias, eligible).tolist() == [1, 0, 3]
    assert closest(performance, bias, eligible, count=2).tolist() == [1, 0]


def test_closest_of_nothing_is_nothing():
    assert closest([], [], []).tolist() == []
    assert closest([0.9], [0.1], [False]).tolist() == []

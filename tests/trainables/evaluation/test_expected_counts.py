"""Predictions drawn by lot are judged by what is to be expected: counts with fractions."""

from itertools import product

import numpy as np
import pytest

from trainables.evaluation.counting import count_expected, count_predictions
from trainables.evaluation.counts import ExpectedCounts, counts_from_dict
from trainables.evaluation.objective import Objective
from trainables.evaluation.report import evaluate

LABELS = np.array([0, 0, 1, 1, 1, 0])
GROUPS = np.array([0, 1, 0, 1, 1, 1])
DENSE = np.array([0, 1, 1, 1, 0, 0])
CHANCES = np.array([0.25, 0.5, 1.0, 0.75, 0.5, 0.0])


def expected(chances=CHANCES, groups=GROUPS):
    return count_expected(chances, LABELS, groups, 2, DENSE)


def test_each_row_counts_towards_both_predictions_by_their_probabilities():
    """Cell by cell, by hand: [group][label][prediction]."""
    found = expected()

    assert found.table.tolist() == [
        [[0.75, 0.25], [0.0, 1.0]],
        [[1.5, 0.5], [0.75, 1.25]],
    ]
    assert found.beside_dense[1, 1].tolist() == [[0.5, 0.5], [0.25, 0.75]]


def test_they_are_the_mean_of_the_counts_of_all_draws():
    """Every outcome of the lots of the four rows that are drawn, weighted by its probability."""
    mean = np.zeros((2, 2, 2, 2))
    for outcome in product((0, 1), repeat=len(LABELS)):
        said = np.array(outcome)
        chance = np.where(said == 1, CHANCES, 1 - CHANCES).prod()
        if chance:
            drawn = count_predictions(said, LABELS, GROUPS, 2, 2, DENSE)
            mean += chance * drawn.beside_dense

    np.testing.assert_allclose(expected().beside_dense, mean)


def test_they_survive_json_and_regrouping():
    found = expected()

    again = counts_from_dict(found.to_dict())

    assert isinstance(again, ExpectedCounts)
    assert again == found
    merged = again.regroup([0, 0])
    assert merged.table.tolist() == [[[2.25, 0.75], [0.75, 2.25]]]
    assert again.regroup([0, -1]).table.tolist() == found.table[:1].tolist()


@pytest.mark.parametrize("bias", ["aod", "spd", "accuracy_std", "worst_group_drop"])
def test_without_a_lot_they_are_judged_as_decided_counts_are_intervals_included(bias):
    draw = np.random.default_rng(3)
    labels, groups, dense, said = draw.integers(0, 2, (4, 400))
    objective = Objective(bias=bias)

    decided = count_predictions(said, labels, groups, 2, 2, dense)
    certain = count_expected(said.astype(float), labels, groups, 2, dense)

    assert evaluate(certain, objective) == evaluate(decided, objective)


def test_a_probability_outside_of_0_and_1_is_refused():
    with pytest.raises(ValueError, match=r"probabilities must lie in \[0, 1\], got 1.5"):
        expected(CHANCES + 0.5)

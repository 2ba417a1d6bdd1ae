"""Decisions by lot: counts and rows are drawn from by the same law, and as often."""

import numpy as np
import pytest

from trainables.corrections.equalized_odds import DerivedPredictor
from trainables.corrections.flips import flips_among
from trainables.evaluation.counting import count, count_predictions

# Crossings 0 and 2 are group 0, crossing 1 is group 1, crossing 3 is left out.
TO_GROUP = np.array([0, 1, 0, -1])
GENERATOR = np.random.default_rng(1)
CROSSING = GENERATOR.choice(4, 300, p=[0.2, 0.4, 0.3, 0.1])
LABELS = GENERATOR.integers(0, 2, 300)
SCORES = np.clip(0.35 + 0.3 * LABELS + 0.2 * GENERATOR.normal(size=300), 0, 1)
COUNTS = count(SCORES, LABELS, CROSSING, 4)
KEPT = TO_GROUP[CROSSING] >= 0
RATES = ((0.3, 0.0), (0.25, 0.6))
INDEX = 500


def decided(seed, rates=RATES):
    return DerivedPredictor(INDEX, rates, seed).decide(COUNTS, TO_GROUP).table


def predicted(seed, rates=RATES):
    """The table of the rows, each drawn for itself."""
    decision = DerivedPredictor(INDEX, rates, seed)
    of_rows = decision.predict(SCORES[KEPT], TO_GROUP[CROSSING[KEPT]])
    return count_predictions(of_rows, LABELS[KEPT], CROSSING[KEPT], 4, 2).table


def positives_of_groups(table):
    return [int(table[group == TO_GROUP, :, 1].sum()) for group in (0, 1)]


def test_rows_and_counts_flip_exactly_as_many_of_each_group_and_prediction():
    before = COUNTS.at(INDEX).table
    expected = []
    for group, rates in enumerate(RATES):
        negatives, positives = before[group == TO_GROUP].sum(axis=(0, 1)).tolist()
        turned = int(negatives * rates[0]), int(positives * rates[1])
        expected.append(positives + turned[0] - turned[1])

    assert all(positives_of_groups(decided(seed)) == expected for seed in range(20))
    assert all(positives_of_groups(predicted(seed)) == expected for seed in range(20))


def test_rows_and_counts_are_drawn_from_by_the_same_law():
    """Mean and variance of every cell are those of a draw without replacement."""
    seeds = range(1500)
    before = COUNTS.at(INDEX).table[1]  # the only cell of group 1
    for draw in (decided, predicted):
        flipped = np.array(
            [before[:, 0] - draw(seed, ((0, 0), (0.25, 0)))[1, :, 0] for seed in seeds]
        )
        rows, of_cell = before[:, 0].sum(), before[:, 0]
        drawn = int(rows * 0.25)
        mean = drawn * of_cell / rows
        variance = mean * (rows - of_cell) / rows * (rows - drawn) / (rows - 1)
        np.testing.assert_allclose(
            flipped.mean(axis=0), mean, atol=4 * np.sqrt(variance[0] / 1500)
        )
        np.testing.assert_allclose(flipped.var(axis=0), variance, rtol=0.15)
        assert (flipped.sum(axis=1) == drawn).all()


def test_crossings_of_one_group_are_drawn_from_together():
    """Nobody is drawn from a cell in proportion: how the flips fall on crossings varies."""
    before = COUNTS.at(INDEX).table
    for draw in (decided, predicted):
        flipped = [
            before[TO_GROUP == 0, :, 0] - draw(seed)[TO_GROUP == 0, :, 0] for seed in range(200)
        ]
        of_first = np.array([one[0].sum() for one in flipped])
        assert {one.sum() for one in flipped} == {int(before[TO_GROUP == 0, :, 0].sum() * 0.3)}
        assert of_first.std() > 0.5


def test_the_same_seed_draws_the_same_and_another_seed_does_not():
    for draw in (decided, predicted):
        assert np.array_equal(draw(3), draw(3))
        assert not all(np.array_equal(draw(3), draw(seed)) for seed in range(4, 9))


def test_a_cell_without_a_group_stays_empty_and_sums_are_those_of_the_cells():
    decision = DerivedPredictor(INDEX, RATES, 0)
    cells = decision.decide(COUNTS, TO_GROUP)

    assert cells.table[3].sum() == 0
    assert np.array_equal(cells.table.sum(axis=2)[:3], COUNTS.cells[:3])
    assert decision.decide_by_group(COUNTS, TO_GROUP) == cells.regroup(TO_GROUP)


def test_a_rate_of_0_flips_nobody_and_a_rate_of_1_everybody():
    before = COUNTS.at(INDEX).table[:3]

    assert np.array_equal(decided(0, ((0, 0), (0, 0)))[:3], before)
    assert np.array_equal(decided(0, ((1, 1), (1, 1)))[:3], before[:, :, ::-1])


@pytest.mark.parametrize(("rows", "rate", "flips"), [(100, 0.29, 29), (10, 0.59, 5), (1, 0.99, 0)])
def test_the_whole_part_of_the_share_is_flipped(rows, rate, flips):
    assert flips_among(rows, rate) == flips


@pytest.mark.parametrize("rates", [((0.5, 1.1),), ((-0.1, 0),), ((0.5,),)])
def test_what_is_no_pair_of_probabilities_is_refused(rates):
    with pytest.raises(ValueError, match="equalized_odds: rates must be two in"):
        DerivedPredictor(INDEX, rates, 0)

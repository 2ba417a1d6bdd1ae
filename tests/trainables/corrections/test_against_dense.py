"""Corrections where the dense net's decisions are known: fitted by a drop, and kept by all."""

import itertools

import numpy as np
import pytest

from trainables.corrections import CORRECTIONS
from trainables.corrections.equalized_odds import DerivedPredictor
from trainables.corrections.group_thresholds import GroupThresholds
from trainables.corrections.threshold import Threshold
from trainables.evaluation.counting import count, count_predictions
from trainables.evaluation.counts import BINS, THRESHOLDS, ScoreCounts
from trainables.evaluation.intervals import resample
from trainables.evaluation.measures import MEASURES
from trainables.evaluation.objective import Objective, phi

DROPS = [name for name, m in MEASURES.items() if m.against_dense]
PRIORS = np.array([[0.35, 0.15], [0.2, 0.3]])


def drawn(seed=0, rows=600):
    """Scores, labels, groups and the dense net's decisions; group 1's scores are less good."""
    draw = np.random.default_rng(seed)
    labels, groups = draw.integers(0, 2, rows), draw.integers(0, 2, rows)
    noise = draw.normal(size=rows) * (0.8 + 0.8 * groups)
    scores = 1 / (1 + np.exp(-(2.0 * labels - 1 + noise)))
    dense = np.where(draw.random(rows) < 0.85, labels, 1 - labels)
    return scores, labels, groups, dense


SCORES, LABELS, GROUPS, DENSE = drawn()
COUNTS = count(SCORES, LABELS, GROUPS, 2, dense=DENSE)
ALONE = count(SCORES, LABELS, GROUPS, 2)


def natural(table):
    """Cells of a table (groups, labels, ...) with the masses of the priors."""
    cells = table.reshape(2, 2, -1).sum(-1)
    return table * (PRIORS / cells).reshape(2, 2, *[1] * (table.ndim - 2))


@pytest.mark.parametrize("bias", DROPS)
def test_a_fair_threshold_is_the_first_best_of_all_1001_by_phi(bias):
    """Slowly: threshold after threshold, on the same resamples."""
    objective = Objective("accuracy", bias, 0.12, 0.02)
    decision = Threshold("fair").fit(COUNTS, objective, PRIORS, seed=3)

    samples = [
        ScoreCounts(one.sum(2), one)
        for one in resample(COUNTS.beside_dense, 5, np.random.default_rng(3))
    ]
    worth = np.zeros(BINS)
    for index in range(BINS):
        for sample in samples:
            decided = sample.at(index)
            performance = MEASURES["accuracy"].compute(natural(decided.table))
            drop = MEASURES[bias].bias(natural(decided.beside_dense))
            worth[index] += phi(performance, drop, objective.safe_bias) / 5
    assert decision.index == worth.argmax()
    assert worth.max() > 0.6
    assert not decision.trivial


def test_thresholds_per_group_by_a_drop_are_the_best_pair():
    coarse = np.round(SCORES * 20) / 20
    counts = count(coarse, LABELS, GROUPS, 2, dense=DENSE)
    objective = Objective("accuracy", "accuracy_drop_std", 0.03, 0.01)

    decision = GroupThresholds().fit(counts, objective, PRIORS, seed=0)

    def worth(pair):
        decided = counts.at(pair)
        drop = MEASURES["accuracy_drop_std"].bias(natural(decided.beside_dense))
        performance = MEASURES["accuracy"].compute(natural(decided.table))
        return 1 + performance if drop < objective.safe_bias else -drop

    best = max(worth(pair) for pair in itertools.product(range(0, BINS, 50), repeat=2))
    assert worth(decision.indices) == pytest.approx(best)
    assert best > 1


@pytest.mark.parametrize("name", [name for name in CORRECTIONS if name != "argmax"])
@pytest.mark.parametrize("bias", ["aod", "excess_gap"])
def test_every_correction_keeps_the_dense_decisions_and_decides_as_without_them(name, bias):
    objective = Objective(bias=bias, tolerance=0.1)
    decision = CORRECTIONS[name]().fit(COUNTS, objective, PRIORS, seed=1)
    of_dense = count_predictions(DENSE, LABELS, GROUPS, 2, 2).table

    decided = decision.decide(COUNTS)
    assert np.array_equal(decided.beside_dense.sum(3), of_dense)
    assert np.array_equal(decided.table, decision.decide(ALONE).table)
    assert decision.decide_by_group(COUNTS, [1, 0]).beside_dense is not None
    if bias == "aod":
        assert CORRECTIONS[name]().fit(ALONE, objective, PRIORS, seed=1) == decision


def test_flips_that_are_sure_keep_each_row_beside_its_dense_decision():
    decision = DerivedPredictor(500, ((1.0, 0.0), (0.0, 1.0)), seed=0)
    predicted = decision.predict(SCORES, GROUPS)

    assert decision.decide(COUNTS) == count_predictions(predicted, LABELS, GROUPS, 2, 2, DENSE)


def test_flips_by_lot_have_the_law_of_flipped_rows():
    decisions = [DerivedPredictor(500, ((0.3, 0.1), (0.0, 0.5)), seed) for seed in range(300)]
    counted = [decision.decide(COUNTS).beside_dense for decision in decisions]
    by_row = [
        count_predictions(one.predict(SCORES, GROUPS), LABELS, GROUPS, 2, 2, DENSE).beside_dense
        for one in decisions
    ]

    np.testing.assert_allclose(np.mean(counted, 0), np.mean(by_row, 0), atol=0.6)
    np.testing.assert_allclose(np.std(counted, 0), np.std(by_row, 0), atol=0.5)
    assert np.std(counted, 0).max() > 2


def test_a_drop_cannot_be_fitted_without_the_dense_decisions():
    objective = Objective(bias="worst_group_drop")

    for correction in (Threshold("fair"), GroupThresholds()):
        with pytest.raises(ValueError, match="worst_group_drop: compares with the dense net"):
            correction.fit(ALONE, objective, PRIORS, 0)
    best = Threshold("balanced_accuracy").fit(ALONE, objective, PRIORS, 0)
    assert 0.3 < THRESHOLDS[best.index] < 0.7

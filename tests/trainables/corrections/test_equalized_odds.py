import numpy as np
import pytest
from scipy.optimize import linprog

from trainables.corrections.equalized_odds import EqualizedOdds, derived
from trainables.corrections.threshold import Threshold
from trainables.evaluation.counting import count
from trainables.evaluation.counts import ScoreCounts
from trainables.evaluation.measures import MEASURES
from trainables.evaluation.objective import Objective

UNIFORM = np.full((2, 2), 0.25)
BALANCED = np.array([[1.0, -1.0], [1.0, -1.0]])  # costs of FPR and TPR


def scored(seed, n=4000, n_groups=2, shift=0.8):
    generator = np.random.default_rng(seed)
    groups = np.arange(n) % n_groups
    labels = generator.integers(0, 2, n)
    logits = 2.0 * labels - 1.0 + shift * groups + generator.normal(size=n)
    return 1 / (1 + np.exp(-logits)), labels, groups


def after(rates, positive):
    """(groups, 2) FPR and TPR once predictions are turned to positive with these probabilities."""
    return rates * positive[:, 1:] + (1 - rates) * positive[:, :1]


def published(rates):
    """AIF360's EqOddsPostprocessing.fit: the program over (sp2p, sn2p, op2p, on2p)."""
    (fpr0, tpr0), (fpr1, tpr1) = rates
    tnr0, fnr0, tnr1, fnr1 = 1 - fpr0, 1 - tpr0, 1 - fpr1, 1 - tpr1
    cost = [fpr0 - tpr0, tnr0 - fnr0, fpr1 - tpr1, tnr1 - fnr1]
    equal = [[fpr0, tnr0, -fpr1, -tnr1], [tpr0, fnr0, -tpr1, -fnr1]]
    return linprog(cost, A_eq=equal, b_eq=[0, 0], bounds=(0, 1)).fun


def test_the_rates_become_equal_at_the_cost_of_the_published_program():
    generator = np.random.default_rng(0)
    for _ in range(100):
        rates = generator.random((2, 2))
        positive = derived(rates, BALANCED)
        equal = after(rates, positive)

        assert (positive >= 0).all() and (positive <= 1).all()
        np.testing.assert_allclose(equal[0], equal[1], atol=1e-7)
        assert (BALANCED * equal).sum() == pytest.approx(published(rates), abs=1e-7)


def test_no_derived_predictor_of_a_grid_is_cheaper():
    """All of group 0's on a grid, and the one of group 1 that has the same rates."""
    generator = np.random.default_rng(1)
    steps = np.linspace(0, 1, 51)
    first = np.stack(np.meshgrid(steps, steps), axis=-1).reshape(-1, 2)
    for _ in range(20):
        rates, weights = generator.random((2, 2)), generator.random((2, 2)) * (1, -1)
        wanted = rates[0] * first[:, 1:] + (1 - rates[0]) * first[:, :1]
        second = np.linalg.solve(np.stack([1 - rates[1], rates[1]], axis=1), wanted.T).T
        possible = ((second >= 0) & (second <= 1)).all(axis=1)
        cheapest = (wanted[possible] @ weights.sum(axis=0)).min()

        cost = (weights * after(rates, derived(rates, weights))).sum()

        assert cheapest - 0.1 <= cost <= cheapest + 1e-7


@pytest.mark.parametrize("n_groups", [2, 3])
@pytest.mark.parametrize("minimise", ["balanced_error", "error"])
def test_unequal_groups_get_equal_odds_on_the_rows_it_was_fitted_on(n_groups, minimise):
    scores, labels, groups = scored(3, n_groups=n_groups)
    counts = count(scores, labels, groups, n_groups)
    priors = np.full((n_groups, 2), 0.5 / n_groups)

    decision = EqualizedOdds(minimise=minimise).fit(counts, Objective(), priors, seed=0)
    common = Threshold(choose="balanced_accuracy").fit(counts, Objective(), priors, seed=0)

    assert decision.index == common.index
    assert MEASURES["deo_max"].bias(common.decide(counts).table) > 0.2
    assert MEASURES["deo_max"].bias(decision.decide(counts).table) < 0.05  # the luck of the draw
    assert not decision.trivial


def test_other_seeds_draw_others_around_the_same_rates():
    scores, labels, groups = scored(3)
    counts = count(scores, labels, groups, 2)
    fits = [EqualizedOdds().fit(counts, Objective(), UNIFORM, seed=seed) for seed in range(40)]
    gaps = []
    for decision in fits:
        table = decision.decide(counts).table
        fpr, tpr = (table[:, label, 1] / table[:, label].sum(-1) for label in (0, 1))
        gaps.append([fpr[0] - fpr[1], tpr[0] - tpr[1]])

    assert {decision.rates for decision in fits} == {fits[0].rates}
    assert len({tuple(gap) for gap in gaps}) > 20
    np.testing.assert_allclose(np.mean(gaps, axis=0), 0, atol=0.003)


def test_the_kinds_of_error_are_weighted_by_how_often_they_occur_in_train():
    """With few positives in train a false positive costs more than a missed one."""
    scores, labels, groups = scored(3)
    counts = count(scores, labels, groups, 2)
    rare = np.array([[0.48, 0.02], [0.48, 0.02]])

    def positives(minimise):
        decision = EqualizedOdds(minimise=minimise).fit(counts, Objective(), rare, seed=0)
        return decision.decide(counts).table[..., 1].sum()

    assert positives("error") < positives("balanced_error")


def test_a_prediction_that_never_occurs_is_left_as_it_is():
    """At .5 everybody of group 0 is negative: only (0, 0) to (1, 1) is open to it."""
    histogram = np.zeros((2, 2, 1001), dtype=np.int64)
    histogram[0, :, 300] = 50
    histogram[1, 0, 300], histogram[1, 1, 700] = 50, 50

    decision = EqualizedOdds(threshold="fixed").fit(
        ScoreCounts(histogram), Objective(), UNIFORM, seed=0
    )

    assert decision.index == 500
    assert decision.rates[0][1] == 0.0
    table = decision.decide(ScoreCounts(histogram)).table
    assert MEASURES["deo_max"].bias(table) <= 0.02


def test_labels_never_stand_in_for_predictions():
    """Fitted on labels it would return nearly all of them; no derived predictor knows more than
    the predictions do."""
    scores, labels, groups = scored(4)
    decision = EqualizedOdds().fit(count(scores, labels, groups, 2), Objective(), UNIFORM, seed=0)

    accuracy = (decision.predict(scores, groups) == labels).mean()
    assert accuracy < ((scores > 0.5) == labels).mean() < 0.9


def test_a_group_without_rows_of_a_label_is_refused():
    counts = count([0.2, 0.7, 0.4], [0, 1, 0], [0, 0, 1], 2)
    with pytest.raises(ValueError, match="equalized_odds: needs rows of group 1 with label 1"):
        EqualizedOdds().fit(counts, Objective(), UNIFORM, seed=0)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"threshold": "fair"}, r"equalized_odds: threshold must be one of .*, got 'fair'"),
        ({"minimise": "bias"}, r"equalized_odds: minimise must be one of .*, got 'bias'"),
    ],
)
def test_unknown_settings_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        EqualizedOdds(**settings)

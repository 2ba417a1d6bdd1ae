import numpy as np
import pytest

from trainables.corrections.calibrated_odds import (
    CalibratedOdds,
    generalised_costs,
    mean_scores,
    withheld,
)
from trainables.evaluation.counting import count
from trainables.evaluation.objective import Objective

COSTS = ("fnr", "fpr", "weighted")


def scored(seed, n=3000, base=(0.3, 0.4), sharp=(1.0, 2.5)):
    """Calibrated scores of two groups, those of group 1 sharper."""
    generator = np.random.default_rng(seed)
    groups = np.arange(n) % 2
    labels = (generator.random(n) < np.array(base)[groups]).astype(int)
    evidence = np.array(sharp)[groups] * (labels - 0.5) * 2 + generator.normal(size=n)
    prior = np.log(np.array(base) / (1 - np.array(base)))[groups]
    scores = 1 / (1 + np.exp(-(prior + 2 * np.array(sharp)[groups] * evidence)))
    return scores, labels, groups


def priors_of(labels, groups):
    return np.array([[np.mean((groups == g) & (labels == y)) for y in (0, 1)] for g in (0, 1)])


def published(scores, labels, groups, cost):
    """Mix rates of AIF360's CalibratedEqOddsPostprocessing.fit, from rows."""

    def cost_of(values, group):
        false_positive = values[(groups == group) & (labels == 0)].mean()
        false_negative = (1 - values[(groups == group) & (labels == 1)]).mean()
        return false_positive if cost == "fpr" else false_negative

    base = np.array([labels[groups == group].mean() for group in (0, 1)])
    costs = [cost_of(scores, group) for group in (0, 1)]
    trivial = [cost_of(base[groups], group) for group in (0, 1)]
    rates = [0.0, 0.0]
    own = int(costs[1] < costs[0])
    rates[own] = (costs[1 - own] - costs[own]) / (trivial[own] - costs[own])
    return rates


def shares(decision):
    return [max(pair) for pair in decision.rates]


@pytest.mark.parametrize("cost", ["fnr", "fpr"])
def test_as_many_scores_are_withheld_as_by_the_published_code(cost):
    for seed in range(10):
        scores, labels, groups = scored(seed)
        theirs = published(scores, labels, groups, cost)

        decision = CalibratedOdds(cost).fit(
            count(scores, labels, groups, 2), Objective(), priors_of(labels, groups), seed=0
        )

        assert 0.05 < max(theirs) < 1
        assert shares(decision) == pytest.approx(theirs, abs=5e-3)


def test_the_weighted_cost_is_the_mean_error_of_scores():
    """Half of it: both kinds of error by how often their label occurs."""
    scores, labels, groups = scored(0)
    counts = count(scores, labels, groups, 2)
    base = np.array([labels[groups == group].mean() for group in (0, 1)])

    costs = generalised_costs("weighted", mean_scores(counts), base)

    for group in (0, 1):
        errors = np.abs(scores - labels)[groups == group]
        assert costs[group] == pytest.approx(errors.mean() / 2, abs=0.0005)


@pytest.mark.parametrize("cost", COSTS)
def test_mixed_with_the_base_rate_both_groups_cost_the_same(cost):
    for seed in range(5):
        scores, labels, groups = scored(seed)
        priors = priors_of(labels, groups)
        counts = count(scores, labels, groups, 2)
        base = priors[:, 1] / priors.sum(axis=1)
        costs = generalised_costs(cost, mean_scores(counts), base)
        trivial = generalised_costs(cost, np.stack([base, base], axis=1), base)
        share = np.array(shares(CalibratedOdds(cost).fit(counts, Objective(), priors, seed=0)))

        assert costs[1] < costs[0]  # the sharper group errs less
        assert share[0] == 0
        mixed = (1 - share) * costs + share * trivial
        assert mixed[0] == pytest.approx(mixed[1], abs=1e-9)


def test_mean_scores_of_bins_are_within_half_a_bin_of_those_of_rows():
    scores, labels, groups = scored(0)
    means = mean_scores(count(scores, labels, groups, 2))

    for group in (0, 1):
        for label in (0, 1):
            rows = scores[(groups == group) & (labels == label)]
            assert means[group, label] == pytest.approx(rows.mean(), abs=0.0005)


def test_decisions_are_those_of_scores_replaced_by_the_base_rate():
    """Row by row as published: a score or, by lot, the base rate; positive above .5."""
    scores, labels, groups = scored(1)
    counts = count(scores, labels, groups, 2)
    priors = priors_of(labels, groups)
    base = labels[groups == 1].mean()
    decision = CalibratedOdds("fnr").fit(counts, Objective(), priors, seed=0)
    share = decision.rates[1][1]
    generator = np.random.default_rng(0)
    of_group = groups == 1
    by_rows = []
    for _ in range(400):
        replaced = generator.random(len(scores)) < share
        positive = (np.where(replaced, base, scores) > 0.5) & of_group
        by_rows.append([positive[labels == label].sum() for label in (0, 1)])
    ours = []
    for seed in range(400):
        fitted = CalibratedOdds("fnr").fit(counts, Objective(), priors, seed)
        ours.append(fitted.decide(counts).table[1, :, 1])

    assert base < 0.5 < scores[of_group].max()
    np.testing.assert_allclose(np.mean(ours, axis=0), np.mean(by_rows, axis=0), rtol=0.02, atol=1)


def test_a_base_rate_above_a_half_turns_negatives_to_positives():
    scores, labels, groups = scored(2, base=(0.6, 0.7))
    decision = CalibratedOdds("fpr").fit(
        count(scores, labels, groups, 2), Objective(), priors_of(labels, groups), seed=0
    )

    assert decision.rates[1][0] > 0
    assert decision.rates[1][1] == 0


def test_the_base_rates_are_those_of_train_not_of_the_balanced_rows():
    scores, labels, groups = scored(3)
    counts = count(scores, labels, groups, 2)
    natural = np.array([[0.45, 0.05], [0.25, 0.25]])

    ours = CalibratedOdds("fnr").fit(counts, Objective(), natural, seed=0)

    cost = 1 - mean_scores(counts)[:, 1]
    assert ours.rates[1][1] == pytest.approx((cost[0] - cost[1]) / ((1 - 0.5) - cost[1]))


@pytest.mark.parametrize(
    ("costs", "trivial", "expected"),
    [
        ([0.2, 0.1], [0.5, 0.5], [0, 0.25]),
        ([0.1, 0.2], [0.5, 0.5], [0.25, 0]),
        ([0.9, 0.1], [0.5, 0.5], [0, 1]),  # not even all are enough
        ([0.2, 0.1], [0.5, 0.1], [0, 0]),  # its base rate costs no more than its scores
        ([0.2, 0.1], [0.5, 0.05], [0, 0]),
        ([0.2, 0.2], [0.5, 0.5], [0, 0]),
    ],
)
def test_the_share_that_is_withheld_is_a_probability(costs, trivial, expected):
    assert withheld(np.array(costs), np.array(trivial)) == pytest.approx(expected)


def test_an_unknown_cost_is_refused():
    with pytest.raises(ValueError, match=r"calibrated_odds: cost must be one of .*, got 'tpr'"):
        CalibratedOdds("tpr")


def test_other_than_two_groups_and_empty_cells_are_refused():
    three = count([0.5] * 6, [0, 1] * 3, [0, 0, 1, 1, 2, 2], 3)
    with pytest.raises(ValueError, match="calibrated_odds: needs exactly two groups, got 3"):
        CalibratedOdds().fit(three, Objective(), np.full((3, 2), 1 / 6), seed=0)
    empty = count([0.2, 0.7, 0.4], [0, 1, 0], [0, 0, 1], 2)
    with pytest.raises(ValueError, match="calibrated_odds: needs rows of group 1 with label 1"):
        CalibratedOdds().fit(empty, Objective(), np.full((2, 2), 0.25), seed=0)

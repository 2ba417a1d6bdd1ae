import numpy as np
import pytest

from trainables.corrections.reject_option import RejectOption, grid
from trainables.evaluation.counting import count
from trainables.evaluation.counts import THRESHOLDS
from trainables.evaluation.objective import Objective

UNIFORM = np.full((2, 2), 0.25)


def rows(seed, shift=0.8, n=600, positives=0.5):
    generator = np.random.default_rng(seed)
    groups = generator.integers(0, 2, n)
    labels = (generator.random(n) < positives).astype(int)
    logits = 2.0 * labels - 1.0 + shift * groups + generator.normal(size=n)
    return 1 / (1 + np.exp(-logits)), labels, groups


def priors_of(labels, groups):
    return np.array([[np.mean((groups == g) & (labels == y)) for y in (0, 1)] for g in (0, 1)])


def judged(predictions, labels, groups, measure):
    """Balanced accuracy and the signed measure, from rows."""
    rate = {
        (g, y): predictions[(groups == g) & (labels == y)].mean() for g in (0, 1) for y in (0, 1)
    }
    recall, false = predictions[labels == 1].mean(), predictions[labels == 0].mean()
    eod, fpr = rate[0, 1] - rate[1, 1], rate[0, 0] - rate[1, 0]
    spd = predictions[groups == 0].mean() - predictions[groups == 1].mean()
    return (recall + 1 - false) / 2, {"spd": spd, "eod": eod, "aod": (eod + fpr) / 2}[measure]


def published(scores, labels, groups, measure):
    """AIF360's RejectOptionClassification.fit, favourable label 1: every point of its grid."""
    found = []
    for threshold in np.linspace(0.01, 0.99, 100):
        for margin in np.linspace(0, min(threshold, 1 - threshold), 50):
            predictions = (scores > threshold).astype(int)
            unsure = (scores <= threshold + margin) & (scores > threshold - margin)
            predictions[unsure & (groups == 0)] = 1
            predictions[unsure & (groups == 1)] = 0
            found.append(judged(predictions, labels, groups, measure))
    kept = [one for one in found if abs(one[1]) <= 0.05]
    return max(kept) if kept else min(found, key=lambda one: abs(one[1]))


@pytest.mark.parametrize("measure", ["spd", "aod", "eod"])
def test_the_same_bound_is_kept_at_a_balanced_accuracy_no_worse_than_the_published_search(measure):
    for seed in range(2):
        scores, labels, groups = rows(seed)
        theirs = published(scores, labels, groups, measure)

        decision = RejectOption(measure, favourable=1).fit(
            count(scores, labels, groups, 2), Objective(), priors_of(labels, groups), seed=0
        )
        ours = judged(decision.predict(scores, groups), labels, groups, measure)

        assert abs(theirs[1]) <= 0.05
        assert abs(ours[1]) <= 0.05 + 1e-12
        assert ours[0] >= theirs[0] - 0.003  # its grid rounded to thousandths


@pytest.mark.parametrize("measure", ["spd", "aod", "eod"])
def test_fitted_on_the_objective_it_is_what_it_is_when_fitted_on_that_measure(measure):
    scores, labels, groups = rows(4)
    counts, priors = count(scores, labels, groups, 2), priors_of(labels, groups)
    objective = Objective(bias=measure)

    own = RejectOption("objective").fit(counts, objective, priors, seed=0)

    assert own == RejectOption(measure).fit(counts, objective, priors, seed=0)
    others = {"spd", "aod", "eod"} - {measure}
    for other in others:
        assert own != RejectOption(other).fit(counts, objective, priors, seed=0)


def test_within_the_band_the_unprivileged_group_gets_the_favourable_label_and_others_do_not():
    scores, labels, groups = rows(5)
    for favourable in (0, 1):
        turned, to = (scores, labels) if favourable == 1 else (1 - scores, 1 - labels)
        decision = RejectOption(favourable=favourable).fit(
            count(turned, to, groups, 2), Objective(), UNIFORM, seed=0
        )
        low, high = sorted(THRESHOLDS[list(decision.indices)])
        unsure = (turned > low) & (turned <= high)
        predictions = decision.predict(turned, groups)

        assert 0 < unsure.sum() < 600
        assert (predictions[unsure & (groups == 0)] == favourable).all()
        assert (predictions[unsure & (groups == 1)] == 1 - favourable).all()
        assert np.array_equal(predictions[~unsure], (turned > high)[~unsure])


def test_without_a_favourable_label_the_better_of_the_two_is_found():
    scores, labels, groups = rows(2)
    for turned, to in ((scores, labels), (1 - scores, 1 - labels)):
        counts = count(turned, to, groups, 2)
        either = RejectOption().fit(counts, Objective(), UNIFORM, seed=0)
        each = [RejectOption(favourable=f).fit(counts, Objective(), UNIFORM, 0) for f in (0, 1)]
        values = [judged(d.predict(turned, groups), to, groups, "spd") for d in each]
        kept = [value[0] for value in values if abs(value[1]) <= 0.05]

        assert either in each
        assert judged(either.predict(turned, groups), to, groups, "spd")[0] == max(kept)


def test_where_no_point_keeps_the_bound_the_smallest_bias_is_taken_whatever_its_sign():
    """Group 0 scores .2, group 1 .9: below both thresholds or above, else the bias is 1."""
    scores, labels = np.array([0.2, 0.2, 0.9, 0.9]), np.array([0, 1, 0, 1])
    counts = count(scores, labels, np.array([0, 0, 1, 1]), 2)

    decision = RejectOption(bound=0.0, favourable=1).fit(counts, Objective(), UNIFORM, seed=0)

    first, second = THRESHOLDS[list(decision.indices)]
    assert (first < 0.2) == (second < 0.9)


def test_a_balanced_set_is_weighted_to_the_mix_of_train():
    """SPD depends on the label mix: fitted on balanced rows, it must hold on natural ones."""
    natural = np.array([[0.45, 0.05], [0.25, 0.25]])
    scores, labels, groups = rows(4, shift=0.3, n=4000)
    counts = count(scores, labels, groups, 2)

    table = RejectOption().fit(counts, Objective(), natural, 0).decide(counts).table
    selected = (table[..., 1] / table.sum(-1) * natural).sum(1) / natural.sum(1)

    assert abs(selected[0] - selected[1]) <= 0.05


def test_the_grid_is_the_published_one():
    pairs = grid(1)

    assert pairs.shape == (5000, 2)
    assert pairs[0].tolist() == [10, 10]  # t = .01, margin 0
    assert pairs[49].tolist() == [0, 20]  # and the largest margin
    assert np.array_equal(grid(0), pairs[:, ::-1])


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"measure": "di"}, "measure must be one of"),
        ({"bound": 1.0}, r"bound must lie in \[0, 1\)"),
        ({"favourable": 2}, "favourable must be 0 or 1, got 2"),
    ],
)
def test_settings_out_of_range_are_refused(settings, message):
    with pytest.raises(ValueError, match=f"reject_option: {message}"):
        RejectOption(**settings)


@pytest.mark.parametrize("n_groups", [1, 3])
def test_other_than_two_groups_are_refused(n_groups):
    counts = count([0.5] * 6, [0, 1] * 3, np.arange(6) % n_groups, n_groups)
    with pytest.raises(ValueError, match="reject_option: needs exactly two groups"):
        RejectOption().fit(counts, Objective(), np.full((n_groups, 2), 0.5), seed=0)

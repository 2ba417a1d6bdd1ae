"""Soft bias of a batch: hand-computed values, agreement with hard decisions, gradients."""

import pytest
import torch

from trainables.learning.fair_loss import AGAINST_DENSE, BINARY, MEASURES, Multiplier, SoftBias

EQUAL = torch.full((2, 2), 0.25)


def batch(*cells):
    """Scores, labels and groups from (group, label, [scores])."""
    rows = [(s, y, g) for g, y, scores in cells for s in scores]
    scores, labels, groups = zip(*rows, strict=True)
    return torch.tensor(scores), torch.tensor(labels), torch.tensor(groups)


# mean scores: group 0: label 0 -> .3, label 1 -> .6; group 1: label 0 -> .2, label 1 -> .8
FOUR_CELLS = batch((0, 0, [0.2, 0.4]), (0, 1, [0.6]), (1, 0, [0.2]), (1, 1, [0.7, 0.9]))


@pytest.mark.parametrize(
    ("measure", "expected"),
    [
        ("eod", -0.2),
        ("aod", -0.05),  # (.1 - .2) / 2
        ("abs_aod", 0.15),
        ("deo_sum", 0.3),
        ("deo_max", 0.2),
        ("deo_mean", 0.15),
        ("spd", -0.05),  # .45 - .5
        ("di", 0.1),  # 1 - .45 / .5
        ("accuracy_std", 0.15 / 2**0.5),  # accuracies .65 and .8
    ],
)
def test_value_is_that_of_the_definition_on_mean_scores(measure, expected):
    assert SoftBias(measure, EQUAL)(*FOUR_CELLS).item() == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize(("measure", "expected"), [("spd", 0.36 - 0.5), ("di", 1 - 0.36 / 0.5)])
def test_rates_of_a_group_mix_the_labels_by_the_priors_not_by_the_batch(measure, expected):
    priors = torch.tensor([[0.4, 0.1], [0.25, 0.25]])  # group 0: P(y=1) = .2
    assert SoftBias(measure, priors)(*FOUR_CELLS).item() == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("measure", ["eod", "aod", "abs_aod", "deo_sum"])
def test_priors_do_not_enter_rates_given_the_label(measure):
    priors = torch.tensor([[0.4, 0.1], [0.25, 0.25]])
    assert SoftBias(measure, priors)(*FOUR_CELLS) == SoftBias(measure, EQUAL)(*FOUR_CELLS)


@pytest.mark.parametrize(
    ("measure", "expected"),
    [("aod", 0.05), ("abs_aod", 0.05), ("eod", 0.0), ("spd", 0.0), ("di", 0.0)],
)
def test_an_empty_cell_contributes_nothing(measure, expected):
    no_positives_in_group_1 = batch((0, 0, [0.3]), (0, 1, [0.6]), (1, 0, [0.2]))
    value = SoftBias(measure, EQUAL)(*no_positives_in_group_1)
    assert value.item() == pytest.approx(expected, abs=1e-6)


def soft_bias(measure, priors, dense):
    return SoftBias(measure, priors, torch.tensor(dense) if measure in AGAINST_DENSE else None)


@pytest.mark.parametrize("measure", MEASURES)
def test_a_batch_of_one_group_has_no_bias_and_finite_gradients(measure):
    scores, labels, groups = batch((0, 0, [0.3, 0.4]), (0, 1, [0.6]))
    scores.requires_grad_(True)
    bias = soft_bias(measure, EQUAL, [0.5, 0.9])(
        scores, labels, groups
    )  # nothing lost: .5 to .625
    bias.backward()
    assert bias.item() == pytest.approx(0, abs=2e-6)
    assert scores.grad.isfinite().all()


def test_of_three_groups_the_largest_gap_counts():
    rows = batch(*[(g, y, [s]) for g, s in enumerate([0.3, 0.9, 0.4]) for y in (0, 1)])
    assert SoftBias("aod", torch.full((3, 2), 1 / 6))(*rows).item() == pytest.approx(0.6)
    assert SoftBias("spd", torch.full((3, 2), 1 / 6))(*rows).item() == pytest.approx(0.6)
    assert SoftBias("di", torch.full((3, 2), 1 / 6))(*rows).item() == pytest.approx(2 / 3)


@pytest.mark.parametrize("measure", [*BINARY, "accuracy_std"])
@pytest.mark.parametrize("n_groups", [2, 3])
def test_hard_decisions_give_the_evaluated_bias(measure, n_groups):
    from trainables.evaluation.fairness import measure as evaluated

    draw = torch.Generator().manual_seed(n_groups)
    groups = torch.randint(n_groups, (400,), generator=draw)
    labels = torch.randint(2, (400,), generator=draw)
    decisions = torch.randint(2, (400,), generator=draw)
    priors = torch.stack([labels[groups == g].bincount(minlength=2) for g in range(n_groups)])
    soft = SoftBias(measure, priors / 400)(decisions.float(), labels, groups).item()

    hard = evaluated(measure, labels.numpy(), decisions.numpy(), groups.numpy())
    bias = 1 - hard if measure == "di" else hard
    assert abs(soft) == pytest.approx(abs(bias), abs=1e-5)


@pytest.mark.parametrize("measure", AGAINST_DENSE)
@pytest.mark.parametrize("n_groups", [2, 3])
def test_hard_decisions_beside_the_dense_nets_give_the_evaluated_bias(measure, n_groups):
    from trainables.evaluation.fairness import measure as evaluated

    draw = torch.Generator().manual_seed(n_groups)
    groups = torch.randint(n_groups, (400,), generator=draw)
    labels, decisions = torch.randint(2, (2, 400), generator=draw)
    dense = torch.where(torch.rand(400, generator=draw) < 0.8, labels, 1 - labels)
    priors = torch.stack([labels[groups == g].bincount(minlength=2) for g in range(n_groups)])
    accuracies = SoftBias("accuracy_std", priors / 400).accuracies(dense.float(), labels, groups)
    soft = SoftBias(measure, priors / 400, accuracies)(decisions.float(), labels, groups).item()

    rows = (labels.numpy(), decisions.numpy(), groups.numpy(), dense.numpy())
    assert soft == pytest.approx(evaluated(measure, *rows), abs=1e-5)
    assert soft > 0.01


def test_what_compares_with_the_dense_net_needs_its_accuracies():
    with pytest.raises(ValueError, match="excess_gap needs the dense net's accuracy of each"):
        SoftBias("excess_gap", EQUAL)


def test_soft_amplification_of_hard_decisions_on_balanced_cells_is_that_of_the_counts():
    from trainables.evaluation.fairness import measure as evaluated

    draw = torch.Generator().manual_seed(0)
    labels = torch.arange(3).repeat_interleave(20).repeat(2)
    groups = torch.arange(2).repeat_interleave(60)
    decisions = torch.randint(3, (120,), generator=draw)
    scores = torch.nn.functional.one_hot(decisions, 3).float()
    soft = SoftBias("bias_amplification", torch.full((2, 3), 1 / 6))(scores, labels, groups)

    hard = evaluated("bias_amplification", labels.numpy(), decisions.numpy(), groups.numpy())
    assert soft.item() == pytest.approx(hard, abs=1e-6)
    assert hard > 0.01


@pytest.mark.parametrize("measure", MEASURES)
@pytest.mark.parametrize("n_groups", [2, 4])
def test_gradient_agrees_with_finite_differences(measure, n_groups):
    draw = torch.Generator().manual_seed(1)
    scores = torch.rand(40, generator=draw).requires_grad_(True)
    labels = torch.arange(40) % 2
    groups = torch.arange(40) // 2 % n_groups
    priors = torch.rand(n_groups, 2, generator=draw) + 0.1
    bias = soft_bias(measure, priors, [0.9, 0.8, 0.7, 0.95][:n_groups])
    (slope,) = torch.autograd.grad(bias(scores, labels, groups), scores)

    direction = torch.randn(40, generator=draw) / 40**0.5
    step = 1e-3
    with torch.no_grad():
        ahead = bias(scores + step * direction, labels, groups)
        behind = bias(scores - step * direction, labels, groups)
    assert (slope @ direction).item() == pytest.approx(
        (ahead - behind).item() / (2 * step), abs=2e-3
    )
    assert slope.abs().sum() > 0.01


@pytest.mark.parametrize(
    ("bias", "expected"),
    [(0.0, 1.0), (0.02, 1.0), (-0.02, 1.0), (0.05, 1.4), (-0.13, 3.0)],
)
def test_multiplier_is_one_until_the_tolerance_less_delta_and_grows_with_the_slope(bias, expected):
    multiplier = Multiplier(slope=20, tolerance=0.05, delta=0.02)
    assert multiplier(torch.tensor(bias)).item() == pytest.approx(expected, abs=1e-5)


def test_every_measure_that_a_search_can_minimise_has_a_soft_form():
    from trainables.evaluation.measures import MEASURES as evaluated

    minimised = {name for name, measure in evaluated.items() if measure.kind != "performance"}
    assert minimised == set(MEASURES)


def test_unknown_measure_is_refused_with_the_known_ones():
    with pytest.raises(ValueError, match=r"measure must be one of .*aod.*got 'accuracy'"):
        SoftBias("accuracy", EQUAL)


def test_binary_measures_refuse_more_labels():
    with pytest.raises(ValueError, match="soft_bias: aod needs 2 labels, got 3"):
        SoftBias("aod", torch.full((2, 3), 1 / 6))

"""The projected step against a case by hand and its invariants; what it changes."""

import math
from itertools import pairwise

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from tests.trainables.dense.skewed_data import skewed_data
from tests.trainables.made_data import made_context, made_data
from tests.trainables.test_stage import made_net, run_to_end, start
from trainables.data.batches import scores_of
from trainables.dense.adversarial_debiasing import AdversarialDebiasing, debiased
from trainables.dense.erm import Erm
from trainables.learning.group_adversary import uncertainty


def tensors(*values):
    return [torch.tensor(value) for value in values]


def test_a_step_in_two_dimensions_by_hand():
    # along (3, 4) / 5 the task's gradient (2, 1) is 10 / 5 = 2: its projection is (1.2, 1.6)
    found = debiased(tensors([2.0, 1.0]), tensors([3.0, 4.0]), 0.5, "tensor")[0]

    assert found.tolist() == pytest.approx([2.0 - 1.2 - 1.5, 1.0 - 1.6 - 2.0])


def test_a_step_without_projection_by_hand():
    found = debiased(tensors([2.0, 1.0]), tensors([3.0, 4.0]), 0.5, "none")[0]

    assert found.tolist() == pytest.approx([2.0 - 1.5, 1.0 - 2.0])


def test_each_tensor_is_projected_by_itself_or_all_of_them_as_one():
    task, adversary = tensors([1.0], [1.0]), tensors([1.0], [-1.0])

    apart = debiased(task, adversary, 0.0, "tensor")
    together = debiased(task, adversary, 0.0, "network")

    assert [float(one) for one in apart] == pytest.approx([0.0, 0.0])
    assert [float(one) for one in together] == pytest.approx([1.0, 1.0])  # at right angles


def random_gradients(seed, scale=1.0):
    draw = torch.Generator().manual_seed(seed)
    shapes = [(4, 3), (4,), (2, 4), ()]
    return [[scale * torch.randn(s, generator=draw) for s in shapes] for scale in (1.0, scale)]


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("projection", ["tensor", "network"])
def test_without_alpha_a_step_has_no_part_along_the_adversarys_gradient(seed, projection):
    task, adversary = random_gradients(seed)
    found = debiased(task, adversary, 0.0, projection)
    along = [float((a * b).sum()) for a, b in zip(found, adversary, strict=True)]

    assert abs(sum(along)) < 1e-5
    assert projection == "network" or max(map(abs, along)) < 1e-5


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("projection", ["tensor", "network"])
def test_a_step_never_helps_the_adversary(seed, projection):
    task, adversary = random_gradients(seed)
    found = debiased(task, adversary, 0.3, projection)
    # going down `found` changes the adversary's loss by minus this
    slope = sum(float((a * b).sum()) for a, b in zip(found, adversary, strict=True))
    squared = sum(float((b * b).sum()) for b in adversary)

    assert slope == pytest.approx(-0.3 * squared, rel=1e-4)


@pytest.mark.parametrize("scale", [0.0, 1e-30])
def test_an_adversary_without_a_gradient_changes_nothing_that_is_not_finite(scale):
    task, adversary = random_gradients(0, scale)
    found = debiased(task, adversary, 1.0, "tensor")

    assert all(bool(one.isfinite().all()) for one in found)
    if scale == 0.0:
        assert all(torch.equal(a, b) for a, b in zip(found, task, strict=True))


def leaning(settings):
    """How much the mean scores of the groups differ after training with these settings."""
    data = skewed_data()
    context = made_context(made_net(), data)
    run = start(settings, context)
    run_to_end(settings, context, run)
    scores, groups = scores_of(run.result().net, data, "tune"), data.part("tune").groups.numpy()
    return abs(scores[groups == 0].mean() - scores[groups == 1].mean())


@pytest.mark.parametrize("sees", ["score", "logits"])
def test_scores_tell_less_of_the_group_than_after_ordinary_training(sees):
    settings = {"max_epochs": 30, "lr": 0.005, "batch_size": 50, "keep": "last"}
    unfair = leaning(Erm(**settings))
    fair = leaning(
        AdversarialDebiasing(alpha=1.0, adversary_sees=sees, adversary_lr=0.01, **settings)
    )

    assert unfair > 0.2
    assert fair < unfair / 2


def test_the_network_rests_in_the_epochs_between():
    context = made_context(made_net(), made_data())
    seen = run_to_end(AdversarialDebiasing(max_epochs=5, main_every=3), context)
    first = [state["net"]["0.weight"] for _, state in seen]
    moved = [not torch.equal(a, b) for a, b in pairwise(first)]

    assert moved == [False, False, True, False]
    assert seen[1][0]["adversary"] != seen[2][0]["adversary"]


def test_an_epoch_reports_what_the_adversary_finds_out():
    data = skewed_data()
    part = data.part("train")
    of_rows = AdversarialDebiasing(max_epochs=2, adversary_sees="score")
    balanced = {"adversary_per_label": True, "adversary_balance": "cells"}
    of_cells = AdversarialDebiasing(max_epochs=2, **balanced)
    for settings, chance in ((of_rows, uncertainty(part.groups)), (of_cells, math.log(2))):
        for losses, _ in run_to_end(settings, made_context(made_net(), data)):
            assert losses["advantage"] == pytest.approx(chance - losses["adversary"])


def test_several_steps_of_the_adversary_are_as_many_epochs_while_the_network_rests():
    """With one batch an epoch and steps of the network that are too short to change it."""
    data = skewed_data()
    net = nn.Sequential(nn.Linear(5, 1))
    states = []
    for epochs, steps in ((4, 1), (1, 4)):
        settings = AdversarialDebiasing(
            **{"max_epochs": epochs, "adversary_steps": steps, "lr": 1e-30, "batch_size": 500},
            **{"adversary_lr": 0.1, "adversary_hidden": 3},
        )
        context = made_context(net, data)
        run = start(settings, context)
        run_to_end(settings, context, run)
        states.append(run.learner.state_dict()["adversary"])

    for name, tensor in states[0].items():
        torch.testing.assert_close(states[1][name], tensor, atol=1e-4, rtol=1e-3)


def test_the_early_stopping_loss_is_the_tasks_and_what_the_adversary_finds_out():
    data = skewed_data()
    shows_group = nn.Linear(5, 1)  # the second input goes with the group
    with torch.no_grad():
        shows_group.weight.copy_(torch.tensor([[0.0, 1.0, 0.0, 0.0, 0.0]]))
    context = made_context(nn.Sequential(shows_group), data)
    settings = AdversarialDebiasing(
        **{"max_epochs": 20, "main_every": 50, "alpha": 0.5, "lr": 1e-6},
        adversary_sees="logits",
        adversary_lr=0.05,
    )
    run = start(settings, context)
    run_to_end(settings, context, run)
    part, learner = data.part("early_stop"), run.learner
    with torch.no_grad():
        logits = learner.net.eval()(part.inputs)
        guess = F.cross_entropy(learner._adversary(logits, part.labels), part.groups)
    task = F.binary_cross_entropy_with_logits(logits.squeeze(1), part.labels.float())
    found_out = uncertainty(part.groups) - float(guess)

    assert found_out > 0.01  # the adversary does know something here
    assert learner.early_stop_loss() == pytest.approx(float(task) + 0.5 * found_out, rel=1e-5)

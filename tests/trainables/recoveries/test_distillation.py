"""Eq. 10: both cross-entropies and their gradient by hand, and what the mask comes to."""

from __future__ import annotations

import copy
import math

import numpy as np
import pytest
import torch
from torch import nn

from tests.trainables.made_data import made_context, made_data
from tests.trainables.made_stages import advance, small_net
from trainables.data.batches import Batch
from trainables.evaluation.objective import Objective
from trainables.masks import MaskedNet, Masks, prunable
from trainables.recoveries.distillation import Distillation


def two_weights(first=1.0, second=-0.5, outputs=1):
    net = nn.Sequential(nn.Linear(2, outputs, bias=False))
    with torch.no_grad():
        net[0].weight.copy_(torch.tensor([[first, second]] * outputs))
    return net.eval()


def deep(seed=0, inputs=5, outputs=1):
    return small_net(seed, inputs, outputs).eval()


def started(settings, dense, teacher, **data):
    incoming = [MaskedNet(teacher, Masks.keep_all(teacher))]
    context = made_context(dense, made_data(**data), incoming=incoming)
    return settings.start(context), context


def sigmoid(value):
    return 1 / (1 + math.exp(-value))


def entropy(p, q):
    """H(p, q) of two classes, target first."""
    return -(p * math.log(q) + (1 - p) * math.log(1 - q))


def batch_of(rows):
    inputs = torch.tensor(rows)
    n = len(rows)
    zeros = torch.zeros(n, dtype=torch.int64)
    return Batch(inputs, zeros, zeros, torch.ones(n))


def test_both_terms_and_their_gradient_are_those_worked_out_by_hand():
    dense, teacher = two_weights(1.0, -0.5), two_weights(0.3, 0.8)
    run, _ = started(Distillation(logit_init=2.0, noise=False), dense, teacher, shape=(2,))
    run._before = two_weights(0.0, -0.5)  # as if the first weight had been off an epoch ago
    rows = [[1.0, 2.0], [-1.5, 0.5]]
    batch = batch_of(rows)
    gamma = 0.7

    run._logits.sample(torch.Generator())
    with run._student.learning():
        terms = run._terms(run._student.net(batch.inputs), batch)
        loss = terms["distillation"] + gamma * terms["consistency"]
        run._logits.step(loss)

    want = {"distillation": 0.0, "consistency": 0.0}
    slopes = [0.0, 0.0]  # of the loss by the two entries of M, both 1
    for x1, x2 in rows:
        q = sigmoid(1.0 * x1 - 0.5 * x2)
        t = sigmoid(0.3 * x1 + 0.8 * x2)
        b = sigmoid(-0.5 * x2)
        want["distillation"] += entropy(t, q) / 2
        want["consistency"] += entropy(b, q) / 2
        by_logit = ((q - t) + gamma * (q - b)) / 2
        slopes[0] += by_logit * x1 * 1.0
        slopes[1] += by_logit * x2 * -0.5
    through = sigmoid(2.0) * (1 - sigmoid(2.0))  # the straight-through slope at m = 2
    assert {k: float(v.detach()) for k, v in terms.items()} == pytest.approx(want, rel=1e-5)
    gradient = run._logits.optimizer.param_groups[0]["params"][0].grad
    assert gradient.tolist() == pytest.approx([s * through for s in slopes], rel=1e-4)


def test_several_classes_are_compared_by_their_probabilities():
    torch.manual_seed(3)
    dense, teacher = nn.Linear(4, 3).eval(), nn.Linear(4, 3).eval()
    incoming = [MaskedNet(teacher, Masks.keep_all(teacher))]
    objective = Objective("accuracy", "bias_amplification")
    context = made_context(
        dense, made_data(classes=3, shape=(4,)), incoming=incoming, objective=objective
    )
    run = Distillation().start(context)
    batch = batch_of(torch.randn(6, 4).tolist())

    with torch.no_grad():
        found = run._terms(dense(batch.inputs), batch)["distillation"]

    p = torch.softmax(teacher(batch.inputs), 1).detach().numpy()
    q = torch.softmax(dense(batch.inputs), 1).detach().numpy()
    assert float(found) == pytest.approx(float(-(p * np.log(q)).sum(1).mean()), rel=1e-5)


def test_the_first_epoch_has_no_second_term_and_the_next_compare_with_the_one_before():
    run, context = started(Distillation(epochs=3, batch_size=20), deep(), deep(seed=1))

    losses = advance(run, context, 3)

    assert losses[0]["consistency"] == 0.0
    assert all(one["consistency"] > 0.0 for one in losses[1:])
    assert all(set(one) == {"distillation", "consistency", "density"} for one in losses)


def test_the_epoch_before_is_the_network_as_it_was_judged_and_does_not_follow():
    run, context = started(Distillation(epochs=3, batch_size=10, lr=1.0), deep(), deep(seed=1))
    advance(run, context, 1)
    judged = copy.deepcopy(run.result().net.state_dict())

    kept = {k: v.clone() for k, v in run._before.state_dict().items()}
    run._pass(context.generator("more"), run._logits.noise_generator(context.generator("noise")))

    assert all(torch.equal(kept[k], judged[k]) for k in judged)
    assert all(torch.equal(run._before.state_dict()[k], judged[k]) for k in judged)
    assert not run._before.training


def test_the_result_is_the_dense_network_under_the_mask_and_says_its_density():
    dense = deep()
    before = copy.deepcopy(dense.state_dict())
    settings = Distillation(epochs=6, batch_size=10, lr=0.5)
    run, context = started(settings, dense, deep(seed=1))

    losses = advance(run, context, 6)
    masked = run.result()

    assert 0.0 < masked.masks.sparsity < 1.0
    assert losses[-1]["density"] == pytest.approx(masked.masks.density)
    for name, weight in prunable(masked.net).items():
        assert torch.equal(weight, before[name] * masked.masks[name])
    assert all(torch.equal(dense.state_dict()[k], v) for k, v in before.items())


def test_weights_that_keep_the_student_from_its_teacher_go_and_the_others_stay():
    dense, teacher = two_weights(2.0, 1.5), two_weights(2.0, 0.0)
    settings = Distillation(epochs=25, lr=0.2, batch_size=20)
    run, context = started(settings, dense, teacher, shape=(2,))

    advance(run, context, 25)

    assert run.result().masks["0.weight"].tolist() == [[True, False]]


def test_a_large_gamma_holds_the_student_where_it_was():
    sparsities = {}
    for gamma in (0.0, 50.0):
        settings = Distillation(epochs=20, gamma=gamma, lr=0.1, batch_size=10)
        run, context = started(settings, deep(), deep(seed=1))
        advance(run, context, 20)
        sparsities[gamma] = run.result().masks.sparsity

    assert sparsities[50.0] < sparsities[0.0]


def test_the_teacher_is_asked_in_evaluation_mode_and_labels_change_nothing():
    teacher = deep(seed=1).train()  # dropout and batch statistics would be drawn anew
    ends = []
    for turned in (False, True):
        incoming = [MaskedNet(teacher, Masks.keep_all(teacher))]
        data = made_data()
        if turned:
            data.part("debias").labels.mul_(-1).add_(1)
        context = made_context(deep(), data, incoming=incoming)
        run = Distillation(epochs=2, batch_size=20, lr=0.5).start(context)
        ends.append(advance(run, context, 2))
        assert not run._teacher.training

    assert ends[0] == ends[1]
    assert teacher.training


def test_without_a_teacher_it_says_so():
    context = made_context(deep(), made_data())
    with pytest.raises(ValueError, match="distillation: needs the result of an earlier stage"):
        Distillation().start(context)


@pytest.mark.parametrize(
    ("setting", "value"),
    [("gamma", -0.1), ("epochs", 0), ("logit_init", 7.0), ("lr", 0.0), ("beta", 1.0)],
)
def test_settings_out_of_range_are_refused(setting, value):
    with pytest.raises(ValueError, match=setting):
        Distillation(**{setting: value})

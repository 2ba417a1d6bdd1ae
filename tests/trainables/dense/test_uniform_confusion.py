"""The confusion loss against its formula; when which part learns; what becomes of the features."""

import math

import pytest
import torch
from torch import nn

from tests.trainables.dense.skewed_data import skewed_data
from tests.trainables.made_data import made_context, made_data
from tests.trainables.test_stage import advance, made_net, run_to_end, start
from trainables.dense.uniform_confusion import UniformConfusion, confusion
from trainables.models.last_layer import FeatureTap


def test_confusion_is_the_mean_cross_entropy_of_the_uniform_distribution():
    logits = torch.tensor([[0.0, 1.0, -2.0], [3.0, 0.5, 0.5]])
    expected = 0.0
    for row in logits.tolist():
        total = sum(math.exp(one) for one in row)
        expected -= sum(math.log(math.exp(one) / total) / 3 for one in row) / 2

    assert float(confusion(logits)) == pytest.approx(expected)


def test_confusion_is_least_where_all_groups_have_the_same_odds():
    even = float(confusion(torch.full((4, 3), 2.0)))

    assert even == pytest.approx(math.log(3))
    others = torch.randn(5, 4, 3, generator=torch.Generator().manual_seed(0))
    assert all(float(confusion(other)) > even for other in others)


def test_the_early_stopping_loss_is_the_task_s_and_alpha_times_the_confusion():
    data = made_data()
    context = made_context(made_net(), data)
    run = start(UniformConfusion(max_epochs=2, main_every=1, alpha=0.5), context)
    advance(run, context, 0)
    part, net = data.part("early_stop"), run.learner.net.eval()
    with torch.no_grad(), FeatureTap(net, part.inputs[:2]) as tap:
        logits = net(part.inputs).squeeze(1)
        odds = nn.functional.linear(tap.features(), *run.learner._head.parameters())
    task = nn.functional.binary_cross_entropy_with_logits(logits, part.labels.float())

    found = run.learner.early_stop_loss()
    assert found == pytest.approx(float(task + 0.5 * confusion(odds)), rel=1e-5)
    assert found - float(task) > 0.3  # at least half of log 2, or the term is not there


def moves(settings, epochs):
    """(network, head) in each epoch: whether it was changed by it."""
    context = made_context(made_net(), made_data())
    run, seen = start(settings, context), []
    for epoch in range(epochs):
        before = run.state_dict()["learner"]
        advance(run, context, epoch)
        after = run.state_dict()["learner"]
        net = not torch.equal(before["net"]["0.weight"], after["net"]["0.weight"])
        seen.append((net, not torch.equal(before["head"]["weight"], after["head"]["weight"])))
    return seen


@pytest.mark.parametrize(
    ("every", "expected"),
    [
        (1, [(True, True)] * 4),
        (2, [(True, False), (False, True)] * 2),
        (3, [(True, False), (False, True), (False, True), (True, False)]),
    ],
)
def test_network_and_head_take_turns_by_epoch_or_by_batch(every, expected):
    assert moves(UniformConfusion(max_epochs=9, main_every=every), 4) == expected


def group_in_features(alpha):
    """How often a logistic regression tells the group from the features, on tune."""
    data = skewed_data()
    context = made_context(made_net(), data)
    settings = {"lr": 0.01, "head_lr": 0.05, "main_every": 1, "weight_decay": 0.0}
    run = start(UniformConfusion(alpha=alpha, max_epochs=30, batch_size=50, **settings), context)
    run_to_end(None, context, run)
    net = run.result().net.eval()
    found = {}
    with torch.no_grad(), FeatureTap(net, data.part("train").inputs[:2]) as tap:
        for part in ("train", "tune"):
            net(data.part(part).inputs)
            found[part] = tap.features()
    scale = found["train"].std(0) + 1e-6
    probe = nn.Linear(tap.width, 2)
    optimizer = torch.optim.LBFGS(probe.parameters(), max_iter=50)
    groups = {part: data.part(part).groups for part in found}

    def closure():
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(probe(found["train"] / scale), groups["train"])
        loss.backward()
        return loss

    optimizer.step(closure)
    with torch.no_grad():
        guesses = probe(found["tune"] / scale).argmax(1)
    return float((guesses == groups["tune"]).float().mean())


def test_the_features_tell_less_of_the_group_with_confusion_than_without():
    without, confused = group_in_features(0.0), group_in_features(3.0)

    assert without > 0.7
    assert confused < without - 0.1

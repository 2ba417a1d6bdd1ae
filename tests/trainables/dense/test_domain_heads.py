"""Heads for every group: what is trained, and what the one network that is left computes."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from tests.trainables.made_data import made_context, made_data
from tests.trainables.test_stage import made_net, run_to_end, start
from trainables.data.batches import logits_of
from trainables.data.task import head_for
from trainables.dense.domain_discriminative import DomainDiscriminative, pair_shares
from trainables.dense.domain_independent import DomainIndependent

CLASSES = pytest.mark.parametrize("classes", [2, 3])


def trained(settings, classes, net=None):
    """The network in training (its last layer wide), what is left of it, and the data."""
    data = made_data(classes=classes)
    head = head_for(classes)
    context = made_context(net or made_net(head.outputs), data)
    run = start(settings, context)
    run_to_end(settings, context, run)
    return run.learner.net, run.result().net, data


@CLASSES
def test_the_network_left_adds_up_the_logits_of_the_groups_heads(classes):
    wide, left, data = trained(DomainIndependent(max_epochs=3, keep="last"), classes)
    outputs = head_for(classes).outputs
    of_heads = logits_of(wide, data, "tune")
    expected = of_heads[:, :outputs] + of_heads[:, outputs:]

    assert torch.allclose(logits_of(left, data, "tune"), expected, atol=1e-5)
    assert type(left[-1]) is nn.Linear
    assert [type(one) for one in left] == [type(one) for one in made_net()]


@CLASSES
def test_a_sample_trains_the_head_of_its_own_group_alone(classes):
    data = made_data(classes=classes)
    head = head_for(classes)
    learner = start(DomainIndependent(), made_context(made_net(head.outputs), data)).learner
    wide = torch.randn(6, 2 * head.outputs, requires_grad=True)
    labels, groups = torch.arange(6) % classes, torch.tensor([0, 0, 1, 1, 0, 1])
    loss = learner.loss(wide, labels, groups, torch.ones(6))
    loss.backward()

    own = torch.stack([wide.detach().chunk(2, 1)[int(g)][i] for i, g in enumerate(groups)])
    assert float(loss.detach()) == pytest.approx(float(head.loss(own, labels)))
    for i, group in enumerate(groups.tolist()):
        mine, other = wide.grad[i].chunk(2)[group], wide.grad[i].chunk(2)[1 - group]
        assert mine.abs().max() > 0
        assert other.abs().max() == 0


@CLASSES
@pytest.mark.parametrize("shift", [True, False])
def test_the_score_is_the_sum_over_groups_of_shifted_probabilities(classes, shift):
    settings = DomainDiscriminative(max_epochs=3, keep="last", prior_shift=shift)
    wide, left, data = trained(settings, classes)
    pairs = logits_of(wide, data, "tune").softmax(1)
    train = data.part("train")
    expected = torch.zeros(len(pairs), classes)
    for y in range(classes):
        for d in range(2):
            share = float(((train.labels == y) & (train.groups == d)).float().mean())
            expected[:, y] += pairs[:, 2 * y + d] / (share if shift else 1.0)
    expected /= expected.sum(1, keepdim=True)
    scores = data.head.scores(logits_of(left, data, "tune"))

    assert torch.allclose(scores, expected[:, 1] if classes == 2 else expected, atol=1e-5)


@CLASSES
def test_the_largest_pair_may_stand_for_its_class(classes):
    settings = DomainDiscriminative(max_epochs=2, keep="last", over="max", prior_shift=False)
    wide, left, data = trained(settings, classes)
    largest = logits_of(wide, data, "tune").softmax(1).view(-1, classes, 2).amax(2)
    expected = largest / largest.sum(1, keepdim=True)
    scores = data.head.scores(logits_of(left, data, "tune"))

    assert torch.allclose(scores, expected[:, 1] if classes == 2 else expected, atol=1e-5)


def test_pairs_are_trained_by_cross_entropy_over_all_of_them():
    data = made_data(classes=3)
    learner = start(DomainDiscriminative(), made_context(made_net(3), data)).learner
    wide, labels, groups = (
        torch.randn(4, 6),
        torch.tensor([0, 1, 2, 2]),
        torch.tensor([0, 1, 0, 1]),
    )
    weights = torch.tensor([1.0, 2.0, 0.5, 0.5])
    rows = -wide.log_softmax(1)[torch.arange(4), torch.tensor([0, 3, 4, 5])]

    assert float(learner.loss(wide, labels, groups, weights)) == pytest.approx(
        float((rows * weights).mean())
    )


def test_an_empty_pair_counts_as_one_row():
    shares = pair_shares(torch.tensor([0, 0, 0, 1]), torch.tensor([0, 0, 1, 1]), 2, 2)

    assert shares.tolist() == [0.5, 0.25, 0.25, 0.25]


@pytest.mark.parametrize("settings", [DomainIndependent, DomainDiscriminative])
def test_a_network_that_does_not_end_in_a_linear_layer_is_refused(settings):
    net = nn.Sequential(nn.Linear(5, 2), nn.Linear(2, 1), nn.Softplus())

    with pytest.raises(ValueError, match=f"{settings.name}: the network must end in a Linear"):
        settings().start(made_context(net, made_data()))


def test_a_bare_linear_network_is_given_heads_too():
    _, left, data = trained(DomainDiscriminative(max_epochs=2), 2, nn.Linear(5, 1))

    assert logits_of(left, data, "tune").shape == (50, 1)
    assert F.linear(torch.zeros(1, 5), left.joint.weight, left.joint.bias).shape == (1, 4)

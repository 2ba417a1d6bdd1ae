"""SNIP's scores, by hand and as the gradient of a mask."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.func import functional_call
from torch.nn import functional as F

from tests.trainables.made_data import made_context, made_data
from trainables.masks import prunable
from trainables.pruners.snip import Snip

ALL = 150  # rows of train: a batch of as many is all of them, each once


@pytest.fixture(autouse=True)
def _the_same_networks_each_time():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        yield


def kept_by(settings, net, data):
    context = made_context(net, data)
    run = settings.start(context)
    run.epoch(context.generator("epoch", 0))
    return run.result().masks


def test_of_a_logistic_regression_the_scores_are_those_by_hand():
    data = made_data()
    net = nn.Sequential(nn.Linear(5, 1))
    with torch.no_grad():
        net[0].weight.copy_(torch.tensor([[0.1, -2.0, 0.5, 1.0, -0.3]]))
        net[0].bias.zero_()
    train = data.part("train")
    x, y = train.inputs.double().numpy(), train.labels.numpy()
    w = net[0].weight.detach().double().numpy()[0]
    probability = 1 / (1 + np.exp(-(x @ w)))
    by_hand = np.abs(w * ((probability - y)[:, None] * x).mean(axis=0))

    masks = kept_by(Snip(sparsity=0.6, batch_size=ALL), net, data)

    assert masks["0.weight"][0].nonzero().flatten().tolist() == sorted(np.argsort(-by_hand)[:2])


def test_the_scores_are_the_sensitivity_of_the_loss_to_each_weight_s_mask():
    """Its definition (eq. 4 of the paper): |d loss / d mask| where the mask is 1 everywhere."""
    data = made_data(classes=3)
    net = nn.Sequential(nn.Linear(5, 6), nn.ReLU(), nn.Linear(6, 3))
    weights = prunable(net)
    mask = {name: torch.ones_like(weight, requires_grad=True) for name, weight in weights.items()}
    train = data.part("train")
    masked = {name: weight.detach() * mask[name] for name, weight in weights.items()}
    F.cross_entropy(functional_call(net, masked, (train.inputs,)), train.labels).backward()
    by_hand = torch.cat([mask[name].grad.abs().flatten() for name in weights])

    chosen = kept_by(Snip(sparsity=0.75, batch_size=ALL), net, data)

    kept = 8 + 5  # a quarter of 30 and of 18, rounded up
    expected = set(by_hand.argsort(descending=True)[:kept].tolist())
    flat = torch.cat([chosen[name].flatten() for name in weights])
    assert set(flat.nonzero().flatten().tolist()) == expected


def test_a_balanced_batch_weighs_classes_alike():
    """All rows of the rare class say the same: with it balanced, its input decides."""
    data = made_data()
    train = data.part("train")
    train.labels.zero_()
    train.labels[:3] = 1
    train.inputs.zero_()
    train.inputs[:3, 1] = 4.0  # the rare class has input 1, the others input 0
    train.inputs[3:, 0] = 1.0
    net = nn.Sequential(nn.Linear(5, 1))
    with torch.no_grad():
        net[0].weight.fill_(0.1)
        net[0].bias.zero_()

    balanced = kept_by(Snip(sparsity=0.8, batch_size=100, balanced=True), net, data)
    plain = kept_by(Snip(sparsity=0.8, batch_size=ALL), net, data)

    assert balanced["0.weight"].tolist() == [[False, True, False, False, False]]
    assert plain["0.weight"].tolist() == [[True, False, False, False, False]]

"""Scores whose largest make a mask: the slow form of their gradient, exact counts, starts."""

import math

import pytest
import torch
from torch import nn

from trainables.learning import flat_mask
from trainables.learning.flat_mask import FlatWeights
from trainables.learning.mask_scores import MaskScores, ScoreSettings
from trainables.masks import prunable

DRAWS = torch.Generator()


def network(seed=0):
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(6, 5), nn.ReLU(), nn.Linear(5, 3))


def scores_for(net, **options):
    settings = ScoreSettings(**{"density": 0.4, "lr": 0.1, **options})
    return MaskScores(FlatWeights(prunable(net)), settings, DRAWS.manual_seed(0))


def top(scores, kept):
    """The slow form: the first `kept` of a stable sort of the absolute scores."""
    mask = torch.zeros_like(scores)
    mask[scores.abs().sort(descending=True, stable=True).indices[:kept]] = 1.0
    return mask


def through(scores, scope):
    """M, and in the backward pass |s|: the straight-through mask, written out."""
    parts = scores.split([30, 15]) if scope == "layer" else [scores]
    masks = [top(part.detach(), math.ceil(0.4 * len(part))) for part in parts]
    return torch.cat(masks) + scores.abs() - scores.abs().detach()


@pytest.mark.parametrize("scope", ["layer", "global"])
@pytest.mark.parametrize("init", ["magnitude", "kaiming"])
def test_steps_are_those_of_autograd_through_an_explicit_straight_through_mask(scope, init):
    net, reference = network(), network()
    learned = scores_for(net, scope=scope, init=init)
    slow = learned.scores.clone().requires_grad_(True)
    optimizer = torch.optim.SGD([slow], lr=0.1, momentum=0.9, weight_decay=5e-4)
    inputs, targets = torch.randn(8, 6), torch.randint(3, (8,))
    first = learned.mask()
    for _ in range(12):
        learned.select()
        learned.step(nn.functional.cross_entropy(net(inputs), targets))

        parts = through(slow, scope).split([30, 15])
        weights = {
            name: weight.detach() * part.view_as(weight)
            for (name, weight), part in zip(prunable(reference).items(), parts, strict=True)
        }
        outputs = torch.func.functional_call(reference, weights, (inputs,))
        optimizer.zero_grad()
        nn.functional.cross_entropy(outputs, targets).backward()
        optimizer.step()
        assert torch.allclose(learned.scores, slow, atol=1e-6)
    assert not torch.equal(learned.mask(), first)
    assert init == "magnitude" or (learned.scores < 0).any()


def test_a_gradient_may_be_handed_over_where_the_network_ends():
    inputs, results = torch.randn(8, 6), []
    for by_outputs in (False, True):
        net = network()
        learned = scores_for(net)
        learned.select()
        outputs = net(inputs)
        if by_outputs:
            at = outputs.detach().requires_grad_()
            (slope,) = torch.autograd.grad(at.square().mean(), at)
            learned.step(outputs, slope)
        else:
            learned.step(outputs.square().mean())
        results.append(learned.scores)
    assert torch.equal(*results)


@pytest.mark.parametrize(("scope", "kept"), [("layer", 12 + 6), ("global", 18)])
def test_ties_are_broken_by_index_and_exactly_as_many_stay(scope, kept):
    learned = scores_for(network(), scope=scope)
    learned.scores.fill_(0.5)

    mask = learned.mask()
    assert int(mask.sum()) == kept
    if scope == "global":
        assert mask[:18].all()
    else:
        assert mask[:12].all() and mask[30:36].all()


def test_the_largest_absolute_scores_stay_and_the_network_is_under_their_mask():
    net = network()
    theta = torch.cat([weight.detach().flatten() for weight in prunable(net).values()])
    learned = scores_for(net, init="kaiming")
    learned.select()

    mask = learned.mask()
    assert torch.equal(mask, torch.cat([top(s, k) for s, k in cut(learned.scores)]) > 0)
    assert (learned.scores[mask] < 0).any()
    seen = torch.cat([weight.detach().flatten() for weight in prunable(net).values()])
    assert torch.equal(seen, theta * mask)


def cut(scores):
    return [(scores[:30], 12), (scores[30:], 6)]


def test_scores_start_with_the_size_of_the_weights_or_within_the_bounds_of_torchs_layers():
    net = network()
    sizes = [weight.detach().abs() for weight in prunable(net).values()]
    by_size = scores_for(net, init="magnitude").scores
    assert torch.equal(by_size, torch.cat([(s / s.max()).flatten() for s in sizes]))

    drawn = scores_for(nn.Sequential(nn.Linear(400, 100)), init="kaiming").scores
    assert drawn.abs().max() <= 1 / math.sqrt(400)
    assert drawn.std().item() == pytest.approx(1 / math.sqrt(3 * 400), rel=0.02)


def test_a_layer_of_zeros_has_scores_of_zero():
    net = network()
    nn.init.zeros_(net[0].weight)

    assert torch.equal(scores_for(net).scores[:30], torch.zeros(30))


def test_work_in_pieces_gives_what_one_pass_gives(monkeypatch):
    results = []
    for size in (10**6, 16):  # 45 weights: one piece, or 16 + 16 + 13
        monkeypatch.setattr(flat_mask, "PIECE", size)
        net = network()
        learned = scores_for(net, init="kaiming", optimizer="adam")
        for _ in range(3):
            learned.select()
            learned.step(net(torch.ones(4, 6)).square().mean())
        results.append(learned.scores.clone())
    assert torch.equal(*results)


def test_weight_decay_pulls_scores_to_zero_whatever_the_loss():
    net = network()
    learned = scores_for(net, weight_decay=0.5, momentum=0.0)
    before = learned.scores.clone()
    learned.step(net(torch.ones(2, 6)).sum() * 0)

    assert torch.allclose(learned.scores, before * (1 - 0.1 * 0.5))

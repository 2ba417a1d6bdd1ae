import math

import pytest
import torch
from torch import nn

from tests.trainables.made_data import made_context, made_data
from trainables.pruners.random import Random


def masks_of(sparsity, seed=1):
    net = nn.Sequential(nn.Linear(5, 6), nn.Linear(6, 1))
    context = made_context(net, made_data(), seed=seed)
    run = Random(sparsity=sparsity).start(context)
    run.epoch(context.generator("epoch", 0))
    return run.result().masks


@pytest.mark.parametrize("sparsity", [0.0, 0.5, 0.9, 0.99])
def test_every_layer_keeps_its_share_exactly(sparsity):
    masks = masks_of(sparsity)

    assert int(masks["0.weight"].sum()) == math.ceil((1 - sparsity) * 30 - 1e-9)
    assert int(masks["1.weight"].sum()) == math.ceil((1 - sparsity) * 6 - 1e-9)


def test_every_weight_has_the_same_chance():
    draws = 400
    kept = torch.zeros(6, 5)
    for seed in range(draws):
        kept += masks_of(0.5, seed)["0.weight"]

    spread = math.sqrt(draws * 0.5 * 0.5)  # standard deviation of a weight's count
    assert ((kept - draws / 2).abs() < 5 * spread).all()
    assert kept.std() > spread / 2  # and they differ as draws do


def test_fresh_weights_are_drawn_anew_and_scaled_for_what_stays():
    net = nn.Sequential(nn.Linear(200, 100), nn.Linear(100, 1))
    context = made_context(net, made_data())
    run = Random(sparsity=0.8, weights="fresh").start(context)
    run.epoch(context.generator("epoch", 0))
    left = run.result()
    kept = left.net[0].weight[left.masks["0.weight"]]

    assert kept.numel() == 4000
    assert kept.std().item() == pytest.approx(math.sqrt(2 / (200 * 0.2)), rel=0.05)
    assert torch.isin(kept, net[0].weight).float().mean() < 0.01  # by chance
    assert torch.equal(left.net[0].bias, torch.zeros(100))

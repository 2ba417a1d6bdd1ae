"""A mask that learns, over whatever network a stage hands it."""

import copy

import torch
from torch import nn

from tests.trainables.made_data import made_context, made_data
from trainables.learning.flat_mask import LogitSettings
from trainables.learning.learned_mask import LearnedMask


def network(seed):
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(5, 4), nn.ReLU(), nn.Linear(4, 1))


def test_the_mask_lies_over_the_network_that_was_handed_in_and_leaves_it_alone():
    dense, start = network(0), network(1)
    before = copy.deepcopy(start.state_dict())
    learned = LearnedMask(made_context(dense, made_data()), start, LogitSettings(1.0, 0.1))
    learned.set_mask(torch.arange(24) < 20)  # the last layer's four weights are removed

    left = learned.result()
    assert left.masks.kept == 20
    assert torch.equal(left.net[0].weight, before["0.weight"])
    assert torch.equal(left.net[2].weight, torch.zeros(1, 4))
    assert all(torch.equal(before[name], tensor) for name, tensor in start.state_dict().items())


def test_an_equal_mask_is_the_same_value_and_another_one_is_not():
    learned = LearnedMask(
        made_context(network(0), made_data()), network(0), LogitSettings(1.0, 0.1)
    )
    first = learned.result().masks
    learned.set_mask(torch.ones(24, dtype=torch.bool))
    assert learned.result().masks is first

    learned.set_mask(torch.arange(24) < 20)
    assert learned.result().masks is not first
    assert learned.result().masks.kept == 20

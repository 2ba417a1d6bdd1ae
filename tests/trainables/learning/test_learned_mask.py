"""A mask that learns, over whatever network a stage hands it."""

import copy

import pytest
import torch
from torch import nn

from tests.trainables.made_data import made_context, made_data
from trainables.learning.learned_mask import LearnedMask


def network(seed):
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(5, 4), nn.ReLU(), nn.Linear(4, 1))


def test_the_mask_lies_over_the_network_that_was_handed_in_and_leaves_it_alone():
    dense, start = network(0), network(1)
    before = copy.deepcopy(start.state_dict())
    learned = LearnedMask(made_context(dense, made_data()), start, "debias")
    learned.set_mask(torch.arange(24) < 20)  # the last layer's four weights are removed

    left = learned.result()
    assert left.masks.kept == 20
    assert torch.equal(left.net[0].weight, before["0.weight"])
    assert torch.equal(left.net[2].weight, torch.zeros(1, 4))
    assert all(torch.equal(before[name], tensor) for name, tensor in start.state_dict().items())


def test_an_equal_mask_is_the_same_value_and_another_one_is_not():
    learned = LearnedMask(made_context(network(0), made_data()), network(0), "debias")
    first = learned.result().masks
    learned.set_mask(torch.ones(24, dtype=torch.bool))
    assert learned.result().masks is first

    learned.set_mask(torch.arange(24) < 20)
    assert learned.result().masks is not first
    assert learned.result().masks.kept == 20


@pytest.mark.parametrize("part", ["debias", "early_stop"])  # both are a single batch
def test_a_shown_mask_is_judged_by_statistics_of_the_split_that_is_learned_from(part):
    context = made_context(network(0), made_data())
    net = nn.Sequential(nn.Linear(5, 4), nn.BatchNorm1d(4), nn.Linear(4, 1))
    learned = LearnedMask(context, net, part)
    mask = torch.arange(24) >= 5  # the first unit has lost all of its inputs
    learned.show(mask, torch.Generator().manual_seed(0))

    with torch.no_grad():
        values = learned.net[0](context.data.part(part).inputs)
    assert torch.allclose(learned.net[1].running_mean, values.mean(0), atol=1e-5)
    assert torch.allclose(learned.net[1].running_mean[0], net[0].bias[0])
    assert learned.net[1].running_var[0] == pytest.approx(0, abs=1e-12)
    assert torch.equal(net[1].running_mean, torch.zeros(4))

"""Copies with new weights: their size, what is left of the old ones (nothing), what is refused."""

import copy
import math

import pytest
import torch
from torch import nn

from tests.trainables.made_stages import small_net
from trainables.learning.fresh_weights import fresh_copy
from trainables.masks import prunable


def drawn(net, weights="kaiming", density=0.2, seed=0):
    return fresh_copy("who", net, weights, density, torch.Generator().manual_seed(seed))


def big():
    torch.manual_seed(1)
    return nn.Sequential(
        *(nn.Conv2d(8, 60, 5), nn.BatchNorm2d(60), nn.ReLU()),
        *(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(60, 100), nn.LayerNorm(100)),
    )


@pytest.mark.parametrize("weights", ["kaiming", "constant"])
@pytest.mark.parametrize("density", [1.0, 0.2])
def test_weights_are_of_the_size_that_keeps_signals_under_the_mask(weights, density):
    fresh = prunable(drawn(big(), weights, density)).values()
    for weight, inputs in zip(fresh, (200, 60), strict=True):
        std = math.sqrt(2 / (inputs * density))
        assert weight.std().item() == pytest.approx(std, rel=0.05)
        assert weight.mean().item() == pytest.approx(0, abs=0.05 * std)
        if weights == "constant":
            assert torch.allclose(weight.abs(), torch.tensor(std))


def test_nothing_of_the_old_network_is_left_and_it_stays_as_it_was():
    torch.manual_seed(2)
    net = big()
    with torch.no_grad():
        for tensor in (*net.parameters(), *net.buffers()):
            tensor.copy_(tensor + 3)
    before = copy.deepcopy(net.state_dict())
    fresh = drawn(net).state_dict()

    assert all(torch.equal(before[name], tensor) for name, tensor in net.state_dict().items())
    assert fresh.keys() == before.keys()
    for name in ("1.weight", "6.weight", "1.running_var"):
        assert torch.equal(fresh[name], torch.ones_like(fresh[name]))
    for name in ("0.bias", "1.bias", "5.bias", "6.bias", "1.running_mean"):
        assert torch.equal(fresh[name], torch.zeros_like(fresh[name]))
    assert fresh["1.num_batches_tracked"] == 0


def test_the_generator_alone_decides():
    one, two = drawn(small_net(seed=0)), drawn(small_net(seed=5))
    other = drawn(small_net(seed=0), seed=1)

    same = [torch.equal(a, b) for a, b in zip(one.parameters(), two.parameters(), strict=True)]
    assert all(same)
    assert not torch.equal(one[0].weight, other[0].weight)


def test_projections_of_attention_are_drawn_and_embeddings_are_started_anew():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.words, self.attention = nn.Embedding(5, 8), nn.MultiheadAttention(8, 2)

    net = Net()
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.fill_(7.0)
    fresh = drawn(net)

    assert not any((parameter == 7.0).any() for parameter in fresh.parameters())
    assert torch.equal(fresh.attention.in_proj_bias, torch.zeros(24))


def test_a_parameter_that_no_layer_starts_is_refused_by_name():
    net = nn.Sequential(nn.Linear(3, 3))
    net.register_parameter("token", nn.Parameter(torch.ones(2)))

    with pytest.raises(ValueError, match=r"who: every parameter must .* token of Sequential"):
        drawn(net)

import pytest
import torch
from torch import nn

from trainables.models import MODELS
from trainables.models.build import build
from trainables.models.last_layer import FeatureTap, last_linear


class Backwards(nn.Module):
    """Defines its last layer first."""

    def __init__(self):
        super().__init__()
        self.out = nn.Linear(4, 1)
        self.body = nn.Linear(3, 4)

    def forward(self, x):
        return self.out(torch.relu(self.body(x)))


def test_the_last_layer_is_the_one_that_runs_last():
    net = Backwards()

    assert last_linear(net, torch.zeros(2, 3)) is net.out


def test_features_are_what_the_last_layer_is_given_and_carry_gradients():
    net = Backwards()
    inputs = torch.randn(6, 3, generator=torch.Generator().manual_seed(0))
    with FeatureTap(net, inputs) as tap:
        net(inputs)
        features = tap.features()

    assert tap.width == 4
    assert torch.equal(features, torch.relu(net.body(inputs)))
    features.sum().backward()
    assert net.body.weight.grad is not None


def test_features_are_read_once_after_a_forward_pass_and_the_hook_goes():
    net = Backwards()
    with FeatureTap(net, torch.zeros(2, 3)) as tap:
        with pytest.raises(RuntimeError, match="must run before its features are read"):
            tap.features()
        net(torch.zeros(2, 3))
        tap.features()
        with pytest.raises(RuntimeError, match="must run before its features are read"):
            tap.features()
    assert not net.out._forward_pre_hooks


def test_features_of_several_tokens_are_averaged():
    net = nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 1), nn.Flatten(), nn.AdaptiveAvgPool1d(1))
    tokens = torch.randn(2, 5, 3, generator=torch.Generator().manual_seed(0))
    with FeatureTap(net, tokens) as tap:
        net(tokens)
        torch.testing.assert_close(tap.features(), net[0](tokens).mean(1))


def test_a_network_without_a_linear_layer_is_refused():
    net = nn.Sequential(nn.Conv2d(1, 2, 3), nn.Flatten())

    with pytest.raises(ValueError, match="must end in a Linear layer, Sequential has none"):
        FeatureTap(net, torch.zeros(2, 1, 3, 3))


WIDTHS = {
    **{"mlp": 32, "mlp_wide": 256, "convnet": 128, "resnet18": 512},
    **{"resnet34": 512, "mobilenet_v2": 1280, "shufflenet_v2": 1024},
}


@pytest.mark.parametrize("name", MODELS)
def test_every_model_gives_features(name):
    width, shape = WIDTHS[name], (7,) if name.startswith("mlp") else (3, 32, 32)
    net = build(name, shape, 1, seed=0)
    with FeatureTap(net, torch.zeros(2, *shape)) as tap:
        net(torch.zeros(3, *shape))
        assert tap.features().shape == (3, width)

"""Embeddings are what the last Linear layer is given, of our networks and of torchvision's."""

import pytest
import torch
from torch import nn
from torchvision.models import shufflenet_v2_x0_5

from trainables.models import MODELS
from trainables.models.build import build
from trainables.models.embeddings import embeddings


def images(n, side=32):
    draw = torch.Generator().manual_seed(0)
    return torch.randint(0, 256, (n, 3, side, side), generator=draw, dtype=torch.uint8)


def as_floats(rows):
    return rows.float() / 255


@pytest.mark.parametrize("name", [name for name in MODELS if not name.startswith("mlp")])
def test_the_last_layer_turns_the_embeddings_into_the_networks_logits(name):
    net = build(name, (3, 32, 32), 7, seed=0)
    rows = as_floats(images(5))
    last = [layer for layer in net.modules() if isinstance(layer, nn.Linear)][-1]

    features = embeddings(net, rows, batch_size=2)

    assert features.shape == (5, last.in_features)
    with torch.no_grad():
        torch.testing.assert_close(last(features), net.eval()(rows))


def test_a_torchvision_network_of_the_users_has_embeddings_too():
    net = shufflenet_v2_x0_5(num_classes=1000)

    assert embeddings(net, as_floats(images(3))).shape == (3, 1024)


def test_images_are_normalised_a_batch_at_a_time():
    net = build("convnet", (3, 32, 32), 7, seed=0)
    sizes = []

    def noted(rows):
        sizes.append(len(rows))
        return as_floats(rows)

    features = embeddings(net, images(7), normalise=noted, batch_size=3)

    torch.testing.assert_close(features, embeddings(net, as_floats(images(7))))
    assert sizes == [2, 3, 3, 1]  # two rows to find the last layer


def test_the_network_is_left_as_it_was():
    net = build("convnet", (3, 32, 32), 7, seed=0).train()
    before = {key: value.clone() for key, value in net.state_dict().items()}
    features = embeddings(net, as_floats(images(4)))

    assert net.training
    assert not features.requires_grad
    assert all(torch.equal(value, before[key]) for key, value in net.state_dict().items())
    assert not any(module._forward_pre_hooks for module in net.modules())


def test_what_has_no_embeddings_is_refused():
    with pytest.raises(ValueError, match="must end in a Linear layer, Sequential has none"):
        embeddings(nn.Sequential(nn.Conv2d(3, 1, 3)), as_floats(images(2)))
    with pytest.raises(ValueError, match=r"inputs must have rows, got shape \(0, 3, 32, 32\)"):
        embeddings(build("convnet", (3, 32, 32), 7, seed=0), images(0))

import pytest
import torch

from trainables.masks import Masks
from trainables.models import MODELS
from trainables.models.build import build

SHAPES = {
    "mlp": (7,),
    "mlp_wide": (7,),
    "convnet": (3, 8, 8),
    "resnet18": (3, 32, 32),
    "resnet34": (3, 32, 32),
    "mobilenet_v2": (3, 32, 32),
    "shufflenet_v2": (3, 32, 32),
}


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("outputs", [1, 10])
def test_a_model_turns_a_batch_into_logits(name, outputs):
    net = build(name, SHAPES[name], outputs, seed=0)

    assert net(torch.zeros(2, *SHAPES[name])).shape == (2, outputs)
    assert MODELS[name].__doc__


@pytest.mark.parametrize("name", MODELS)
def test_the_same_seed_gives_the_same_weights_and_leaves_the_global_stream_alone(name):
    stream = torch.get_rng_state()
    one, two, other = (build(name, SHAPES[name], 1, seed=seed) for seed in (1, 1, 2))
    states = [net.state_dict() for net in (one, two, other)]

    assert all(torch.equal(states[0][k], states[1][k]) for k in states[0])
    assert not all(torch.equal(states[0][k], states[2][k]) for k in states[0])
    assert torch.equal(torch.get_rng_state(), stream)


@pytest.mark.parametrize(("inputs", "weights"), [(98, 13_408), (401, 23_104)])
def test_the_tabular_mlp_has_the_published_number_of_weights(inputs, weights):
    masks = Masks.keep_all(build("mlp", (inputs,), 1, seed=0))

    assert masks.total == weights
    assert len(masks) == 12


def test_the_tabular_mlp_normalises_after_activation_and_dropout():
    kinds = [type(layer).__name__ for layer in build("mlp", (5,), 1, seed=0)]

    assert kinds == ["Flatten", *["Linear", "ReLU", "Dropout", "BatchNorm1d"] * 11, "Linear"]


def test_the_wide_mlp_has_three_layers_of_256():
    masks = Masks.keep_all(build("mlp_wide", (98,), 1, seed=0))

    assert masks.total == 98 * 256 + 2 * 256 * 256 + 256


@pytest.mark.parametrize("side", [8, 16, 32])
def test_the_convnet_takes_digits_and_photographs(side):
    net = build("convnet", (3, side, side), 10, seed=0)

    assert net(torch.zeros(2, 3, side, side)).shape == (2, 10)


@pytest.mark.parametrize(
    ("stem", "weights"),
    # torchvision's 11,166,912 of the convolutions, 512 x 10 of the classifier; the stem of
    # 64 x 3 x 7 x 7 becomes 64 x 3 x 3 x 3
    [("imagenet", 11_166_912 + 5_120), ("cifar", 11_166_912 + 5_120 - 64 * 3 * 40)],
)
def test_the_resnet_has_the_weights_of_its_stem(stem, weights):
    net = build("resnet18", (3, 32, 32), 10, seed=0, stem=stem)

    assert Masks.keep_all(net).total == weights
    assert net(torch.zeros(2, 3, 32, 32)).shape == (2, 10)


def test_the_larger_resnet_has_the_weights_of_its_stem():
    counts = {
        stem: Masks.keep_all(build("resnet34", (3, 32, 32), 7, seed=0, stem=stem))
        for stem in ("imagenet", "cifar")
    }

    assert counts["imagenet"].total == 21_267_648 + 512 * 7
    assert counts["cifar"].total == counts["imagenet"].total - 64 * 3 * 40
    assert len(counts["imagenet"]) == 37


@pytest.mark.parametrize(
    ("name", "of_convolutions", "of_depthwise", "layers", "features"),
    [
        ("mobilenet_v2", 2_189_760, 64_224, 53, 1_280),
        ("shufflenet_v2", 1_237_424, 22_140, 57, 1_024),
    ],
)
def test_networks_for_telephones_have_the_weights_of_torchvisions(
    name, of_convolutions, of_depthwise, layers, features
):
    net = build(name, (3, 32, 32), 7, seed=0)
    masks = Masks.keep_all(net)
    convolutions = [layer for layer in net.modules() if isinstance(layer, torch.nn.Conv2d)]
    depthwise = [layer for layer in convolutions if layer.groups > 1]

    assert masks.total == of_convolutions + features * 7
    assert len(masks) == layers
    assert sum(layer.weight.numel() for layer in depthwise) == of_depthwise


@pytest.mark.parametrize("outputs", [1, 7, 14])
def test_the_small_convnet_for_faces_has_the_weights_of_its_channels(outputs):
    net = build("convnet", (3, 32, 32), outputs, seed=0, channels=[16, 32, 64])

    assert Masks.keep_all(net).total == 9 * (3 * 16 + 16 * 32 + 32 * 64) + 64 * outputs


@pytest.mark.parametrize(
    ("name", "args"),
    [
        ("resnet18", {"stem": "cifar"}),
        ("resnet18", {"stem": "imagenet"}),
        ("resnet34", {"stem": "imagenet"}),
        ("mobilenet_v2", {}),
        ("shufflenet_v2", {}),
    ],
)
def test_networks_for_photographs_take_grey_images(name, args):
    net = build(name, (1, 32, 32), 2, seed=0, **args)

    assert net(torch.zeros(2, 1, 32, 32)).shape == (2, 2)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (("mpl", (5,), {}), "no model is called 'mpl'; did you mean 'mlp'"),
        (("mlp", (5,), {"widht": 3}), "no argument is called 'widht'; did you mean 'width'"),
        (
            ("convnet", (5,), {}),
            r"\(channels, height, width\) of at least 4x4, got shape \(5,\)",
        ),
        (("resnet18", (3, 28, 28), {"stem": "imagenet"}), "at least 32x32"),
        (("resnet18", (3, 32, 32), {"stem": "mnist"}), "stem must be 'cifar' or 'imagenet'"),
        (("resnet34", (3, 28, 28), {"stem": "imagenet"}), "resnet34: .* at least 32x32"),
        (("mobilenet_v2", (3, 28, 28), {}), "at least 32x32"),
        (("shufflenet_v2", (3, 28, 28), {}), "shufflenet_v2: .* at least 32x32"),
        (("shufflenet_v2", (7,), {}), "shufflenet_v2: .* images"),
        (("mobilenet_v2", (3, 32, 32), {"dropout": 1.0}), r"dropout must lie in \[0, 1\)"),
    ],
)
def test_what_cannot_be_built_is_said(call, message):
    name, shape, args = call
    with pytest.raises(ValueError, match=message):
        build(name, shape, 1, seed=0, **args)

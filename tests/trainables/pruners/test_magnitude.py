import pytest
import torch
from torch import nn

from tests.trainables.made_data import made_context, made_data
from trainables.masks import MaskedNet, Masks
from trainables.pruners.magnitude import Magnitude
from trainables.pruners.rounds import kept_of


def two_layers(first, second):
    net = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
    with torch.no_grad():
        net[0].weight.copy_(torch.tensor(first))
        net[1].weight.copy_(torch.tensor(second))
    return net


def kept(masks):
    return {name: mask.int().tolist() for name, mask in masks.items()}


def test_per_layer_the_smallest_weights_of_each_layer_go():
    net = two_layers([[1.0, -4.0], [2.0, 3.0]], [[-50.0, 10.0], [20.0, -30.0]])
    masks = Magnitude(sparsity=0.5, scope="layer").masks(net)

    assert kept(masks) == {"0.weight": [[0, 1], [0, 1]], "1.weight": [[1, 0], [0, 1]]}


def test_globally_the_smallest_weights_of_all_layers_go():
    net = two_layers([[1.0, -4.0], [2.0, 3.0]], [[-50.0, 10.0], [20.0, -30.0]])
    masks = Magnitude(sparsity=0.5, scope="global").masks(net)

    assert kept(masks) == {"0.weight": [[0, 0], [0, 0]], "1.weight": [[1, 1], [1, 1]]}


@pytest.mark.parametrize("scope", ["layer", "global"])
def test_ties_are_broken_by_index_and_the_number_is_exact(scope):
    net = two_layers([[1.0, -1.0], [1.0, 1.0]], [[1.0, 1.0], [-1.0, 1.0]])
    masks = Magnitude(sparsity=0.5, scope=scope).masks(net)

    assert masks.kept == 4
    assert kept(masks)["0.weight"] == ([[1, 1], [0, 0]] if scope == "layer" else [[1, 1], [1, 1]])


@pytest.mark.parametrize("scope", ["layer", "global"])
@pytest.mark.parametrize("sparsity", [0.0, 0.3, 0.5, 0.9, 0.99])
def test_the_share_asked_for_is_removed(scope, sparsity):
    net = nn.Sequential(nn.Linear(20, 50), nn.Linear(50, 10))
    masks = Magnitude(sparsity=sparsity, scope=scope).masks(net)

    assert masks.kept == round(1500 * (1 - sparsity))
    if scope == "layer":
        assert int(masks["1.weight"].sum()) == round(500 * (1 - sparsity))


def test_a_layer_keeps_as_many_weights_as_under_the_pruners_in_rounds():
    """Rows of a table are compared at equal counts: what stays is rounded up everywhere."""
    net = nn.Sequential(nn.Linear(13, 7), nn.Linear(7, 3))
    for sparsity in (0.1, 0.35, 0.5, 0.77, 0.9, 0.99):
        masks = Magnitude(sparsity=sparsity, scope="layer").masks(net)
        kept = {name: int(mask.sum()) for name, mask in masks.items()}

        assert kept == kept_of(Masks.keep_all(net), 1 - sparsity)


@pytest.mark.parametrize("bad", [-0.1, 1.0, float("nan")])
def test_a_sparsity_outside_of_its_range_is_refused(bad):
    with pytest.raises(ValueError, match="sparsity"):
        Magnitude(sparsity=bad)


def test_what_an_earlier_stage_left_is_pruned_rather_than_the_dense_network():
    dense = two_layers([[1.0, -4.0], [2.0, 3.0]], [[-50.0, 10.0], [20.0, -30.0]])
    newer = two_layers([[9.0, -8.0], [2.0, 3.0]], [[-50.0, 10.0], [20.0, -30.0]])
    incoming = MaskedNet(newer, Magnitude(sparsity=0.0).masks(newer))
    context = made_context(dense, made_data(), incoming=[incoming])
    run = Magnitude(sparsity=0.5).start(context)
    run.epoch(context.generator("epoch", 0))

    assert run.result().net[0].weight.tolist() == [[9.0, -8.0], [0.0, 0.0]]

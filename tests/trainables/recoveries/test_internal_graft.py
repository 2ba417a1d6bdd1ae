"""Kept filters fill the holes of weaker ones: by hand, and against a slow loop."""

import copy

import pytest
import torch
from torch import nn

from tests.trainables.made_data import made_context, made_data
from trainables.masks import MaskedNet, Masks, prunable
from trainables.recoveries.internal_graft import InternalGraft, grafted


def slowly(weight, kept):
    """Position by position, filter by filter, as it is written in words."""
    filters = weight.shape[0]
    flat, keeps = weight.reshape(filters, -1).tolist(), kept.reshape(filters, -1).tolist()
    norms = [
        sum(abs(w) for w, k in zip(row, kept_of, strict=True) if k)
        for row, kept_of in zip(flat, keeps, strict=True)
    ]
    strongest = sorted(range(filters), key=lambda i: (-norms[i], i))
    weakest = strongest[::-1]
    filled = copy.deepcopy(flat)
    for j, target in enumerate(weakest):
        for position, keep in enumerate(keeps[target]):
            if keep:
                continue
            donors = [strongest[(j + further) % filters] for further in range(filters)]
            values = [flat[donor][position] for donor in donors if keeps[donor][position]]
            filled[target][position] = values[0] if values else 0.0
    return torch.tensor(filled).view(weight.shape)


def test_holes_of_the_weakest_filter_take_the_values_of_the_strongest():
    """l1 norms of what is kept: 7, 1, 3. Strongest first: filters 0, 2, 1."""
    weight = torch.tensor(
        [[4.0, -3.0, 99.0, 99.0], [99.0, 99.0, 1.0, 99.0], [2.0, 99.0, 1.0, 99.0]]
    )
    kept = weight != 99.0
    # filter 1, the weakest, looks at 0, 2, 1; filter 2, in the middle, at 2, 1, 0;
    # filter 0, the strongest, at 1, 0, 2. The last position is kept by none.
    expected = torch.tensor([[4.0, -3.0, 1.0, 0.0], [4.0, -3.0, 1.0, 0.0], [2.0, -3.0, 1.0, 0.0]])

    assert torch.equal(grafted(weight, kept), expected)


def test_where_the_strongest_has_a_hole_too_the_next_strongest_gives():
    weight = torch.tensor([[5.0, 99.0], [3.0, 2.0], [99.0, -4.0], [1.0, 99.0]])
    kept = weight != 99.0  # norms 5, 5, 4, 1: of equal ones the first is the stronger
    # filter 3 (weakest) begins at 0, which has a hole: 1; 2 begins at 1; 0 begins at 3, wraps to 1
    # past the hole of 0 itself
    expected = torch.tensor([[5.0, 2.0], [3.0, 2.0], [3.0, -4.0], [1.0, 2.0]])

    assert torch.equal(grafted(weight, kept), expected)


@pytest.mark.parametrize("shape", [(1, 4), (2, 3), (7, 5), (8, 3, 3, 3), (6, 1, 2)])
@pytest.mark.parametrize("density", [0.0, 0.1, 0.5, 0.9, 1.0])
def test_grafting_is_what_a_slow_loop_does(shape, density):
    draw = torch.Generator().manual_seed(hash((shape, density)) % 1000)
    weight = torch.randn(shape, generator=draw)
    weight[-1] = weight[0]  # filters of equal norm, where both keep the same
    kept = torch.rand(shape, generator=draw) < density
    kept[-1] = kept[0]

    assert torch.equal(grafted(weight, kept), slowly(weight, kept))


def started(**settings):
    torch.manual_seed(0)
    dense = nn.Sequential(nn.Linear(5, 8), nn.ReLU(), nn.BatchNorm1d(8), nn.Linear(8, 1)).eval()
    net = copy.deepcopy(dense)
    masks = Masks({k: torch.rand(w.shape) < 0.4 for k, w in prunable(net).items()})
    masks.apply_(net)
    context = made_context(dense, made_data(), incoming=[MaskedNet(net, masks)])
    settings = {"epochs": 3, "batch_size": 20} | settings
    return InternalGraft(**settings).start(context), context, MaskedNet(net, masks)


def test_training_starts_from_the_graft_and_nothing_else_of_the_network_changes():
    run, _, incoming = started()
    result = run.result()
    for name, weight in prunable(result.net).items():
        before = prunable(incoming.net)[name]
        assert torch.equal(weight, slowly(before, incoming.masks[name]))
    assert torch.equal(result.net[0].bias, incoming.net[0].bias)
    assert not torch.equal(result.net[0].weight, incoming.net[0].weight)
    assert result.masks.sparsity == 0


def test_every_weight_is_trained_also_those_that_no_filter_gave_to():
    run, context, incoming = started(bias_from="soft")
    before = run.result().net[3].weight.detach().clone()
    assert (before[~incoming.masks["3.weight"]] == 0).all()  # one filter: nobody to give
    assert not incoming.masks["3.weight"].all()
    run.epoch(context.generator("epoch", 0))

    assert (run.result().net[3].weight != before).all()
    assert run.result().masks.sparsity == 0


def test_normalisation_is_that_of_the_grafted_network_from_the_start():
    run, _, _ = started()
    net, data = run.result().net, made_data()
    inputs = torch.relu(net[0](data.normalise(data.part("debias").inputs)))

    assert torch.allclose(net[2].running_mean, inputs.mean(0), atol=0.05)


def test_it_needs_the_result_of_an_earlier_stage():
    with pytest.raises(ValueError, match="internal_graft: needs the result of an earlier stage"):
        InternalGraft().start(made_context(nn.Sequential(nn.Linear(5, 1)), made_data()))

"""FairGRAPE in rounds: what it selects by, what its controls do, what it says of itself."""

import copy
import math

import numpy as np
import pytest
import torch
from torch import nn

from tests.trainables.learning.test_group_importance import grouped
from tests.trainables.made_data import made_context, made_data
from tests.trainables.made_stages import advance, same, small_net
from trainables.learning.group_importance import group_importance
from trainables.masks import Masks, keep_largest, prunable
from trainables.pruners import fairgrape
from trainables.pruners.fairgrape import FairGrape
from trainables.pruners.selection import select


def started(net, data, seed=1, **settings):
    defaults = {"kappa": 0.5, "sparsity": 0.5, "round_epochs": 1, "final_epochs": 0, "share": 1.0}
    defaults |= {"lr": 1e-12, "batch_size": 20}
    context = made_context(net, data, seed=seed)
    return FairGrape(**defaults | settings).start(context), context


def masks_after(net, data, epochs=1, **settings):
    run, context = started(net, data, **settings)
    advance(run, context, epochs)
    return run.result().masks


def importance_of_first_epoch(net, data, *, by_group, score="squares"):
    """What the first epoch's pass must have found: it draws from the same generator."""
    context = made_context(net, data)
    return group_importance(
        net,
        Masks.keep_all(net),
        data,
        share=1.0,
        generator=context.generator("epoch", 0),
        batch_size=20,
        score=score,
        by_group=by_group,
    )


@pytest.mark.parametrize("score", ["squares", "mean"])
@pytest.mark.parametrize("rule", ["paper", "reference"])
def test_a_round_keeps_what_the_selection_by_importance_to_groups_chooses(score, rule):
    net, data = small_net(), made_data(groups=3)
    masks = masks_after(net, data, score=score, rule=rule)
    importance = importance_of_first_epoch(net, data, by_group=True, score=score)

    for name, layer in importance.layers.items():
        expected = select(layer, math.ceil(0.5 * layer.shape[1]), rule)
        assert masks[name].flatten().tolist() == expected.tolist()


def test_without_groups_the_most_important_weights_to_everybody_stay():
    net, data = small_net(), made_data(groups=3)
    masks = masks_after(net, data, criterion="taylor")
    importance = importance_of_first_epoch(net, data, by_group=False)

    for name, layer in importance.layers.items():
        expected = keep_largest(torch.from_numpy(layer[0]), math.ceil(0.5 * layer.shape[1]))
        assert torch.equal(masks[name].flatten(), expected)


def test_groups_that_need_other_weights_change_the_masks_and_one_group_does_not():
    """Group 1 is rare, and its label is told by input 2 instead of input 1."""
    data, net = two_needs(), needing_net()
    unused = [3, 4]
    by_group = masks_after(net, data, kappa=0.4, sparsity=0.6)["0.weight"][0]
    together = masks_after(net, data, kappa=0.4, sparsity=0.6, criterion="taylor")["0.weight"][0]

    assert by_group.tolist() == [False, True, True, False, False]
    assert together[1] and not together[unused].any()
    one = grouped([60])
    for seed in range(3):
        both = [
            masks_after(small_net(), one, seed=seed, criterion=criterion, epochs=2, sparsity=0.7)
            for criterion in ("groups", "taylor")
        ]
        assert both[0] == both[1]


def two_needs():
    """Rows of group 0 have only inputs 1 and 0, rows of the rare group 1 only input 2."""
    data = grouped([90, 9])
    inputs, labels = data.part("train").inputs, data.part("train").labels
    signs = 2.0 * labels - 1.0
    rare = data.pruning_groups["train"] == 1
    inputs.zero_()
    inputs[~rare, 0] = 1.9 * signs[~rare]
    inputs[~rare, 1] = 2.0 * signs[~rare]
    inputs[rare, 2] = 1.0 * signs[rare]
    return data


def needing_net():
    net = nn.Sequential(nn.Linear(5, 1))
    with torch.no_grad():
        net[0].weight.copy_(torch.tensor([[0.5, 0.5, 0.1, 0.5, 0.5]]))
        net[0].bias.zero_()
    return net


@pytest.mark.parametrize("criterion", ["groups", "taylor", "magnitude", "random"])
def test_forty_four_rounds_to_99_percent_offer_as_many_networks_of_exact_sizes(criterion):
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(5, 23), nn.ReLU(), nn.Linear(23, 9), nn.ReLU(), nn.Linear(9, 1))
    run, context = started(
        net, made_data(groups=3), kappa=0.9, sparsity=0.99, criterion=criterion, lr=1e-3, share=0.2
    )
    offered = []
    for epoch in range(run.epochs):
        advance(run, context, 1, epoch)
        if run.worth_keeping:
            offered.append((run.round, run.result().masks))

    assert [number for number, _ in offered] == list(range(1, 45))
    for number, masks in offered:
        density = max(0.9**number, 1 - 0.99)
        counts = {name: int(mask.sum()) for name, mask in masks.items()}
        assert counts == {
            name: math.ceil(density * mask.numel() - 1e-9) for name, mask in masks.items()
        }


def test_the_controls_keep_what_they_say():
    net, data = small_net(), made_data()
    by_size = masks_after(net, data, criterion="magnitude")
    for name, weight in prunable(net).items():
        kept = math.ceil(0.5 * weight.numel())
        assert torch.equal(by_size[name], keep_largest(weight.detach().abs(), kept))
    first, again = (masks_after(net, data, criterion="random") for _ in range(2))
    other = masks_after(net, data, criterion="random", seed=2)

    assert first == again != other
    masks = {c: masks_after(net, data, criterion=c) for c in ("groups", "taylor")}
    assert masks["groups"] != by_size != masks["taylor"]


def test_every_round_charges_the_rows_of_its_importance_pass():
    data = made_data(groups=3)
    settings = {"kappa": 0.5, "sparsity": 0.7, "round_epochs": 2, "final_epochs": 1, "share": 0.5}
    for criterion, taken in (("groups", 90), ("taylor", 80), ("magnitude", 0), ("random", 0)):
        run, context = started(small_net(), data, **settings, criterion=criterion)
        rows = []
        for epoch in range(run.epochs):
            advance(run, context, 1, epoch)
            rows.append(run.samples)
        # half of 150 rows: five batches of 3 x 6 rows, or four of 20
        assert rows == [150 + taken, 150, 150 + taken, 150, 150], criterion


def test_diagnostics_are_the_shares_before_the_round_by_layer_and_group():
    net, data = small_net(), made_data(groups=3)
    run, context = started(net, data)
    advance(run, context, 1)
    layers = importance_of_first_epoch(net, data, by_group=True).layers

    assert run.diagnostics["groups"] == ["a", "b", "c"]
    assert run.diagnostics["kept"] == {k: int(m.sum()) for k, m in run.result().masks.items()}
    for name, layer in layers.items():
        expected = layer.astype(float).sum(1) / layer.astype(float).sum()
        np.testing.assert_allclose(run.diagnostics["importance"][name], expected, rtol=1e-9)
    run, context = started(net, data, criterion="taylor")
    advance(run, context, 1)
    assert set(run.diagnostics) == {"kept"}


def test_the_original_target_is_that_of_the_first_round_also_after_a_resume(monkeypatch):
    targets = []
    of_selection = fairgrape.select_layers

    def spied(layers, keep, rule, target, threads):
        targets.append(target)
        return of_selection(layers, keep, rule, target, threads)

    monkeypatch.setattr(fairgrape, "select_layers", spied)
    net, data = small_net(), made_data(groups=3)
    settings = {"kappa": 0.5, "sparsity": 0.8, "lr": 0.05, "target": "original"}
    run, context = started(net, data, **settings)
    advance(run, context, 1)
    shares = run.diagnostics["importance"]
    state = copy.deepcopy(run.state_dict())
    advance(run, context, 2, 1)
    resumed, _ = started(net, data, **settings)
    resumed.load_state_dict(state)
    advance(resumed, context, 2, 1)

    assert len(targets) == 5
    for target in targets:
        assert {name: of_layer.tolist() for name, of_layer in target.items()} == shares
    assert same(run.result().net.state_dict(), resumed.result().net.state_dict())
    assert run.diagnostics["importance"] != shares, "the shares themselves have moved on"
    targets.clear()
    run, context = started(net, data, **settings | {"target": "current"})
    advance(run, context, 3)
    assert targets == [None] * 3


def test_a_layer_that_meant_nothing_at_first_has_equal_targets():
    net = small_net()
    with torch.no_grad():
        net[4].weight.zero_()
    data = made_data(groups=3)
    for rule in ("paper", "reference"):
        masks = masks_after(net, data, target="original", rule=rule)
        assert int(masks["0.weight"].sum()) == 20
        assert masks["4.weight"].flatten().tolist() == [True] * 4 + [False] * 4  # lowest index


@pytest.mark.parametrize(
    "bad",
    [
        {"kappa": 1.0},
        {"kappa": 0.0},
        {"sparsity": 1.0},
        {"round_epochs": 0},
        {"share": 0.0},
        {"share": 1.1},
        {"score": "sum"},
        {"criterion": "snip"},
        {"rule": "code"},
        {"final_epochs": -1},
        {"lr": 0.0},
    ],
)
def test_settings_out_of_range_are_refused(bad):
    with pytest.raises(ValueError, match=next(iter(bad))):
        FairGrape(**bad)


def test_it_leaves_candidates_and_learns_from_train():
    assert FairGrape().leaves_candidates
    assert FairGrape().learns_from == "train"

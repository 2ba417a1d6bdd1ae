"""The exchange of two networks: entropies, shares, and a slow copy of the whole of it."""

import copy
import math

import numpy as np
import pytest
import torch
from torch import nn

from tests.trainables.made_data import made_context, made_data
from trainables.masks import MaskedNet, Masks, prunable
from trainables.recoveries.external_graft import (
    ExternalGraft,
    entropy,
    exchange_layers,
    exchange_rootstocks,
    share,
    shares,
)

QUICK = {"epochs": 3, "batch_size": 20}


def network(seed):
    torch.manual_seed(seed)
    return nn.Sequential(
        nn.Linear(5, 8), nn.ReLU(), nn.BatchNorm1d(8), nn.Linear(8, 6), nn.Linear(6, 1)
    ).eval()


def random_masks(net, seed, density=0.5):
    draw = torch.Generator().manual_seed(seed)
    return Masks(
        {k: torch.rand(w.shape, generator=draw) < density for k, w in prunable(net).items()}
    )


def discovered(dense, seed):
    masks, net = random_masks(dense, seed), copy.deepcopy(dense)
    masks.apply_(net)
    return MaskedNet(net, masks)


def started(incoming=None, **settings):
    dense = network(0)
    incoming = incoming or [discovered(dense, 1), discovered(dense, 2)]
    context = made_context(dense, made_data(), incoming=incoming)
    return ExternalGraft(**(QUICK | settings)).start(context), context, incoming


def slow_entropy(values):
    values = values.detach().double().numpy()
    if values.size == 0 or values.min() == values.max():
        return 0.0
    counts, _ = np.histogram(values, bins=10)
    return -sum(n / values.size * math.log(n / values.size) for n in counts if n)


def slow_mixtures(one, two, kept, spread, slope):
    """Name -> (W1', W2') under scope "layer", with numpy, from copies; biases by hand-made map."""
    layer_of = {"0": "0", "2": "0", "3": "3", "4": "4"}  # the normalisation, 2, follows layer 0
    first = {k: v.detach().numpy().copy() for k, v in one.named_parameters()}
    second = {k: v.detach().numpy().copy() for k, v in two.named_parameters()}
    mixed = {}
    for name in first:
        weight = f"{layer_of[name.split('.')[0]]}.weight"
        h1, h2 = (
            slow_entropy(net.state_dict()[weight][masks[weight]])
            for net, masks in zip((one, two), kept, strict=True)
        )
        alpha1 = spread / math.pi * math.atan(slope * (h1 - h2)) + 0.5
        alpha2 = spread / math.pi * math.atan(slope * (h2 - h1)) + 0.5
        mixed[name] = (
            alpha1 * first[name] + (1 - alpha1) * second[name],
            alpha2 * second[name] + (1 - alpha2) * first[name],
        )
    return mixed


@pytest.mark.parametrize("size", [1, 2, 9, 500, 20_000])
def test_the_entropy_is_that_of_numpys_histogram(size):
    values = torch.randn(size, generator=torch.Generator().manual_seed(size))
    assert entropy(values) == pytest.approx(slow_entropy(values), abs=1e-12)


def test_entropies_by_hand():
    assert entropy(torch.tensor([0.0, 1.0])) == pytest.approx(math.log(2))
    assert entropy(torch.arange(10.0)) == pytest.approx(math.log(10))
    assert entropy(torch.full((7,), 0.3)) == 0  # a constant layer
    assert entropy(torch.empty(0)) == 0  # nothing kept
    with pytest.raises(FloatingPointError, match="external_graft: weights must stay finite"):
        entropy(torch.tensor([1.0, float("nan")]))


def test_shares_by_hand():
    assert share(1.0, 1.0, 0.4, 500.0) == 0.5
    assert share(2.0, 1.0, 0.4, 1.0) == pytest.approx(0.6)  # arctan 1 = pi / 4
    assert share(1.0, 2.0, 0.4, 1.0) == pytest.approx(0.4)
    assert share(9.0, 0.0, 0.0, 500.0) == 0.5


@pytest.mark.parametrize("spread", [0.2, 0.4, 1.0])
def test_shares_grow_with_the_entropy_within_their_bounds_and_add_up_to_one(spread):
    gaps = [-2.3, -1.0, -1e-3, 0.0, 1e-3, 1.0, 2.3]
    found = [share(gap, 0.0, spread, 500.0) for gap in gaps]

    assert found == sorted(found)
    assert all((1 - spread) / 2 < alpha < (1 + spread) / 2 for alpha in found)
    assert [share(0.0, gap, spread, 500.0) for gap in gaps] == pytest.approx(
        [1 - alpha for alpha in found]
    )


@pytest.mark.parametrize("slope", [1.0, 500.0])
def test_the_exchange_of_layers_is_what_a_slow_copy_of_it_computes(slope):
    one, two = network(1), network(2)
    kept = random_masks(one, 1), random_masks(two, 2, 0.8)
    expected = slow_mixtures(one, two, kept, 0.4, slope)
    exchange_layers(one, two, shares(one, two, kept, 0.4, slope))

    others = dict(two.named_parameters())
    for name, weight in one.named_parameters():
        for found, wanted in zip((weight, others[name]), expected[name], strict=True):
            assert np.allclose(found.detach().numpy(), wanted, atol=1e-6)


def test_the_exchange_of_rootstocks_moves_only_what_was_pruned():
    one, two = network(1), network(2)
    kept = random_masks(one, 1), random_masks(two, 2)
    before = copy.deepcopy(one), copy.deepcopy(two)
    expected = slow_mixtures(one, two, kept, 0.4, 500.0)
    exchange_rootstocks(one, two, shares(one, two, kept, 0.4, 500.0), kept)

    for i, (net, old) in enumerate(zip((one, two), before, strict=True)):
        for name, weight in net.named_parameters():
            own = old.get_parameter(name).detach().numpy()
            mask = kept[i][name].numpy() if name in kept[i] else np.ones_like(own, dtype=bool)
            wanted = np.where(mask, own, expected[name][i])
            assert np.allclose(weight.detach().numpy(), wanted, atol=1e-6)
    assert not torch.equal(one[0].weight, before[0][0].weight)


@pytest.mark.parametrize("scope", ["layer", "rootstock"])
def test_the_exchange_does_not_depend_on_which_network_is_the_first(scope):
    kept = random_masks(network(1), 1), random_masks(network(2), 2)

    def exchanged(a, b):
        nets, masks = (network(a + 1), network(b + 1)), (kept[a], kept[b])
        alphas = shares(*nets, masks, 0.4, 500.0)
        if scope == "layer":
            exchange_layers(*nets, alphas)
        else:
            exchange_rootstocks(*nets, alphas, masks)
        return {a: nets[0].state_dict(), b: nets[1].state_dict()}

    forward, backward = exchanged(0, 1), exchanged(1, 0)
    for i in (0, 1):
        assert all(torch.allclose(forward[i][k], backward[i][k], atol=1e-6) for k in forward[i])


def test_entropies_are_those_of_kept_weights_so_that_zeros_do_not_count():
    one, two = network(1), network(2)
    kept = random_masks(one, 1, 0.3), random_masks(two, 2, 0.7)
    before = shares(one, two, kept, 0.4, 5.0)
    for net, masks in zip((one, two), kept, strict=True):
        masks.apply_(net)

    assert shares(one, two, kept, 0.4, 5.0) == before


def test_from_the_second_exchange_on_every_weight_counts_since_no_zeros_are_left(monkeypatch):
    run, context, incoming = started(bias_from="soft", warmup_steps=0)
    counted, entropies = [], []
    monkeypatch.setattr(
        "trainables.recoveries.external_graft.entropy",
        lambda values: entropies.append(values.numel()) or slow_entropy(values),
    )
    for epoch in range(2):
        run.epoch(context.generator("epoch", epoch))
        counted.append(entropies.copy())
        entropies.clear()

    weights = prunable(context.dense)
    kept = [int(masked.masks[name].sum()) for name in weights for masked in incoming]
    assert counted[0] == kept
    assert counted[1] == [weight.numel() for weight in weights.values() for _ in range(2)]


def test_the_older_of_the_two_newest_results_is_the_one_that_is_returned():
    dense = network(0)
    incoming = [discovered(dense, seed) for seed in (1, 2, 3)]
    run, _, _ = started(incoming)

    assert torch.equal(run.result().net[0].weight, incoming[1].net[0].weight)
    assert run.result().masks.sparsity == 0


def test_nothing_is_exchanged_while_only_the_critics_learn():
    run, context, incoming = started(critic_warmup=1)
    losses = run.epoch(context.generator("epoch", 0))
    assert "alpha" not in losses
    assert torch.equal(run.result().net[0].weight, incoming[0].net[0].weight)
    assert 0.3 < run.epoch(context.generator("epoch", 1))["alpha"] < 0.7


@pytest.mark.parametrize("scope", ["layer", "rootstock"])
def test_after_an_epoch_removed_weights_hold_what_the_other_has_and_train_on(scope):
    run, context, incoming = started(bias_from="soft", scope=scope, lr=1e-6, warmup_steps=0)
    run.epoch(context.generator("epoch", 0))
    ours, theirs = (masked.masks["3.weight"] for masked in incoming)
    dense, now = network(0)[3].weight, run.result().net[3].weight
    nearly = 1e-4  # what a rate of 1e-6 moves in three steps is below

    grafted = (now / dense)[~ours & theirs]
    assert ((grafted > 0.3) & (grafted < 0.7)).all()
    assert torch.allclose(grafted, grafted[0].expand_as(grafted), atol=0.01)  # one alpha
    assert torch.allclose(now[ours & theirs], dense[ours & theirs], atol=nearly)
    assert now[~ours & ~theirs].abs().max() < nearly
    assert (now[~ours & ~theirs] != 0).any()
    shrunk = (now / dense)[ours & ~theirs]
    assert torch.allclose(shrunk, 1 - grafted[0] if scope == "layer" else torch.ones(1), atol=0.01)


def test_the_two_networks_see_their_rows_in_different_orders():
    run, context, _ = started(
        [discovered(network(0), 1)] * 2, bias_from="soft", exchange_range=0.0
    )
    seen = []
    for trainer in (run._first, run._second):
        losses = trainer.pass_over

        def noted(generator, losses=losses):
            seen.append(losses(generator))
            return seen[-1]

        trainer.pass_over = noted
    run.epoch(context.generator("epoch", 0))

    assert len(seen) == 2
    assert seen[0] != seen[1]


def test_it_needs_two_earlier_results():
    dense = network(0)
    for incoming in ([], [discovered(dense, 1)]):
        context = made_context(dense, made_data(), incoming=incoming)
        with pytest.raises(ValueError, match="external_graft: needs the results of two earlier"):
            ExternalGraft().start(context)


@pytest.mark.parametrize(
    ("setting", "value"), [("exchange_range", 1.1), ("exchange_slope", -1.0), ("scope", "net")]
)
def test_settings_out_of_range_are_refused(setting, value):
    with pytest.raises(ValueError, match=setting):
        ExternalGraft(**{setting: value})

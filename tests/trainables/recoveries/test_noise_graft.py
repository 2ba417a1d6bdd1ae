"""Noise on the corrupted weights: how loud, where, and how it fades."""

import copy
import math

import pytest
import torch
from torch import nn

from tests.trainables.made_data import made_context, made_data
from trainables.masks import MaskedNet, Masks, prunable
from trainables.recoveries.noise_graft import NoiseGraft, noise_sigmas


def network(width=8):
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Linear(5, width), nn.ReLU(), nn.BatchNorm1d(width), nn.Linear(width, 1)
    )


def pruned(net, every=2):
    copied = copy.deepcopy(net)
    masks = Masks(
        {
            k: torch.arange(w.numel()).view(w.shape) % every == 0
            for k, w in prunable(copied).items()
        }
    )
    masks.apply_(copied)
    return MaskedNet(copied, masks)


def start(dense, incoming=None, seed=1, **settings):
    incoming = pruned(dense) if incoming is None else incoming
    context = made_context(dense, made_data(), incoming=[incoming], seed=seed)
    return NoiseGraft(**({"epochs": 5, "batch_size": 20} | settings)).start(context), context


def test_sigma_is_the_ratio_times_the_mean_magnitude_of_the_corrupted_over_that_of_unit_noise():
    net = nn.Sequential(nn.Linear(2, 2, bias=False), nn.Linear(2, 1, bias=False))
    with torch.no_grad():
        net[0].weight.copy_(torch.tensor([[9.0, -1.0], [3.0, 9.0]]))
    masks = Masks({"0.weight": torch.eye(2).bool(), "1.weight": torch.ones(1, 2).bool()})

    sigmas = noise_sigmas(net, masks, 1.5)

    assert sigmas["0.weight"] == pytest.approx(1.5 * 2.0 * math.sqrt(math.pi / 2))
    assert sigmas["1.weight"] == 0


def test_noise_is_louder_than_the_corrupted_weights_by_the_ratio_and_kept_weights_stay():
    dense = network(4000)
    incoming = pruned(dense)
    run, _ = start(dense, incoming, noise_ratio=1.5)
    for name, weight in prunable(run.result().net).items():
        kept = incoming.masks[name]
        corrupted = prunable(dense)[name][~kept].abs().sum()
        assert (weight[~kept].abs().sum() / corrupted).item() == pytest.approx(1.5, rel=0.05)
        assert weight[~kept].mean().abs() < 0.1 * weight[~kept].abs().mean()
        assert torch.equal(weight[kept], prunable(dense)[name][kept])
    assert run.result().masks.sparsity == 0


def test_noise_depends_on_the_seed_and_nothing_is_left_out():
    dense = network()
    first, again, other = (start(dense, seed=seed)[0].result().net for seed in (1, 1, 2))

    assert torch.equal(first[0].weight, again[0].weight)
    assert not torch.equal(first[0].weight, other[0].weight)
    assert (first[0].weight != 0).all()


def added(run, context):
    """l1 norms per epoch of what is added to the first layer before the pass of the epoch."""
    norms, weight = [], run.result().net[0].weight

    def rest(generator):
        norms.append((weight - before).detach())
        return type(run.trainer).pass_over(run.trainer, generator)

    run.trainer.pass_over = rest
    for epoch in range(run.epochs):
        before = weight.detach().clone()
        run.epoch(context.generator("epoch", epoch))
    return norms


def test_one_shot_noise_is_never_added_again():
    run, context = start(network())
    assert all((noise == 0).all() for noise in added(run, context))


def test_fading_noise_is_added_to_the_rootstock_alone_by_powers_of_the_decay():
    dense = network(4000)
    incoming = pruned(dense)
    run, context = start(dense, incoming, decay=0.5, noise_ratio=2.0)
    noises = added(run, context)
    kept = incoming.masks["0.weight"]
    corrupted = dense[0].weight[~kept].abs().mean()

    assert all((noise[kept] == 0).all() for noise in noises)
    # only the critic learns in epoch 0, and the graft itself was the noise of epoch 1
    shares = [(noise[~kept].abs().mean() / corrupted).item() for noise in noises]
    assert shares == pytest.approx([0, 0, 2 * 0.5, 2 * 0.25, 2 * 0.125], rel=0.05)


def test_normalisation_is_that_of_the_grafted_network_from_the_start():
    dense = network()
    run, _ = start(dense, bias_from="critic")
    net, data = run.result().net, made_data()
    inputs = torch.relu(net[0](data.normalise(data.part("debias").inputs)))

    assert torch.allclose(net[2].running_mean, inputs.mean(0), atol=0.05)


def test_every_weight_is_trained_and_none_is_removed():
    dense = network()
    run, context = start(dense)
    before = copy.deepcopy(run.result().net.state_dict())
    run.epoch(context.generator("epoch", 0))
    assert torch.equal(run.result().net[0].weight, before["0.weight"])  # the critic's epoch
    run.epoch(context.generator("epoch", 1))
    result = run.result()

    assert (result.net[0].weight != before["0.weight"]).all()
    assert result.masks.sparsity == 0


def test_a_network_that_was_not_pruned_is_left_as_it_is():
    dense = network()
    run, _ = start(dense, MaskedNet(copy.deepcopy(dense), Masks.keep_all(dense)))

    assert torch.equal(run.result().net[0].weight, dense[0].weight)


def test_it_needs_the_result_of_an_earlier_stage():
    with pytest.raises(ValueError, match="noise_graft: needs the result of an earlier stage"):
        NoiseGraft().start(made_context(network(), made_data()))


@pytest.mark.parametrize(
    ("setting", "value"),
    [("noise_ratio", 0.9), ("decay", -0.1), ("decay", 1.0), ("schedule", "steps")],
)
def test_settings_out_of_range_are_refused(setting, value):
    with pytest.raises(ValueError, match=setting):
        NoiseGraft(**{setting: value})


def test_a_warm_up_of_the_critic_that_fills_the_stage_is_refused_by_name():
    with pytest.raises(ValueError, match="noise_graft: critic_warmup must be below epochs = 1"):
        NoiseGraft(epochs=1)

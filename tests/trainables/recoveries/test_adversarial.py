import copy
import math

import pytest
import torch
from torch import nn

from tests.trainables.made_data import made_context, made_data
from tests.trainables.made_stages import advance, half_removed, same, small_net
from trainables.data.batches import recalibrate_batch_norm, scores_of
from trainables.learning.fair_loss import SoftBias
from trainables.masks import MaskedNet, Masks, prunable
from trainables.recoveries.adversarial import Adversarial

QUICK = {"epochs": 4, "batch_size": 20, "lr": 0.01}


@pytest.mark.parametrize("bias_from", ["critic", "soft"])
def test_removed_weights_stay_exactly_zero_and_kept_ones_learn(bias_from):
    dense = small_net()
    pruned = half_removed(dense)
    context = made_context(dense, made_data(), incoming=[pruned])
    run = Adversarial(bias_from=bias_from, **QUICK).start(context)
    for epoch in range(4):
        advance(run, context, 1, epoch)
        result = run.result()
        for name, weight in prunable(result.net).items():
            assert (weight[~pruned.masks[name]] == 0).all()
        assert same(result.masks, pruned.masks)
    assert not torch.equal(result.net[0].weight, pruned.net[0].weight)


def test_without_a_pruner_the_dense_network_is_tuned_and_left_alone():
    dense = small_net()
    before = copy.deepcopy(dense.state_dict())
    context = made_context(dense, made_data())
    run = Adversarial(**QUICK).start(context)
    assert same(run.result().net.state_dict(), before)
    advance(run, context, 4)
    assert run.result().masks.sparsity == 0
    assert not torch.equal(run.result().net[0].weight, before["0.weight"])
    assert same(dense.state_dict(), before)


def test_the_newest_result_is_tuned_and_left_alone():
    dense, other = small_net(0), small_net(1)
    pruned = half_removed(dense)
    before = copy.deepcopy(pruned.net.state_dict())
    context = made_context(
        dense, made_data(), incoming=[MaskedNet(other, Masks.keep_all(other)), pruned]
    )
    run = Adversarial(**QUICK).start(context)
    assert same(run.result().net.state_dict(), before)
    advance(run, context, 4)
    assert same(pruned.net.state_dict(), before)


def test_only_the_critic_learns_during_its_warm_up():
    context = made_context(small_net(), made_data())
    run = Adversarial(critic_warmup=2, **QUICK).start(context)
    before = copy.deepcopy(run.result().net.state_dict())
    critic = copy.deepcopy(run.state_dict()["loss"]["critic"])
    advance(run, context, 2)
    assert same(run.result().net.state_dict(), before)
    assert not same(run.state_dict()["loss"]["critic"], critic)
    advance(run, context, 1, 2)
    assert not same(run.result().net.state_dict(), before)


@pytest.mark.parametrize(("bias_from", "actor_epochs"), [("soft", 4), ("critic", 3)])
def test_the_learning_rate_rises_over_the_warm_up_and_falls_along_a_cosine(
    monkeypatch, bias_from, actor_epochs
):
    context = made_context(small_net(), made_data())  # 60 rows: 3 batches per epoch
    run = Adversarial(bias_from=bias_from, warmup_steps=2, **QUICK).start(context)
    seen = []
    monkeypatch.setattr(run.trainer.optimizer, "set_lr", seen.append)
    advance(run, context, 4)
    steps = 3 * actor_epochs
    cosine = [(1 + math.cos(math.pi * k / (steps - 2))) / 2 for k in range(steps - 2)]
    assert seen == pytest.approx([0.01 * factor for factor in [0, 0.5, *cosine]])


def test_the_multiplier_lowers_the_bias_that_cross_entropy_alone_leaves():
    """The label's input carries a bonus for one group; equal error rates need another weight."""
    biases = {}
    for slope in (0.0, 50.0):
        data = made_data(seed=3)
        net = nn.Sequential(nn.Linear(5, 1))
        with torch.no_grad():
            net[0].weight.copy_(torch.tensor([[2.0, 1.5, 0, 0, 0]]))
            net[0].bias.fill_(-3.0)
        context = made_context(net, data)
        settings = Adversarial(epochs=15, lr=0.05, batch_size=20, bias_from="soft", slope=slope)
        run = settings.start(context)
        losses = advance(run, context, 15)
        part = data.part("debias")
        scores = torch.tensor(scores_of(run.result().net, data, "debias")).float()
        soft = SoftBias("aod", data.priors)(scores, part.labels, part.groups)
        biases[slope] = abs(soft.item())
    assert losses[0]["bias"] > 0.1
    assert biases[50.0] < 0.6 * biases[0.0]


@pytest.mark.parametrize("bias_from", ["critic", "soft"])
@pytest.mark.parametrize("done", [1, 2, 4])
def test_a_resumed_fine_tuning_goes_on_exactly(bias_from, done):
    dense = small_net()
    context = made_context(dense, made_data(), incoming=[half_removed(dense)])
    settings = Adversarial(bias_from=bias_from, **QUICK)
    run = settings.start(context)
    advance(run, context, done)
    state = run.state_dict()
    ahead = advance(run, context, 4 - done, done)

    resumed = settings.start(context)
    resumed.load_state_dict(state)
    if done < 4:
        assert advance(resumed, context, 4 - done, done) == ahead
    assert same(resumed.result().net.state_dict(), run.result().net.state_dict())


def test_normalisation_statistics_are_those_of_the_tuned_network():
    context = made_context(small_net(), made_data())
    run = Adversarial(**QUICK).start(context)
    advance(run, context, 4)
    net = run.result().net
    again = copy.deepcopy(net)
    recalibrate_batch_norm(again, context.data, torch.Generator().manual_seed(0))
    assert torch.allclose(net[3].running_mean, again[3].running_mean, atol=0.05)
    assert (net[3].running_mean - small_net()[3].running_mean).abs().max() > 0.1


def test_a_warm_up_of_the_critic_that_fills_the_stage_is_refused():
    with pytest.raises(ValueError, match="critic_warmup must be below epochs = 5, got 5"):
        Adversarial(epochs=5, critic_warmup=5)
    assert Adversarial(epochs=1, bias_from="soft").epochs == 1


@pytest.mark.parametrize(
    ("setting", "value"),
    [("epochs", 0), ("lr", 0.0), ("warmup_steps", -1), ("bias_from", "hard"), ("unknown", 1)],
)
def test_settings_out_of_range_are_refused(setting, value):
    with pytest.raises(ValueError, match=setting):
        Adversarial(**{setting: value})

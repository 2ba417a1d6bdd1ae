import copy

import pytest
import torch
from torch import nn

from tests.trainables.made_data import made_context, made_data
from tests.trainables.made_stages import advance, same, small_net
from trainables.masks import prunable
from trainables.pruners import mask_discovery
from trainables.pruners.mask_discovery import MaskDiscovery


def context_for(net, **data):
    return made_context(net, made_data(**data))


def run_to_end(settings, context):
    run = settings.start(context)
    losses = advance(run, context, run.epochs)
    return run, losses


QUICK = {"batch_size": 10, "lr": 0.5, "beta": 0.2}


def test_everything_is_kept_before_the_first_epoch():
    net = small_net()
    masked = MaskDiscovery().start(context_for(net)).result()
    assert masked.masks.sparsity == 0
    assert same(masked.net.state_dict(), net.state_dict())


@pytest.mark.parametrize("loss", ["fair", "critic", "plain"])
def test_only_the_mask_changes_and_the_result_is_theta_times_mask(loss):
    net = small_net()
    before = copy.deepcopy(net.state_dict())
    context = context_for(net)
    run = MaskDiscovery(epochs=3, loss=loss, **QUICK).start(context)
    sparsities = []
    for epoch in range(3):
        advance(run, context, 1, epoch)
        masked = run.result()
        sparsities.append(masked.masks.sparsity)
        for name, weight in prunable(masked.net).items():
            assert torch.equal(weight, before[name] * masked.masks[name])
        rest = set(before) - set(masked.masks) - {"3.running_mean", "3.running_var"}
        assert all(
            torch.equal(masked.net.state_dict()[k], before[k]) for k in rest if "num" not in k
        )
    assert 0 < max(sparsities) < 1
    assert same(net.state_dict(), before)


def test_density_comes_down_to_the_target_but_hardly_below():
    settings = MaskDiscovery(
        epochs=40, keep_target=0.4, beta=0.2, loss="plain", lr=0.1, batch_size=10
    )
    run, losses = run_to_end(settings, context_for(small_net()))
    assert losses[0]["density"] == 1
    assert losses[-1]["density_reached"] == 1
    assert 0.3 < run.result().masks.density <= 0.42


def test_logits_that_cannot_travel_from_their_start_leave_the_target_unreached():
    settings = MaskDiscovery(epochs=5, lr=0.01, batch_size=10)  # 5 * 6 * .01 < 3
    run, losses = run_to_end(settings, context_for(small_net()))
    assert run.result().masks.sparsity == 0
    assert losses[-1]["density_reached"] == 0


def test_without_the_regulariser_hardly_anything_is_removed():
    densities = {}
    for beta in (0.0, 1.0):
        settings = MaskDiscovery(epochs=20, beta=beta, loss="plain", lr=0.1, batch_size=10)
        _, losses = run_to_end(settings, context_for(small_net()))
        densities[beta] = losses[-1]["density"]
    assert densities[0.0] > 0.5 > 0.2 > densities[1.0]


def test_losses_name_task_bias_density_and_phi():
    _, losses = run_to_end(MaskDiscovery(epochs=1, **QUICK), context_for(small_net()))
    assert set(losses[0]) == {"task", "bias", "density", "phi", "density_reached"}


def scripted(monkeypatch, settings, densities, phis):
    """Runs a discovery whose epochs end with these densities and Phis; the run, its losses."""
    context = context_for(small_net())
    run = settings.start(context)
    size = run.result().masks.total
    made = iter([torch.arange(size) < round(d * size) for d in densities])
    values = iter(phis)
    monkeypatch.setattr(run, "_pass", lambda *_: None)
    monkeypatch.setattr(run._loss, "means", dict)
    monkeypatch.setattr(run._logits, "mask", lambda: next(made))
    monkeypatch.setattr(mask_discovery, "held_back_phi", lambda *_: next(values))
    return run, advance(run, context, len(densities))


@pytest.mark.parametrize(
    ("densities", "phis", "density", "reached"),
    [
        # the best Phi of all is too dense, the last is not the best
        ([0.875, 0.5, 0.375, 0.25], [0.9, 0.6, 0.7, 0.5], 0.375, [0, 1, 1, 1]),
        ([0.5, 0.375], [0.6, 0.6], 0.5, [1, 1]),  # of equals the first
        ([0.5, 0.625], [0.0, 0.9], 0.5, [1, 1]),  # dense again: reached stays reached
        ([0.875, 0.75, 0.8125], [0.5, 0.5, 0.9], 0.75, [0, 0, 0]),  # never: the sparsest
    ],
)
def test_result_is_the_best_phi_of_sparse_enough_epochs_else_the_sparsest(
    monkeypatch, densities, phis, density, reached
):
    settings = MaskDiscovery(epochs=len(densities), keep_target=0.5, density_tolerance=0.02)
    run, losses = scripted(monkeypatch, settings, densities, phis)
    assert run.result().masks.density == pytest.approx(density)
    assert [epoch["density_reached"] for epoch in losses] == reached


def test_while_the_run_goes_on_the_result_is_the_current_mask(monkeypatch):
    settings = MaskDiscovery(epochs=5, keep_target=0.5)
    run, _ = scripted(monkeypatch, settings, [0.5, 0.25, 0.75], [0.9, 0.5, 0.5])
    assert run.result().masks.density == 0.75


def test_the_returned_network_is_exactly_the_one_that_was_judged(monkeypatch):
    settings = MaskDiscovery(epochs=3, keep_target=0.5)
    context = context_for(small_net())
    judged = []

    def judge(net, *_):
        judged.append(copy.deepcopy(net.state_dict()))
        return [0.9, 0.8, 0.7][len(judged) - 1]

    run = settings.start(context)
    masks = [torch.arange(48) % 2 == odd for odd in (0, 1, 0)]
    monkeypatch.setattr(run._logits, "mask", lambda: masks[len(judged)])
    monkeypatch.setattr(mask_discovery, "held_back_phi", judge)
    advance(run, context, 3)
    assert same(run.result().net.state_dict(), judged[0])
    assert not same(judged[2], judged[0])  # same mask, other batches for the statistics


@pytest.mark.parametrize("loss", ["fair", "critic"])
@pytest.mark.parametrize("done", [1, 2, 4])
def test_a_resumed_discovery_goes_on_exactly(loss, done):
    context = context_for(small_net())
    settings = MaskDiscovery(epochs=4, loss=loss, keep_target=0.3, floor=True, **QUICK)
    run = settings.start(context)
    advance(run, context, done)
    state = run.state_dict()
    ahead = advance(run, context, 4 - done, done)  # must not touch the state

    resumed = settings.start(context)
    resumed.load_state_dict(state)
    if done < 4:
        assert advance(resumed, context, 4 - done, done) == ahead
    assert same(resumed.result().net.state_dict(), run.result().net.state_dict())
    assert same(resumed.result().masks, run.result().masks)


def test_all_parameters_can_be_trained_again_afterwards():
    net = small_net()
    net[0].bias.requires_grad_(False)  # the user's choice, which stays
    run, _ = run_to_end(MaskDiscovery(epochs=1, **QUICK), context_for(net))
    flags = {name: p.requires_grad for name, p in run.result().net.named_parameters()}
    assert flags.pop("0.bias") is False
    assert all(flags.values())


def test_images_and_several_classes_work():
    torch.manual_seed(0)
    net = nn.Sequential(
        nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(4 * 36, 3)
    )
    import numpy as np

    from trainables.evaluation.objective import Objective

    context = made_context(
        net,
        made_data(classes=3, shape=(3, 8, 8), dtype=np.uint8),
        objective=Objective("accuracy", "bias_amplification"),
    )
    settings = MaskDiscovery(epochs=2, delta=0.01, loss="critic", **QUICK)
    run, losses = run_to_end(settings, context)
    assert 0 < run.result().masks.sparsity < 1
    assert "critic" in losses[0]


def test_the_weight_that_carries_the_group_is_the_one_that_goes():
    net = nn.Sequential(nn.Linear(2, 1))
    with torch.no_grad():
        net[0].weight.copy_(torch.tensor([[2.0, 1.5]]))  # the label's input, the group's
        net[0].bias.fill_(-2.0)
    context = context_for(net, shape=(2,))
    settings = MaskDiscovery(epochs=20, keep_target=0.5, beta=0.1, lr=0.2, batch_size=20)
    run, _ = run_to_end(settings, context)
    assert run.result().masks["0.weight"].tolist() == [[True, False]]


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("keep_target", 0.0),
        ("keep_target", 1.1),
        ("logit_init", 0.0),
        ("logit_init", 7.0),
        ("lr", 0.0),
        ("epochs", 0),
        ("beta", -1.0),
        ("loss", "fairest"),
        ("unknown", 1),
    ],
)
def test_settings_out_of_range_are_refused(setting, value):
    with pytest.raises(ValueError, match=setting):
        MaskDiscovery(**{setting: value})

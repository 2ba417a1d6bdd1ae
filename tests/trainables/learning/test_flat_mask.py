"""Flat masks: the network sees theta * M, and the logits get the straight-through gradient."""

import math

import pytest
import torch
from torch import nn

from trainables.learning import flat_mask
from trainables.learning.flat_mask import DensityPull, FlatWeights, LogitSettings, MaskLogits


def network(seed=0):
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(6, 5), nn.ReLU(), nn.Linear(5, 3))


def weights_of(net):
    return {name: p for name, p in net.named_parameters() if name.endswith("weight")}


def logits_for(net, **options):
    flat = FlatWeights(weights_of(net))
    return MaskLogits(flat, LogitSettings(**({"initial": 3.0, "lr": 0.05} | options)))


def test_the_weights_are_slices_of_the_buffer_and_equal_theta_times_mask():
    net = network()
    theta = torch.cat([p.detach().flatten() for p in weights_of(net).values()])
    flat = FlatWeights(weights_of(net))
    mask = torch.arange(flat.size) % 3 > 0
    flat.write(mask)

    seen = torch.cat([p.detach().flatten() for p in weights_of(net).values()])
    assert torch.equal(seen, theta * mask)
    assert torch.equal(flat.frozen, theta)
    assert net[0].weight.data_ptr() == flat.buffer.data_ptr()


def test_a_copy_of_the_network_keeps_its_own_weights():
    import copy

    net = network()
    flat = FlatWeights(weights_of(net))
    other = copy.deepcopy(net)
    flat.write(torch.zeros(flat.size, dtype=torch.bool))
    assert net[0].weight.abs().sum() == 0
    assert other[0].weight.abs().sum() > 0


@pytest.mark.parametrize("ste", ["logit", "noisy"])
def test_gradient_of_the_logits_is_that_of_the_slow_formula(ste):
    net, reference = network(), network()
    flat = FlatWeights(weights_of(net))
    logits = MaskLogits(flat, LogitSettings(initial=0.3, lr=0.05, ste=ste))
    inputs, targets = torch.randn(8, 6), torch.randint(3, (8,))
    logits.sample(torch.Generator().manual_seed(5))
    noisy = logits._noisy.clone()
    mask = (noisy >= 0).float()
    tau, beta = 0.2, 5.0
    logits.step(nn.functional.cross_entropy(net(inputs), targets), DensityPull(beta, tau))

    m = mask.clone().requires_grad_(True)
    parts = {
        name: (p.detach().flatten() * piece).view_as(p)
        for (name, p), piece in zip(weights_of(reference).items(), m.split([30, 15]), strict=True)
    }
    outputs = torch.func.functional_call(reference, parts, (inputs,))
    density = m.sum() / m.numel()
    loss = nn.functional.cross_entropy(outputs, targets)
    loss = loss + beta * torch.log(density.clamp_min(tau) / tau)
    loss.backward()
    at = noisy if ste == "noisy" else torch.full_like(noisy, 0.3)
    expected = m.grad * torch.sigmoid(at) * (1 - torch.sigmoid(at))
    assert 0 < mask.sum() < 45
    assert torch.allclose(logits.logits.grad, expected, atol=1e-7)


def test_below_the_target_density_the_regulariser_does_not_pull():
    net = network()
    logits = logits_for(net, initial=-3.0, noise=False)
    logits.sample(torch.Generator())
    logits.step((net(torch.ones(2, 6)) ** 2).sum() * 0, DensityPull(5.0, 0.1))
    assert torch.equal(logits.logits, torch.full((45,), -3.0))


def test_noise_has_the_variance_of_the_paper():
    flat = FlatWeights({"w": nn.Linear(400, 250, bias=False).weight})
    for initial, variance in [(3.0, 1.0), (1.0, 0.5), (0.0, 0.05), (-2.0, 0.05)]:
        logits = MaskLogits(flat, LogitSettings(initial=initial, lr=0.05))
        logits.sample(torch.Generator().manual_seed(0))
        noise = logits._noisy - initial
        assert noise.mean().item() == pytest.approx(0, abs=0.02)
        assert noise.var().item() == pytest.approx(variance, rel=0.02)
        flipped = 1 - logits.kept().item() / flat.size
        assert flipped == pytest.approx(
            0.5 * math.erfc(initial / math.sqrt(2 * variance)), abs=0.005
        )


def test_the_mask_for_results_is_free_of_noise():
    logits = logits_for(network(), initial=0.01)
    logits.sample(torch.Generator().manual_seed(0))
    assert logits.kept() < 45
    assert logits.mask().all()


def test_work_in_pieces_gives_what_one_pass_gives(monkeypatch):
    results = []
    for size in (10**6, 16):  # 45 weights: one piece, or 16 + 16 + 13
        monkeypatch.setattr(flat_mask, "PIECE", size)
        net = network()
        logits = logits_for(net, noise=False, initial=0.2)
        for _ in range(3):
            logits.sample(torch.Generator())
            logits.step(net(torch.ones(4, 6)).square().mean(), DensityPull(1.0, 0.1))
        results.append(logits.logits.clone())
    assert torch.equal(*results)


def test_the_floor_keeps_one_weight_per_output_alive():
    logits = logits_for(network(), initial=-6.0, floor=True)
    logits.logits[7] = -1.0  # the strongest of output 1 of the first layer
    masks = logits.weights.views(logits.mask())
    assert all((mask.sum(1) == 1).all() for mask in masks.values())
    assert masks["0.weight"][1, 1]
    logits.sample(torch.Generator())
    assert logits.kept() == 8


def test_logits_stay_within_their_bounds():
    net = network()
    logits = logits_for(net, initial=5.9, lr=1.0)
    for _ in range(20):
        logits.sample(torch.Generator().manual_seed(0))
        logits.step(net(torch.ones(2, 6)).square().sum(), DensityPull(20.0, 0.1))
    assert logits.logits.abs().max() <= 6


def test_a_weight_that_the_loss_does_not_use_gets_no_gradient_from_it():
    net = nn.ModuleDict({"used": nn.Linear(4, 2), "spare": nn.Linear(4, 2)})
    logits = logits_for(net, noise=False)
    logits.sample(torch.Generator())
    logits.step(net["used"](torch.ones(3, 4)).sum())
    changed = (logits.logits != 3.0).view(2, 8).any(1)
    assert changed.tolist() == [True, False]


def test_a_shared_weight_is_refused():
    layer = nn.Linear(3, 3)
    with pytest.raises(ValueError, match="every weight may be given once"):
        FlatWeights({"a": layer.weight, "b": layer.weight})

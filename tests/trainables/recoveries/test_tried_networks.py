"""Random perturbation and layer-wise optimisation: networks that are tried, not trained."""

import copy

import numpy as np
import pytest
import torch
from torch import nn

from tests.trainables.made_data import made_context, made_data
from trainables.evaluation.objective import Objective
from trainables.learning.phi import held_back_phi
from trainables.masks import MaskedNet, Masks, prunable
from trainables.recoveries import best_net
from trainables.recoveries.layerwise import Layerwise
from trainables.recoveries.random_perturbation import RandomPerturbation
from trainables.stage import derived_seed

STAGES = [RandomPerturbation(stddev=0.3, tries=30), Layerwise(tensors=2, calls=6)]
IDS = ["random_perturbation", "layerwise"]
OBJECTIVE = Objective(tolerance=0.2, margin=0.05)


def network(outputs=1):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        net = nn.Sequential(nn.Linear(5, 6), nn.BatchNorm1d(6), nn.ReLU(), nn.Linear(6, outputs))
    return net.eval()


def biased(outputs=1):
    """Goes by the group (input 1) as much as by the label (input 0)."""
    net = nn.Sequential(nn.Linear(5, outputs))
    with torch.no_grad():
        net[0].weight.zero_()
        net[0].weight[:, :2] = torch.linspace(1, -1, outputs)[:, None]
        net[0].bias.fill_(-2.0)
    return net.eval()


def half_removed(net):
    net = copy.deepcopy(net)
    draw = torch.Generator().manual_seed(0)
    kept = {k: torch.rand(w.shape, generator=draw) < 0.5 for k, w in prunable(net).items()}
    masks = Masks(kept)
    masks.apply_(net)
    return MaskedNet(net, masks)


def phi_of(net, context):
    seed = derived_seed(context.seed, "phi")
    limit = context.objective.safe_bias
    return held_back_phi(net, context.data, context.objective, seed, limit, best_net.RESAMPLES)


def run_to_end(settings, context):
    """The run, and Phi after each epoch."""
    run = settings.start(context)
    return run, [run.epoch(context.generator("epoch", i))["phi"] for i in range(run.epochs)]


@pytest.mark.parametrize("settings", STAGES, ids=IDS)
def test_phi_never_falls_and_is_that_of_the_network_that_is_handed_on(settings):
    for seed in range(2):
        context = made_context(biased(), made_data(seed=seed), objective=OBJECTIVE, seed=seed)
        run, seen = run_to_end(settings, context)
        assert seen == sorted(seen)
        assert seen[0] >= phi_of(context.dense, context)
        assert seen[-1] == phi_of(run.result().net, context)


@pytest.mark.parametrize("settings", STAGES, ids=IDS)
def test_a_biased_network_gets_a_fairer_threshold(settings):
    context = made_context(biased(), made_data(seed=1), objective=OBJECTIVE)
    _, seen = run_to_end(settings, context)

    assert seen[-1] > phi_of(context.dense, context) + 0.02


@pytest.mark.parametrize("settings", STAGES, ids=IDS)
def test_without_anything_better_the_network_stays_as_it_was(settings, monkeypatch):
    monkeypatch.setattr(best_net, "held_back_phi", lambda *_: 0.7)
    context = made_context(network(), made_data())
    run, _ = run_to_end(settings, context)

    state = run.result().net.state_dict()
    assert all(torch.equal(state[k], v) for k, v in context.dense.state_dict().items())


@pytest.mark.parametrize("settings", STAGES, ids=IDS)
def test_the_best_of_all_tries_wins_and_running_statistics_and_masks_stay(settings, monkeypatch):
    judged = []

    def judge(net, *_):
        judged.append(copy.deepcopy(net.state_dict()))
        return float(np.sin(len(judged)))

    monkeypatch.setattr(best_net, "held_back_phi", judge)
    pruned = half_removed(network())
    run, _ = run_to_end(settings, made_context(network(), made_data(), incoming=[pruned]))
    result = run.result()

    best = max(range(len(judged)), key=lambda i: np.sin(i + 1))
    assert all(torch.equal(result.net.state_dict()[k], v) for k, v in judged[best].items())
    assert result.masks == pruned.masks
    for state in judged:
        assert torch.equal(state["1.running_mean"], pruned.net[1].running_mean)
        assert all((state[name][~mask] == 0).all() for name, mask in pruned.masks.items())


@pytest.mark.parametrize("settings", STAGES, ids=IDS)
def test_several_classes_are_judged_by_their_largest_scores(settings):
    objective = Objective("accuracy", "bias_amplification", tolerance=0.4)
    context = made_context(biased(3), made_data(classes=3), objective=objective)
    _, seen = run_to_end(settings, context)

    assert seen[-1] > seen[0] or seen[0] > phi_of(context.dense, context)


def tried_by(settings, net, monkeypatch):
    """The states of all networks that were judged; the first is the unchanged one."""
    judged = []
    judge = lambda net, *_: judged.append(copy.deepcopy(net.state_dict())) or 0.5  # noqa: E731
    monkeypatch.setattr(best_net, "held_back_phi", judge)
    run_to_end(settings, made_context(net, made_data()))
    return judged


def test_perturbation_multiplies_every_parameter_by_its_own_noise(monkeypatch):
    net = network()
    start, *tried = tried_by(RandomPerturbation(stddev=0.1, tries=60), net, monkeypatch)
    noise = [
        state[name] / parameter.detach() - 1
        for state in tried
        for name, parameter in net.named_parameters()
        if (parameter != 0).all()
    ]
    values = torch.cat([one.flatten() for one in noise])

    assert all(torch.equal(start[k], v) for k, v in net.state_dict().items())
    assert len(tried) == 60
    assert values.mean().abs() < 0.01
    assert values.std() == pytest.approx(0.1, rel=0.05)
    assert not torch.equal(noise[0], noise[len(noise) // 60])


def test_perturbation_of_no_size_leaves_every_weight_as_it_is(monkeypatch):
    net = network()
    for state in tried_by(RandomPerturbation(stddev=1e-30, tries=3), net, monkeypatch):
        assert all(torch.equal(state[k], v) for k, v in net.state_dict().items())


def test_an_epoch_of_perturbation_is_ten_tries():
    assert RandomPerturbation().start(made_context(network(), made_data())).epochs == 11


def test_layerwise_changes_one_of_the_last_tensors_at_a_time_inside_its_box(monkeypatch):
    net = network()
    start, *tried = tried_by(Layerwise(tensors=3, calls=6, width=2.0), net, monkeypatch)
    last = [name for name, _ in net.named_parameters()][-3:]
    changed = [{k for k in start if not torch.equal(state[k], start[k])} for state in tried]

    assert [len(names) for names in changed].count(0) == 3  # each tensor begins where it was
    assert [names for names in changed if names] == [{name} for name in last for _ in range(6)]
    for state, names in zip(tried, changed, strict=True):
        for name in names:
            reach = max(2.0 * float(start[name].std(correction=0)), 1e-3)
            assert (state[name] - start[name]).abs().max() <= reach * 1.0001


def test_a_constant_tensor_and_a_single_bias_are_searched_within_a_thousandth(monkeypatch):
    start, *tried = tried_by(Layerwise(tensors=1, calls=6), network(), monkeypatch)
    moved = [float((state["3.bias"] - start["3.bias"]).abs()) for state in tried]

    assert 0 < max(moved) <= 1.001e-3


def test_of_a_large_tensor_a_random_subset_of_kept_entries_is_searched(monkeypatch):
    net = nn.Sequential(nn.Linear(5, 1, bias=False)).eval()
    kept = torch.tensor([[True, True, False, True, True]])
    masks = Masks({"0.weight": kept})
    masks.apply_(net)
    judged = []
    judge = lambda net, *_: judged.append(net[0].weight.detach().clone()) or 0.5  # noqa: E731
    monkeypatch.setattr(best_net, "held_back_phi", judge)
    context = made_context(net, made_data(), incoming=[MaskedNet(net, masks)])
    run_to_end(Layerwise(tensors=1, calls=5, entries=2), context)
    changed = (torch.stack(judged) != net[0].weight).any(dim=0)

    assert changed.sum() == 2
    assert not (changed & ~kept).any()


def test_layerwise_finds_the_one_weight_that_decides():
    """By the second weight alone the network knows the group; the box lets it come near 0."""
    net = biased()
    context = made_context(net, made_data(seed=1), objective=Objective(tolerance=0.3))
    run, seen = run_to_end(Layerwise(tensors=2, calls=24, width=3.0), context)
    found = run.result().net[0].weight[0]

    assert seen[-1] > phi_of(net, context)
    assert abs(found[1] / found[0]) < 0.8  # 1 at the start


def test_a_tensor_without_a_kept_weight_is_passed_over():
    net = nn.Sequential(nn.Linear(5, 1)).eval()
    masks = Masks({"0.weight": torch.zeros(1, 5, dtype=torch.bool)})
    masks.apply_(net)
    context = made_context(net, made_data(), incoming=[MaskedNet(net, masks)])
    run, seen = run_to_end(Layerwise(calls=3), context)

    assert len(seen) == 2
    assert (run.result().net[0].weight == 0).all()


@pytest.mark.parametrize(
    ("settings", "wrong"),
    [
        (RandomPerturbation, {"stddev": 0.0}),
        (RandomPerturbation, {"tries": 0}),
        (Layerwise, {"tensors": 0}),
        (Layerwise, {"calls": 1}),
        (Layerwise, {"width": -1.0}),
        (Layerwise, {"sampler": "tpe"}),
        (Layerwise, {"entries": 0}),
    ],
)
def test_settings_out_of_range_are_refused(settings, wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        settings(**wrong)

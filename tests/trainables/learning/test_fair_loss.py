import pytest
import torch
from torch import nn
from torch.nn import functional as F

from tests.trainables.made_data import made_context, made_data
from trainables.data.batches import Batch
from trainables.evaluation.objective import Objective
from trainables.learning.fair_loss import FairLoss
from trainables.learning.phi import held_back_phi
from trainables.learning.training import batch_statistics


def network():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(5, 4), nn.ReLU(), nn.Linear(4, 1))


def fair_loss(net, bias_from="soft", **settings):
    options = {"slope": 20.0, "delta": 0.02, "critic_lr": 1e-3} | settings
    return FairLoss(made_context(net, made_data()), net, bias_from=bias_from, **options)


def batch():
    """Group 0 gets lower scores than group 1: soft aod = -.2."""
    logits = torch.logit(torch.tensor([0.2, 0.6, 0.4, 0.8]))[:, None].requires_grad_(True)
    labels, groups = torch.tensor([0, 1, 0, 1]), torch.tensor([0, 0, 1, 1])
    return logits, Batch(torch.zeros(4, 5), labels, groups, torch.ones(4))


def test_loss_is_the_cross_entropy_times_the_multiplier_of_the_soft_bias():
    logits, rows = batch()
    loss = fair_loss(network())(logits, rows)
    task = F.binary_cross_entropy_with_logits(logits[:, 0], rows.labels.float())
    assert loss.item() == pytest.approx(task.item() * (1 + 20 * (0.2 - 0.05 + 0.02)), rel=1e-5)


def test_without_a_bias_the_loss_is_the_cross_entropy_but_the_bias_is_reported():
    logits, rows = batch()
    net = network()
    loss = fair_loss(net, "nothing")
    with loss.watching(net):
        value = loss(logits, rows)
    task = F.binary_cross_entropy_with_logits(logits[:, 0], rows.labels.float())
    assert value.item() == pytest.approx(task.item())
    assert loss.means() == pytest.approx({"task": task.item(), "bias": 0.2}, abs=1e-6)


def test_the_soft_bias_pushes_the_scores_of_the_groups_together():
    logits, rows = batch()
    plain, fair = (
        torch.autograd.grad(fair_loss(network(), kind)(logits, rows), logits)[0][:, 0]
        for kind in ("nothing", "soft")
    )
    extra = fair - plain * 4.4  # what does not come from the cross-entropy
    assert (extra[:2] < 0).all()  # descending raises the scores of group 0
    assert (extra[2:] > 0).all()


def test_a_critic_sees_the_features_and_passes_a_gradient_through_them():
    net = network()
    loss = fair_loss(net, "critic")
    inputs = torch.randn(20, 5, generator=torch.Generator().manual_seed(0))
    rows = Batch(inputs, torch.arange(20) % 2, torch.arange(20) // 10, torch.ones(20))
    with loss.watching(net):
        value = loss(net(inputs), rows)
    slopes = torch.autograd.grad(value, list(net.parameters()))
    assert all(slope.abs().sum() > 0 for slope in slopes)
    assert set(loss.means()) == {"task", "bias", "critic"}
    assert not net[2]._forward_pre_hooks  # no hook is left on the network


def test_batch_statistics_leave_the_running_ones_alone():
    net = nn.Sequential(nn.BatchNorm1d(3))
    before = {name: buffer.clone() for name, buffer in net.named_buffers()}
    inputs = torch.randn(50, 3) * 3 + 5
    with batch_statistics(net):
        outputs = net(inputs)
    assert outputs.mean(0).abs().max() < 1e-5
    assert all(torch.equal(before[name], buffer) for name, buffer in net.named_buffers())
    net(inputs)
    assert not torch.equal(net[0].running_mean, before["0.running_mean"])


def on_inputs(*weights, bias=0.0):
    net = nn.Sequential(nn.Linear(5, 1))
    with torch.no_grad():
        net[0].weight.copy_(torch.tensor([[*weights, 0.0, 0.0, 0.0]]))
        net[0].bias.fill_(bias)
    return net


def test_phi_is_the_performance_of_a_fair_network_and_less_for_one_that_goes_by_the_group():
    data = made_data(seed=1)
    lenient, strict = Objective(tolerance=0.3), Objective(tolerance=0.05, margin=0.0)
    fair, unfair = on_inputs(2.0, 0.0, bias=-2.0), on_inputs(1.0, 2.0, bias=-3.0)
    of_fair = held_back_phi(fair, data, lenient, 0, lenient.tolerance)
    assert of_fair > 0.75
    assert held_back_phi(unfair, data, strict, 0, strict.tolerance) < of_fair - 0.1


def test_phi_of_several_classes_is_0_where_the_bias_is_over_the_tolerance():
    data = made_data(classes=3)
    net = nn.Sequential(nn.Linear(5, 3))
    with torch.no_grad():
        net[0].weight.zero_()
        net[0].weight[:, 1] = torch.tensor([-4.0, 0.0, 4.0])  # class 0 for one group, 2 for other
        net[0].bias.copy_(torch.tensor([4.0, 0.0, -4.0]))
    strict = Objective("accuracy", "bias_amplification", tolerance=0.05)
    lenient = Objective("accuracy", "bias_amplification", tolerance=0.6)
    assert held_back_phi(net, data, strict, 0, strict.tolerance) == 0.0
    assert held_back_phi(net, data, lenient, 0, lenient.tolerance) > 0.1

"""The trainer that recoveries share: recorded figures, the schedule, and losses of own making."""

import copy

import pytest
import torch

from tests.trainables.made_data import made_context, made_data
from tests.trainables.made_stages import half_removed, small_net
from trainables.masks import MaskedNet, Masks
from trainables.recoveries.adversarial import Adversarial
from trainables.recoveries.fair_tuning import FairTrainer
from trainables.stage import derived_seed

QUICK = {"epochs": 4, "batch_size": 20, "lr": 0.01}

RECORDED = [  # settings, then what is said of the last epoch and the l1 norm of parameters: those
    # of the soft bias from before the trainer was split off, of the critic since it sees cells
    ({}, (0.66654066, 0.04483274, 0.00133481, 0.63425361), 14.67157756),
    (
        {"bias_from": "soft", "warmup_steps": 2, "slope": 40.0},
        (0.67257905, 0.03324831),
        14.74658277,
    ),
    (
        {"critic_warmup": 2, "delta": 0.01},
        (0.65871688, 0.04955379, 0.00031498, -0.37312692),
        14.74970768,
    ),
]


def trainer(**settings):
    dense = small_net()
    context = made_context(dense, made_data())
    masked = MaskedNet(copy.deepcopy(dense), Masks.keep_all(dense))
    return FairTrainer(Adversarial(**(QUICK | settings)), context, masked), context


def advance(one, context, epochs, step_loss=None):
    losses = []
    for epoch in range(epochs):
        torch.manual_seed(derived_seed(context.seed, epoch))  # dropout, as the pipeline does
        losses.append(one.pass_over(context.generator("epoch", epoch), step_loss))
    return losses


def weights(net):
    return torch.cat([p.detach().flatten() for p in net.parameters()])


@pytest.mark.parametrize(("settings", "losses", "norm"), RECORDED)
def test_adversarial_fine_tuning_reports_what_it_always_did(settings, losses, norm):
    dense = small_net()
    context = made_context(dense, made_data(), incoming=[half_removed(dense)])
    run = Adversarial(**QUICK, **settings).start(context)
    for epoch in range(4):
        torch.manual_seed(derived_seed(context.seed, epoch))
        last = run.epoch(context.generator("epoch", epoch))

    assert tuple(last.values()) == pytest.approx(losses, abs=1e-5)
    assert weights(run.result().net).double().abs().sum().item() == pytest.approx(norm, abs=1e-4)


def test_a_constant_rate_rises_in_the_warm_up_and_stays(monkeypatch):
    one, context = trainer(schedule="constant", bias_from="soft", warmup_steps=2)
    seen = []
    monkeypatch.setattr(one.optimizer, "set_lr", seen.append)
    advance(one, context, 4)

    assert seen == pytest.approx([0, 0.005, *[0.01] * 10])  # 60 rows: 3 batches per epoch


@pytest.mark.parametrize("bias_from", ["critic", "soft"])
def test_a_loss_of_one_forward_pass_is_what_happens_without_one(bias_from):
    plain, context = trainer(bias_from=bias_from)
    own, _ = trainer(bias_from=bias_from)

    assert advance(plain, context, 3) == advance(own, context, 3, own.loss)
    assert torch.equal(weights(plain.masked.net), weights(own.masked.net))


def test_a_step_may_go_down_the_losses_of_two_forward_passes_with_other_weights():
    """Halves of the loss of the network itself and of a copy through other tensors: the same."""
    plain, context = trainer(bias_from="soft")
    own, _ = trainer(bias_from="soft")
    plain.masked.net[2].p = own.masked.net[2].p = 0.0

    def halves(batch):
        net = own.masked.net
        other = {name: 1.0 * weight for name, weight in net.named_parameters()}
        return 0.5 * own.loss(batch) + 0.5 * own.loss(batch, other)

    advance(plain, context, 3)
    advance(own, context, 3, halves)

    assert not torch.equal(weights(small_net()), weights(own.masked.net))
    assert torch.allclose(weights(plain.masked.net), weights(own.masked.net), atol=1e-5)


def test_weights_that_replace_others_decide_the_loss_and_get_the_gradient():
    one, context = trainer(bias_from="soft", slope=0.0)  # cross-entropy alone
    seen = []

    def zeros(batch):
        last = torch.zeros(1, 8, requires_grad=True)
        bias = torch.zeros(1, requires_grad=True)
        loss = one.loss(batch, {"4.weight": last, "4.bias": bias})
        seen.append((loss.item(), torch.autograd.grad(loss, last, retain_graph=True)[0].norm()))
        return loss

    advance(one, context, 1, zeros)

    assert [loss for loss, _ in seen] == pytest.approx([0.693147] * 3, abs=1e-5)
    assert all(norm > 0 for _, norm in seen)


def test_learned_epochs_are_those_after_the_critics_warm_up():
    one, context = trainer(critic_warmup=2)
    counts = []
    for epoch in range(4):
        counts.append((one.learning, one.epochs_learned))
        one.pass_over(context.generator("epoch", epoch))

    assert counts == [(False, 0), (False, 0), (True, 0), (True, 1)]

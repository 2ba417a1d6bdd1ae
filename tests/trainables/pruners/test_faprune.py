"""FAPrune: the discriminator's game, its reports, and what it removes."""

import math

import pytest
import torch

from tests.trainables.made_data import made_context, made_data
from tests.trainables.made_proxy import KEEP_TWO, SIZES, proxy_task
from tests.trainables.made_stages import advance, same, small_net
from trainables.learning.group_adversary import guess_loss
from trainables.pruners.edge_popup import EdgePopup
from trainables.pruners.faprune import FaPrune

QUICK = {"epochs": 3, "batch_size": 30, "sparsity": 0.5}
WORKING = {"discriminator_lr": 0.03, "discriminator_steps": 5}


def run_to_end(settings, context):
    run = settings.start(context)
    return run, advance(run, context, run.epochs)


@pytest.mark.parametrize("alpha", [0.0, 0.3, 1.0])
def test_without_strength_masks_are_exactly_those_of_edge_popup(alpha):
    context = made_context(small_net(), made_data())
    plain, of_plain = run_to_end(EdgePopup(**QUICK, score_init="kaiming"), context)
    settings = FaPrune(**QUICK, **WORKING, score_init="kaiming", strength=0.0, alpha=alpha)
    against, of_against = run_to_end(settings, context)

    assert same(plain.result().masks, against.result().masks)
    assert same(plain.result().net.state_dict(), against.result().net.state_dict())
    for one, two in zip(of_plain, of_against, strict=True):
        assert one.items() <= two.items()
        assert two["pull"] == 0.0


@pytest.mark.parametrize("proxy", SIZES)
@pytest.mark.parametrize("alpha", [0.0, 1.0])
def test_a_working_discriminator_has_the_proxy_of_the_group_removed(alpha, proxy):
    """Edge-popup keeps it, see test_edge_popup.py."""
    settings = FaPrune(**KEEP_TWO, **WORKING, alpha=alpha)
    run, losses = run_to_end(settings, proxy_task(proxy))

    assert run.result().masks["0.weight"].tolist() == [[True, False, True]]
    assert max(one["pull"] for one in losses) > 0.1


def test_a_discriminator_that_does_not_learn_finds_out_nothing():
    settings = {**KEEP_TWO, "epochs": 4, "strength": 0.0}
    _, idle = run_to_end(FaPrune(**settings, discriminator_lr=0.0), proxy_task("at first kept"))
    _, working = run_to_end(FaPrune(**settings, **WORKING), proxy_task("at first kept"))

    assert idle[-1]["advantage"] < 0.05
    assert working[-1]["advantage"] > 0.2


@pytest.mark.parametrize("alpha", [0.0, 0.4, 1.0])
def test_reports_and_the_turned_gradient_are_those_worked_out_step_by_step(alpha):
    context = made_context(small_net(), made_data(groups=3))
    settings = FaPrune(**QUICK, alpha=alpha, strength=2.0, discriminator_lr=0.0, ceiling=100.0)
    run = settings.start(context)
    opponent = run._opponent
    batch = next(context.data.epoch("train", 40, torch.Generator().manual_seed(0)))
    at = torch.randn(40, 1, requires_grad=True)
    slope = torch.randn(40, 1)
    turned = opponent.turned(slope, at, batch)

    expected = 0.0  # L_D
    for part in opponent._parts:
        guesses = part.adversary(at, batch.labels)
        expected = expected + part.share * guess_loss(
            guesses, batch.groups, batch.labels, balance=part.balance
        )
    (against,) = torch.autograd.grad(2.0 * expected, at)
    assert [part.share for part in opponent._parts] == [s for s in (alpha, 1 - alpha) if s > 0]
    assert [part.balance for part in opponent._parts] == [
        name for name, s in (("groups", alpha), ("cells", 1 - alpha)) if s > 0
    ]
    assert torch.allclose(turned, slope - against, atol=1e-7)
    means = opponent.means()
    assert means["adversary"] == pytest.approx(float(expected.detach()))
    assert means["advantage"] == pytest.approx(math.log(3) - float(expected.detach()), abs=1e-6)
    assert means["pull"] == pytest.approx(float(against.norm() / slope.norm()))


def test_above_the_ceiling_nothing_pulls():
    context = made_context(small_net(), made_data())
    opponent = FaPrune(**QUICK, discriminator_lr=0.0, ceiling=0.01).start(context)._opponent
    batch = next(context.data.epoch("train", 40, torch.Generator().manual_seed(0)))
    slope = torch.randn(40, 1)

    turned = opponent.turned(slope, torch.randn(40, 1, requires_grad=True), batch)

    assert torch.equal(turned, slope)
    assert opponent.means()["pull"] == 0.0


def test_discriminators_learn_from_the_logits_and_leave_the_network_alone():
    context = made_context(small_net(), made_data())
    opponent = (
        FaPrune(**QUICK, discriminator_lr=0.05, discriminator_steps=40).start(context)._opponent
    )
    batch = next(context.data.epoch("train", 150, torch.Generator().manual_seed(0)))
    at = (2.0 * batch.groups[:, None] - 1).requires_grad_()  # the group itself
    before = float(opponent._loss(at.detach(), batch).detach())
    opponent.turned(torch.zeros_like(at), at, batch)

    assert before > 0.5
    assert opponent.means()["adversary"] < 0.2
    assert at.grad is None


def test_losses_name_all_that_shows_whether_the_game_is_played():
    context = made_context(small_net(), made_data())
    _, losses = run_to_end(FaPrune(**QUICK), context)

    assert all(
        one.keys() == {"loss", "adversary", "advantage", "learned", "pull", "changed"}
        for one in losses
    )


@pytest.mark.parametrize(
    ("setting", "value"),
    [("alpha", 1.1), ("strength", -1.0), ("discriminator_steps", 0), ("ceiling", 0.0)],
)
def test_settings_out_of_range_are_refused(setting, value):
    with pytest.raises(ValueError, match=setting):
        FaPrune(**{setting: value})

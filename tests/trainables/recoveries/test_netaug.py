"""NetAug against two separate networks, what moves and what must not."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from tests.trainables.made_data import made_context, made_data
from trainables.learning.fair_loss import FairLoss
from trainables.masks import MaskedNet, Masks, prunable
from trainables.pruners.magnitude import Magnitude
from trainables.recoveries.netaug import NetAug

QUICK = {"batch_size": 20, "lr": 1e-2, "warmup_steps": 0, "schedule": "constant"}


def network(seed=0):
    """No dropout: a reference can not draw the same."""
    torch.manual_seed(seed)
    return nn.Sequential(
        nn.Linear(5, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 6), nn.ReLU(), nn.Linear(6, 1)
    ).eval()


def prepared(settings, dense, sparsity=0.5):
    masks = Magnitude(sparsity=sparsity).masks(dense)
    sub = copy.deepcopy(dense)
    masks.apply_(sub)
    context = made_context(dense, made_data(), incoming=[MaskedNet(sub, masks)])
    return settings.start(context), context


def advance(run, context, epochs, start=0):
    return [run.epoch(context.generator("epoch", start + epoch)) for epoch in range(epochs)]


def flat(net):
    return torch.cat([weight.detach().flatten() for weight in prunable(net).values()])


def flat_mask(masks, net):
    return torch.cat([masks[name].flatten() for name in prunable(net)])


def test_removed_weights_stay_zero_and_the_sparsity_is_that_of_the_mask():
    run, context = prepared(NetAug(epochs=3, diversity=0.3, **QUICK), network())
    before = flat(run.result().net).clone()
    advance(run, context, 3)
    result = run.result()
    kept = flat_mask(result.masks, result.net)

    assert result.masks == context.incoming[-1].masks
    assert (flat(result.net)[~kept] == 0).all()
    assert (flat(result.net)[kept] != before[kept]).any()


@pytest.mark.parametrize("bias_from", ["soft", "critic"])
def test_an_epoch_is_what_two_separate_networks_and_one_adam_come_to(bias_from):
    """Slowly: base and augmented net apart, gradients added, torch's Adam over all weights."""
    settings = NetAug(
        epochs=2, alpha=0.6, diversity=0.2, bias_from=bias_from, critic_warmup=0, **QUICK
    )
    dense = network()
    run, context = prepared(settings, dense)
    mask = context.incoming[-1].masks
    kept = flat_mask(mask, dense)

    generator = context.generator("epoch", 0)
    order = torch.randperm(int((~kept).sum()), generator=generator)
    chosen = torch.zeros_like(kept)
    chosen[(~kept).nonzero().squeeze(1)[order[: round(0.2 * len(kept))]]] = True

    whole = copy.deepcopy(dense)  # the parameters that Adam moves: theta_M and the reserve
    base, augmented = copy.deepcopy(dense).train(), copy.deepcopy(dense).train()
    critic = {"critic_lr": settings.critic_lr, "critic_steps": settings.critic_steps}
    losses = [
        FairLoss(context, net, bias_from=bias_from, slope=20.0, delta=0.02, **critic)
        for net in (base, augmented)
    ]
    adam = torch.optim.Adam(whole.parameters(), lr=1e-2)
    with losses[0].watching(base), losses[1].watching(augmented):
        for batch in context.data.epoch("debias", 20, generator, drop_last=True):
            whole.zero_grad()
            for net, parts, loss, factor in (
                (base, kept, losses[0], 1.0),
                (augmented, kept | chosen, losses[1], 0.6),
            ):
                net.load_state_dict(whole.state_dict(), strict=False)
                masks = split(parts, net)
                masks.apply_(net)
                net.zero_grad()
                (factor * loss(net(batch.inputs), batch)).backward()
                for name, parameter in net.named_parameters():
                    slope = parameter.grad * masks[name] if name in masks else parameter.grad
                    own = whole.get_parameter(name)
                    own.grad = slope if own.grad is None else own.grad + slope
            adam.step()
        want = losses[0].means() | {f"augmented_{k}": v for k, v in losses[1].means().items()}

    found = advance(run, context, 1)[0]
    found.pop("critic_r2", None)  # of rows held back

    assert found == pytest.approx(want, rel=1e-4, abs=1e-6)
    torch.testing.assert_close(flat(run.result().net)[kept], flat(whole)[kept])
    torch.testing.assert_close(run._reserve.adam.values, flat(whole)[~kept])
    for name in ("1.weight", "1.bias", "3.bias", "5.bias"):  # 0.bias is undone by the norm
        torch.testing.assert_close(
            run.result().net.get_parameter(name).detach(), whole.get_parameter(name).detach()
        )


def split(parts, net):
    weights = prunable(net)
    pieces = parts.split([weight.numel() for weight in weights.values()])
    return Masks({k: p.view_as(w) for (k, w), p in zip(weights.items(), pieces, strict=True)})


def test_weights_that_are_not_drawn_rest_and_those_that_were_keep_what_they_learned():
    settings = NetAug(epochs=6, diversity=0.1, bias_from="soft", **QUICK)
    dense = network()
    run, context = prepared(settings, dense)
    kept = flat_mask(context.incoming[-1].masks, dense)
    values = run._reserve.adam.values
    assert torch.equal(values, flat(dense)[~kept])

    drawn_before = torch.zeros(len(values), dtype=torch.bool)
    for epoch in range(6):
        before = values.clone()
        advance(run, context, 1, epoch)
        drawn = torch.zeros_like(drawn_before)
        drawn[run._reserve._drawn] = True
        assert drawn.sum() == round(0.1 * len(kept))
        assert torch.equal(values[~drawn], before[~drawn])
        assert (values[drawn] != before[drawn]).any()
        drawn_before |= drawn
    assert drawn_before.sum() > drawn.sum()  # not the same ones every time
    untouched = ~drawn_before
    assert torch.equal(values[untouched], flat(dense)[~kept][untouched])


def test_no_more_is_drawn_than_was_removed_and_nothing_where_nothing_was():
    everything, context = prepared(NetAug(epochs=2, diversity=0.9, **QUICK), network(), 0.25)
    removed = int((~flat_mask(context.incoming[-1].masks, context.dense)).sum())
    advance(everything, context, 2)
    assert sorted(everything._reserve._drawn.tolist()) == list(range(removed))

    dense, context = prepared(NetAug(epochs=2, bias_from="soft", **QUICK), network(), 0.0)
    for losses in advance(dense, context, 2):
        assert losses["task"] == pytest.approx(losses["augmented_task"])


class Noting(nn.Module):
    """A layer that notes the mean of what passes while it trains."""

    def __init__(self):
        super().__init__()
        self.register_buffer("passes", torch.zeros(()))

    def forward(self, inputs):
        if self.training:
            self.passes += 1
        return inputs


def test_what_layers_note_is_kept_apart_for_both_networks():
    dense = nn.Sequential(*network()[:4], Noting(), *network()[4:]).eval()
    settings = NetAug(epochs=2, diversity=0.5, bias_from="soft", **QUICK)
    run, context = prepared(settings, dense)
    advance(run, context, 1)

    assert float(run.result().net[4].passes) == 3.0  # 60 rows in batches of 20
    assert float(run._buffers["4.passes"]) == 3.0


def test_the_statistics_used_at_test_are_those_of_the_sub_network():
    settings = NetAug(epochs=2, diversity=0.5, bias_from="soft", **QUICK)
    run, context = prepared(settings, network())
    advance(run, context, 2)
    net = run.result().net
    inputs = context.data.normalise(context.data.part("debias").inputs)

    with torch.no_grad():
        seen = net[0](inputs)
    torch.testing.assert_close(net[1].running_mean, seen.mean(0))
    torch.testing.assert_close(net[1].running_var, seen.var(0))


def test_drawing_at_each_step_reaches_more_of_the_reserve_than_once_an_epoch():
    moved = {}
    for redraw in ("epoch", "step"):
        settings = NetAug(epochs=2, diversity=0.05, bias_from="soft", redraw=redraw, **QUICK)
        run, context = prepared(settings, network())
        before = run._reserve.adam.values.clone()
        advance(run, context, 1)
        moved[redraw] = int((run._reserve.adam.values != before).sum())

    assert moved["step"] > moved["epoch"] > 0


def test_while_only_the_critic_learns_no_weight_moves():
    run, context = prepared(NetAug(epochs=3, critic_warmup=1, diversity=0.5, **QUICK), network())
    base, reserve = flat(run.result().net).clone(), run._reserve.adam.values.clone()
    advance(run, context, 1)
    assert torch.equal(flat(run.result().net), base)
    assert torch.equal(run._reserve.adam.values, reserve)

    advance(run, context, 1, 1)
    assert not torch.equal(flat(run.result().net), base)
    assert not torch.equal(run._reserve.adam.values, reserve)


def test_without_a_sub_network_it_says_so():
    with pytest.raises(ValueError, match="netaug: needs the result of an earlier stage"):
        NetAug().start(made_context(network(), made_data()))


@pytest.mark.parametrize(
    ("setting", "value"),
    [("alpha", -0.1), ("diversity", 0.0), ("diversity", 1.1), ("redraw", "never")],
)
def test_settings_out_of_range_are_refused(setting, value):
    with pytest.raises(ValueError, match=setting):
        NetAug(**{setting: value})

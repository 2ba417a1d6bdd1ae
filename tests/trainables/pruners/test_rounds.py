"""Rounds of pruning: how many weights each leaves, what it trains, what it says of itself."""

import copy
import math
from itertools import pairwise

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from tests.trainables.made_data import made_context, made_data
from tests.trainables.made_stages import advance, half_removed, small_net
from trainables.masks import prunable
from trainables.pruners import rounds
from trainables.pruners.rounds import (
    Choice,
    Chooser,
    RoundPlan,
    RoundsRun,
    by_chance,
    by_magnitude,
    kept_of,
)


def plan(**settings):
    defaults = {"kappa": 0.5, "sparsity": 0.8, "round_epochs": 2, "lr": 0.01, "batch_size": 32}
    return RoundPlan(**defaults | settings)


def started(net, chooser=None, *, rewound=None, incoming=(), **settings):
    context = made_context(net, made_data(), incoming=incoming)
    chooser = chooser or by_magnitude()
    return RoundsRun("made", context, plan(**settings), chooser, rewound), context


class _Spy(Chooser):
    """By magnitude; remembers what it was given."""

    def __init__(self):
        super().__init__()
        self.calls = []

    def choose(self, net, masks, keep, generator):
        self.calls.append((copy.deepcopy(net.state_dict()), masks, dict(keep)))
        choice = by_magnitude().choose(net, masks, keep, generator)
        return Choice(
            choice.masks, rows=7, importance={"0.weight": [0.25, 0.75]}, groups=("a", "b")
        )


@pytest.mark.parametrize(
    ("kappa", "sparsity", "count"),
    [  # as many as the paper's tables have, and where floating point is a little off
        (0.9, 0.9, 22),
        (0.9, 0.99, 44),
        (0.975, 0.9, 91),
        (0.9, 0.5, 7),
        (0.1, 0.9, 1),
        (0.1, 0.99, 2),
        (0.5, 0.75, 2),
        (0.2, 0.0, 1),
    ],
)
def test_as_many_rounds_as_the_shares_need(kappa, sparsity, count):
    densities = plan(kappa=kappa, sparsity=sparsity).densities

    assert len(densities) == count
    assert densities[-1] == 1 - sparsity
    assert all(kept == pytest.approx(kappa**i) for i, kept in enumerate(densities[:-1], 1))


@given(
    kappa=st.floats(0.05, 0.98),
    sparsity=st.floats(0.0, 0.995),
    size=st.integers(1, 10**6),
)
def test_no_round_falls_below_the_last_ones_share_or_brings_weights_back(kappa, sparsity, size):
    densities = plan(kappa=kappa, sparsity=sparsity).densities
    counts = [max(1, math.ceil(density * size - 1e-9)) for density in densities]

    assert list(densities) == sorted(densities, reverse=True)
    assert counts[-1] >= (1 - sparsity) * size - 1e-6
    assert all(now >= after for now, after in pairwise(counts))
    assert densities[0] == max(kappa, 1 - sparsity) or len(densities) == 1


@pytest.mark.parametrize("chooser", [by_magnitude, by_chance])
def test_forty_four_rounds_to_99_percent_each_keep_exactly_their_share_of_every_layer(chooser):
    net = nn.Sequential(
        nn.Linear(5, 31), nn.ReLU(), nn.Linear(31, 17), nn.ReLU(), nn.Linear(17, 1)
    )
    run, context = started(net, chooser(), kappa=0.9, sparsity=0.99, round_epochs=1)
    before = None
    for i in range(1, run.epochs + 1):
        advance(run, context, 1, i - 1)
        masks = run.result().masks
        density = max(0.9**i, 1 - 0.99)
        for name, mask in masks.items():
            assert int(mask.sum()) == math.ceil(density * mask.numel() - 1e-9)
            assert before is None or bool((before[name] | ~mask).all()), "a weight came back"
        assert run.diagnostics["kept"] == {name: int(mask.sum()) for name, mask in masks.items()}
        assert (run.worth_keeping, run.round) == (True, i)
        before = masks
    assert run.epochs == 44


def test_a_round_says_when_it_is_worth_keeping_what_it_took_and_what_was_important():
    run, context = started(small_net(), _Spy(), kappa=0.5, sparsity=0.8, final_epochs=2)
    seen = []
    for epoch in range(run.epochs):
        advance(run, context, 1, epoch)
        importance = (run.diagnostics or {}).get("importance")
        seen.append((run.round, run.worth_keeping, run.samples, importance))
    shares = {"0.weight": [0.25, 0.75]}

    assert seen == [
        (1, False, 157, shares),
        (1, True, 150, None),
        (2, False, 157, shares),
        (2, True, 150, None),
        (3, False, 157, shares),
        (3, True, 150, None),
        (3, True, 150, None),
        (3, True, 150, None),
    ]


def test_each_round_chooses_among_the_weights_that_the_one_before_has_trained():
    spy = _Spy()
    run, context = started(small_net(), spy, kappa=0.5, sparsity=0.75)
    advance(run, context, 2)
    after_one = copy.deepcopy(run.result().net.state_dict())
    masks_of_one = run.result().masks
    advance(run, context, 1, 2)
    net, masks, keep = spy.calls[1]

    assert all(torch.equal(net[name], after_one[name]) for name in net)
    assert masks == masks_of_one
    assert keep == {"0.weight": 10, "4.weight": 2}


def test_rewound_training_starts_each_round_from_the_same_weights():
    spy, net, early = _Spy(), small_net(seed=1), small_net(seed=2)
    run, context = started(net, spy, rewound=early, round_epochs=1, lr=1e-12, sparsity=0.75)
    for epoch in range(2):
        advance(run, context, 1, epoch)
        result = run.result()
        for name, weight in prunable(result.net).items():
            kept = torch.where(result.masks[name], prunable(early)[name], 0.0)
            assert torch.allclose(weight, kept, atol=1e-8)
    # what is chosen by is the trained network, not the one that training goes back to
    assert torch.equal(spy.calls[0][0]["0.weight"], net[0].weight)


def test_an_optimizer_begins_with_each_round_and_with_the_retraining(monkeypatch):
    rates = []

    def counted(net, lr):
        rates.append(lr)
        return torch.optim.SGD(net.parameters(), lr=lr)

    monkeypatch.setattr(rounds, "adam", counted)
    run, context = started(small_net(), sparsity=0.75, final_epochs=3, final_lr=0.5)
    advance(run, context, run.epochs)

    assert rates == [0.01, 0.01, 0.5]


def test_the_retraining_goes_by_tenths_for_13_3_and_3_nineteenths(monkeypatch):
    rates = []
    monkeypatch.setattr(
        rounds,
        "train_epoch",
        lambda net, optimizer, *rest: (
            rates.append(optimizer.optimizer.param_groups[0]["lr"]) or 0.0
        ),
    )
    run, context = started(
        small_net(), sparsity=0.5, round_epochs=1, final_epochs=19, final_lr=0.1
    )
    advance(run, context, run.epochs)

    assert rates == pytest.approx([0.01] + [0.1] * 13 + [0.01] * 3 + [0.001] * 3)


def test_weights_removed_before_stay_removed_and_a_layer_already_smaller_stays_as_it_is():
    net = small_net()
    incoming = half_removed(net)
    run, context = started(net, incoming=[incoming], kappa=0.9, sparsity=0.6, round_epochs=1)
    advance(run, context, 1)
    masks = run.result().masks

    assert all(torch.equal(masks[name], mask) for name, mask in incoming.masks.items())
    advance(run, context, run.epochs - 1, 1)
    masks = run.result().masks
    assert all(int(mask.sum()) == math.ceil(0.4 * mask.numel() - 1e-9) for mask in masks.values())
    assert all(bool((incoming.masks[name] | ~mask).all()) for name, mask in masks.items())


def test_every_layer_keeps_a_weight():
    net = nn.Sequential(nn.Linear(5, 1))
    masks = half_removed(net).masks

    assert kept_of(masks, 1e-12) == {"0.weight": 1}

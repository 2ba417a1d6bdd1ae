"""Rounds of magnitude that go back to earlier weights."""

import math
from dataclasses import replace

import pytest
import torch
from torch import nn

from tests.trainables.made_data import made_context, made_data
from trainables.masks import prunable
from trainables.pruners.lottery import Lottery


def net_of(seed, hidden=8):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        layers = [nn.Linear(5, hidden), nn.ReLU(), nn.BatchNorm1d(hidden), nn.Linear(hidden, 1)]
        return nn.Sequential(*layers).eval()


def context_of(**nets):
    nets = {"dense": net_of(0), "initial": net_of(1), "early": net_of(2), **nets}
    return made_context(nets["dense"], made_data(), initial=nets["initial"], early=nets["early"])


def weights_of(net):
    return {name: weight.detach() for name, weight in prunable(net).items()}


STANDING = {"lr": 1e-30, "round_epochs": 1}  # training that moves no weight


@pytest.mark.parametrize("rewind", ["init", "early", "trained"])
def test_after_each_pruning_the_weights_are_what_they_were(rewind):
    context = context_of()
    earlier = {"init": context.initial, "early": context.early, "trained": context.dense}[rewind]
    run = Lottery(rewind=rewind, kappa=0.5, sparsity=0.8, **STANDING).start(context)
    for epoch in range(run.epochs):
        run.epoch(context.generator(epoch))
        left = run.result()
        for name, weight in prunable(left.net).items():
            assert torch.equal(weight, prunable(earlier)[name] * left.masks[name])


def test_the_first_masks_are_by_the_size_of_the_dense_net_s_weights():
    context = context_of()
    run = Lottery(kappa=0.5, sparsity=0.5, **STANDING).start(context)
    run.epoch(context.generator(0))

    for name, weight in weights_of(context.dense).items():
        kept = run.result().masks[name]
        assert float(weight[kept].abs().min()) >= float(weight[~kept].abs().max())


def test_later_masks_are_by_what_training_has_made_of_the_weights_that_are_left():
    context = context_of()
    run = Lottery(kappa=0.5, sparsity=0.75, round_epochs=2, lr=0.1).start(context)
    for epoch in range(2):
        run.epoch(context.generator(epoch))
    first = run.result().clone()
    run.epoch(context.generator(2))  # prunes, goes back, trains

    for name, weight in weights_of(first.net).items():
        kept, gone = run.result().masks[name], first.masks[name] & ~run.result().masks[name]
        assert not bool((kept & ~first.masks[name]).any())
        assert float(weight[kept].abs().min()) >= float(weight[gone].abs().max())


def test_each_round_keeps_exactly_its_share_of_every_layer_and_offers_its_last_epoch():
    context = context_of()
    run = Lottery(kappa=0.6, sparsity=0.8, round_epochs=2).start(context)
    densities = [0.6, 0.36, 0.216, 0.2]  # the last step ends at what was asked for
    assert run.epochs == 2 * len(densities)
    for epoch in range(run.epochs):
        run.epoch(context.generator(epoch))
        density = densities[epoch // 2]
        kept = {name: int(mask.sum()) for name, mask in run.result().masks.items()}

        assert kept == {
            "0.weight": math.ceil(40 * density - 1e-9),
            "3.weight": math.ceil(8 * density - 1e-9),
        }
        assert (run.round, run.worth_keeping) == (epoch // 2 + 1, epoch % 2 == 1)
        assert run.samples == 150


def test_it_says_which_earlier_weights_it_needs_and_that_it_offers_networks():
    assert Lottery(rewind="init").needs == {"initial"}
    assert Lottery(rewind="early").needs == {"early"}
    assert Lottery(rewind="trained").needs == frozenset()
    assert Lottery().leaves_candidates


def test_without_earlier_weights_it_is_refused_by_name():
    context = replace(context_of(), initial=None, early=None)

    with pytest.raises(ValueError, match="lottery: needs the network's initial weights"):
        Lottery(rewind="init").start(context)
    with pytest.raises(ValueError, match="lottery: needs weights from early in the dense net's"):
        Lottery(rewind="early").start(context)
    assert Lottery(rewind="trained").start(context)


def test_earlier_weights_of_other_layers_are_refused():
    with pytest.raises(ValueError, match="rewind 'init' needs earlier weights of the same layers"):
        Lottery(rewind="init").start(context_of(initial=net_of(1, hidden=9)))

import math

import pytest
import torch
from torch import nn

from tests.trainables.made_data import made_data
from trainables.learning.training import (
    MaskedOptimizer,
    MeanLoss,
    adam,
    schedule_factor,
    sgd,
    train_epoch,
)
from trainables.masks import Masks
from trainables.stage import snapshot


def half_masked(seed=0):
    """A network with half of the first layer's weights removed."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        net = nn.Sequential(nn.Linear(5, 6), nn.ReLU(), nn.BatchNorm1d(6), nn.Linear(6, 1))
    masks = Masks({**Masks.keep_all(net), "0.weight": torch.arange(30).view(6, 5) % 2 == 0})
    return net, masks


OPTIMIZERS = {
    "adam": lambda net: adam(net, 1e-2),
    "adam with weight decay": lambda net: adam(net, 1e-2, weight_decay=0.1),
    "sgd with momentum": lambda net: sgd(net, 1e-2, weight_decay=0.1),
    "adamw": lambda net: torch.optim.AdamW(net.parameters(), 1e-2, weight_decay=0.1),
    "rmsprop": lambda net: torch.optim.RMSprop(net.parameters(), 1e-2, momentum=0.9),
}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_removed_weights_and_their_moments_stay_exactly_zero(name):
    net, masks = half_masked()
    optimizer = MaskedOptimizer(net, masks, OPTIMIZERS[name](net))
    before = net[0].weight.detach().clone()
    removed = ~masks["0.weight"]
    for epoch in range(3):
        train_epoch(net, optimizer, made_data(), "train", 16, torch.Generator().manual_seed(epoch))
        assert (net[0].weight[removed] == 0).all()

    moments = optimizer.optimizer.state[net[0].weight]
    per_weight = [m for m in moments.values() if torch.is_tensor(m) and m.shape == removed.shape]
    assert per_weight
    assert all((moment[removed] == 0).all() for moment in per_weight)
    assert (net[0].weight[~removed] != before[~removed]).all()


def test_moments_from_before_the_pruning_do_not_bring_weights_back():
    net, masks = half_masked()
    used = adam(net, 1e-2)
    dense = MaskedOptimizer(net, Masks.keep_all(net), used)
    train_epoch(net, dense, made_data(), "train", 16, torch.Generator().manual_seed(0))
    pruned = MaskedOptimizer(net, masks, used)
    train_epoch(net, pruned, made_data(), "train", 16, torch.Generator().manual_seed(1))

    assert (net[0].weight[~masks["0.weight"]] == 0).all()


def test_full_masks_train_like_the_plain_optimizer():
    data = made_data()
    net, _ = half_masked()
    plain, _ = half_masked()
    train_epoch(
        net,
        MaskedOptimizer(net, Masks.keep_all(net), adam(net, 1e-2)),
        data,
        "train",
        16,
        torch.Generator().manual_seed(0),
    )
    optimizer = adam(plain, 1e-2)
    plain.train()
    for batch in data.epoch("train", 16, torch.Generator().manual_seed(0)):
        optimizer.zero_grad()
        data.head.loss(plain(batch.inputs), batch.labels).backward()
        optimizer.step()

    assert all(
        torch.equal(a, b)
        for a, b in zip(net.state_dict().values(), plain.state_dict().values(), strict=True)
    )


def test_a_loaded_optimizer_shares_nothing_with_the_state():
    net, masks = half_masked()
    optimizer = MaskedOptimizer(net, masks, adam(net, 1e-2))
    train_epoch(net, optimizer, made_data(), "train", 16, torch.Generator().manual_seed(0))
    state = optimizer.state_dict()
    kept = snapshot(state)
    other = MaskedOptimizer(net, masks, adam(net, 1e-2))
    other.load_state_dict(state)
    train_epoch(net, other, made_data(), "train", 16, torch.Generator().manual_seed(1))

    assert torch.equal(state["state"][0]["exp_avg"], kept["state"][0]["exp_avg"])


def test_the_mean_loss_counts_rows():
    mean = MeanLoss()
    mean.add(torch.tensor(1.0), 30)
    mean.add(torch.tensor(4.0), 10)

    assert mean.value() == pytest.approx(1.75)
    assert math.isnan(MeanLoss().value())


@pytest.mark.parametrize(
    ("schedule", "progress", "factor"),
    [
        ("constant", 0.9, 1.0),
        ("cosine", 0.0, 1.0),
        ("cosine", 0.5, 0.5),
        ("cosine", 0.75, 0.5 - 0.25 * math.sqrt(2)),
        ("steps", 12 / 19, 1.0),
        ("steps", 14 / 19, 0.1),
        ("steps", 17 / 19, 0.01),
    ],
)
def test_the_learning_rate_follows_its_schedule(schedule, progress, factor):
    assert schedule_factor(schedule, progress) == pytest.approx(factor)


def test_the_learning_rate_rises_linearly_during_the_warm_up():
    rising = [schedule_factor("cosine", t, warmup=0.1) for t in (0.0, 0.05, 0.1)]

    assert rising == pytest.approx([0.0, 0.5, 1.0])
    assert schedule_factor("cosine", 0.55, warmup=0.1) == pytest.approx(0.5)

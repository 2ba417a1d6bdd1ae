import copy
import math

import pytest
import torch
from torch import nn

from tests.trainables.made_data import made_context, made_data
from tests.trainables.test_stage import run_to_end
from trainables.data.batches import loss_of, scores_of
from trainables.dense.erm import Erm
from trainables.dense.given import Given


def linear():
    net = nn.Linear(5, 1)
    with torch.no_grad():
        net.weight.zero_()
        net.bias.zero_()
    return net


def training(data=None, **settings):
    data = data or made_data()
    context = made_context(linear(), data)
    return Erm(**settings).start(context), context


def to_end(run, context):
    history = []
    while len(history) < run.epochs:
        history.append(run.epoch(context.generator("epoch", len(history))))
    return history


def test_training_learns_what_can_be_learned():
    run, context = training(max_epochs=30, lr=0.05)
    history = to_end(run, context)
    scores = scores_of(run.result().net, context.data, "tune")
    labels = context.data.part("tune").labels.numpy()

    assert history[0]["loss"] > history[-1]["loss"]
    assert ((scores > 0.5) == labels).mean() > 0.75


def test_the_early_stopping_loss_is_looked_at_every_few_epochs_and_at_the_end():
    run, context = training(max_epochs=7, check_every=3, lr=0.01)
    checked = ["early_stop" in losses for losses in to_end(run, context)]

    assert checked == [False, False, True, False, False, True, True]


def scripted(monkeypatch, losses):
    """Early-stopping losses as listed, one per check."""
    left = iter(losses)
    monkeypatch.setattr("trainables.dense.erm.loss_of", lambda *_: next(left))


def test_training_stops_after_as_many_checks_without_improvement_as_patience_says(monkeypatch):
    scripted(monkeypatch, [0.9, 0.8, 0.85, 0.8, 0.7, 0.71, 0.72, 0.73])
    run, context = training(max_epochs=100, check_every=2, patience=3)

    assert len(to_end(run, context)) == 16
    assert run.epochs == 16


def test_the_weights_of_the_best_check_are_kept_and_do_not_follow_the_training(monkeypatch):
    scripted(monkeypatch, [0.9, 0.5, 0.6, 0.7, 0.8])
    run, context = training(max_epochs=5, check_every=1, lr=0.05)
    weights = []
    for epoch in range(5):
        run.epoch(context.generator("epoch", epoch))
        weights.append(run.result().net.weight.detach().clone())

    assert not torch.equal(weights[0], weights[1])
    assert all(torch.equal(weights[1], later) for later in weights[2:])


def test_the_best_network_has_the_loss_that_was_seen():
    run, context = training(max_epochs=12, check_every=1, lr=0.5)
    seen = min(losses["early_stop"] for losses in to_end(run, context))

    assert loss_of(run.result().net, context.data, "early_stop") == pytest.approx(seen)


def rates(run, context, epochs):
    used = []
    for epoch in range(epochs):
        run.epoch(context.generator("epoch", epoch))
        used.append(run.learner.optimizer.optimizer.param_groups[0]["lr"])
    return used


def test_the_learning_rate_is_divided_by_ten_on_a_plateau(monkeypatch):
    scripted(monkeypatch, [0.5, 0.6, 0.6, 0.6, 0.6, 0.4, 0.5])
    run, context = training(max_epochs=7, check_every=1, lr=1.0, plateau_patience=2)

    assert rates(run, context, 7) == pytest.approx([1, 1, 1, 0.1, 0.1, 0.01, 0.01])


def test_the_learning_rate_follows_a_cosine_where_asked():
    run, context = training(max_epochs=4, schedule="cosine", lr=1.0)

    expected = [(1 + math.cos(math.pi * t / 4)) / 2 for t in range(4)]
    assert rates(run, context, 4) == pytest.approx(expected)


def test_training_images_are_augmented_only_where_the_data_say_so(monkeypatch):
    asked = []
    data = made_data(shape=(3, 8, 8), dtype="uint8")
    net = nn.Sequential(nn.Flatten(), nn.Linear(192, 1))
    epoch = data.epoch
    monkeypatch.setattr(
        data, "epoch", lambda *a, augment, **k: asked.append(augment) or epoch(*a, **k)
    )
    for allowed in (True, False):
        data.augment = allowed
        Erm(max_epochs=1).start(made_context(net, data)).epoch(torch.Generator())

    assert asked == [True, False]


def test_sgd_has_momentum_and_weight_decay():
    run, context = training(max_epochs=2, optimizer="sgd", weight_decay=0.1)
    group = run.learner.optimizer.optimizer.param_groups[0]

    assert (group["momentum"], group["weight_decay"]) == (0.9, 0.1)
    to_end(run, context)


@pytest.mark.parametrize(
    "bad",
    [{"lr": 0}, {"lr": float("inf")}, {"batch_size": 1}, {"patience": 0}, {"optimizer": "x"}],
)
def test_settings_out_of_range_are_refused(bad):
    with pytest.raises(ValueError, match=next(iter(bad))):
        Erm(**bad)


def test_a_given_network_is_taken_as_it_is():
    net = linear()
    context = made_context(net, made_data())
    run = Given().start(context)
    before = copy.deepcopy(net.state_dict())
    losses = run.epoch(context.generator("epoch", 0))

    assert losses == {}
    assert run.result().masks.sparsity == 0.0
    assert run.result().net is not net
    assert all(torch.equal(before[k], v) for k, v in run.result().net.state_dict().items())


# training and early-stopping loss of the last epoch, recorded when Erm was a training of its own
RECORDED = [
    ({"max_epochs": 6, "check_every": 2, "lr": 0.05, "weight_decay": 1e-3}, 0.285961, 0.363567),
    (
        {"max_epochs": 6, "check_every": 1, "optimizer": "sgd", "lr": 0.1, "patience": 2},
        0.308744,
        0.328195,
    ),
]


@pytest.mark.parametrize(("settings", "loss", "early_stop"), RECORDED)
def test_training_gives_the_recorded_losses(settings, loss, early_stop):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        layers = [nn.Linear(5, 8), nn.ReLU(), nn.Dropout(0.2), nn.BatchNorm1d(8), nn.Linear(8, 1)]
    context = made_context(nn.Sequential(*layers), made_data())
    history = run_to_end(Erm(**settings), context)

    assert history[-1][0] == pytest.approx({"loss": loss, "early_stop": early_stop}, rel=1e-4)

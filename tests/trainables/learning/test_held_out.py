"""What a critic knows, on rows that nobody learns from."""

import copy

import numpy as np
import pytest
import torch

from tests.trainables.made_data import made_context, made_data
from tests.trainables.made_stages import small_net
from trainables.learning.fair_loss import FairLoss, SoftBias
from trainables.learning.held_out import BATCHES, explained, held_out
from trainables.learning.training import batch_statistics


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def test_the_share_that_is_explained_is_that_of_the_squared_errors():
    values = [0.0, 0.1, 0.2, 0.3]

    assert explained(values, values) == 1.0
    assert explained(values, [0.15] * 4) == pytest.approx(0.0)
    assert explained(values, [0.05, 0.1, 0.2, 0.25]) == pytest.approx(1 - 0.005 / 0.05)
    assert explained(values, [9.0] * 4) == -1.0
    assert explained([0.0] * 4, [0.1] * 4) == -1.0  # nothing varies, and the critic is wrong


def test_batches_are_held_back_rows_with_the_cells_of_debias():
    data = made_data()
    batches = list(held_out(data, 20, generator()))
    rows = {tuple(row) for row in data.part("held_back").inputs.tolist()}

    assert len(batches) == BATCHES
    assert all(len(batch) == 20 for batch in batches)
    assert {tuple(row) for batch in batches for row in batch.inputs.tolist()} <= rows

    def shares(groups, labels):
        return np.bincount(2 * groups + labels, minlength=4) / len(labels)

    many = [list(held_out(data, 60, generator(seed))) for seed in range(20)]
    groups, labels = (
        torch.cat([getattr(batch, name) for each in many for batch in each]).numpy()
        for name in ("groups", "labels")
    )
    debias = data.part("debias")
    wanted = shares(debias.groups.numpy(), debias.labels.numpy())
    assert shares(groups, labels) == pytest.approx(wanted, abs=0.02)


def test_a_critic_that_learns_explains_held_out_batches_and_one_that_does_not_explains_none():
    found = {}
    for lr in (1e-2, 1e-12):
        net = small_net()
        net[2].p = 0.0
        context = made_context(net, made_data())
        loss = FairLoss(context, net, bias_from="critic", slope=20.0, delta=0.02, critic_lr=lr)
        with batch_statistics(net), loss.watching(net):
            for epoch in range(120):
                for batch in context.data.whole_batches("debias", 20, generator(epoch)):
                    loss.of(net, batch, learning=False)
            found[lr] = loss.critic_r2(net, 20)["critic_r2"]
    assert found[1e-2] > 0.5
    assert found[1e-12] <= 0.0


def test_to_ask_what_the_critic_knows_changes_nothing_and_has_no_say_without_one():
    net = small_net()
    context = made_context(net, made_data())
    options = {"slope": 20.0, "delta": 0.02, "critic_lr": 1e-2}
    loss = FairLoss(context, net, bias_from="critic", **options)
    before = copy.deepcopy((net.state_dict(), loss.state_dict()))
    with batch_statistics(net), loss.watching(net):
        first, second = (_asked(loss, net, seed) for seed in (1, 1))

    assert first == second
    after = (net.state_dict(), loss.state_dict())
    for old, new in ((before[0], after[0]), (before[1]["critic"], after[1]["critic"])):
        assert all(torch.equal(old[name], new[name]) for name in old)
    assert FairLoss(context, net, bias_from="soft", **options).critic_r2(net, 20) == {}


def _asked(loss, net, seed):
    torch.manual_seed(seed)  # dropout
    return loss.critic_r2(net, 20)


def test_it_compares_with_the_soft_bias_of_each_batch():
    """By hand, from scores of the network and a critic that always says the same."""
    net = small_net()
    net[2].p = 0.0
    context = made_context(net, made_data())
    loss = FairLoss(context, net, bias_from="critic", slope=20.0, delta=0.02, critic_lr=1e-2)
    loss.load_state_dict(_says(loss.state_dict(), 0.3))
    with batch_statistics(net), loss.watching(net):
        told = loss.critic_r2(net, 20)["critic_r2"]
        soft, biases = SoftBias(context.objective.bias, context.data.priors_on("debias")), []
        draw = torch.Generator().manual_seed(loss._held_out_seed)
        for batch in held_out(context.data, 20, draw):
            scores = torch.sigmoid(net(batch.inputs).squeeze(1))
            biases.append(soft(scores, batch.labels, batch.groups).item())
    assert told == pytest.approx(explained(biases, [0.03] * BATCHES), abs=1e-5)


def _says(state, value):
    state = copy.deepcopy(state)
    state["critic"]["of_batch.2.bias"].fill_(value)
    return state

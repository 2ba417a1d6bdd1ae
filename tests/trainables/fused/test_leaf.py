"""Training through one leaf beside training through every parameter."""

import copy
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from trainables.fused.batch_loss import BatchLoss
from trainables.learning.training import MaskedOptimizer, adam, batch_statistics
from trainables.masks import Masks
from trainables.models.mlp import mlp


def rows_of(draw):
    nothing = torch.zeros(20, dtype=torch.int64)
    labels = torch.randint(2, (20,), generator=draw)
    inputs = torch.randn(20, 7, generator=draw)
    return SimpleNamespace(inputs=inputs, labels=labels, groups=nothing, weights=torch.ones(20))


def trained(through_leaf, *, also_replaced=False, steps=5):
    torch.manual_seed(0)
    net = mlp((7,), 1, hidden=2, width=9)
    draw = torch.Generator().manual_seed(5)
    masks = Masks.keep_all(net)
    masks = Masks({k: torch.rand(m.shape, generator=draw) < 0.5 for k, m in masks.items()})
    optimizer = MaskedOptimizer(net, masks, adam(net, 0.01), fused=True)
    loss_of = BatchLoss()
    with batch_statistics(net):
        assert loss_of.begin(net, optimizer.leaf if through_leaf else None)
        for step in range(steps):
            torch.manual_seed(step)
            rows = rows_of(draw)
            slopes = None if also_replaced else loss_of.slopes(rows)
            assert (slopes is not None) == (through_leaf and not also_replaced)
            loss = loss_of(rows) if slopes is None else slopes
            if also_replaced:
                loss = loss + loss_of(rows, {n: one + 0.1 for n, one in net.named_parameters()})
            optimizer.step(loss)
    return net, optimizer


@pytest.mark.parametrize("also_replaced", [False, True])
def test_weights_end_alike(also_replaced):
    ends = [trained(through, also_replaced=also_replaced)[0] for through in (True, False)]

    torch.testing.assert_close(ends[0].state_dict(), ends[1].state_dict(), rtol=1e-5, atol=1e-6)


def test_copies_of_the_network_have_weights_of_their_own():
    net, optimizer = trained(True)
    other, before = copy.deepcopy(net), copy.deepcopy(net.state_dict())
    with torch.no_grad():
        other[1].weight.zero_()

    assert torch.equal(net[1].weight, before["1.weight"])
    assert optimizer.leaf.tensor.data_ptr() == net[1].weight.data_ptr()


def test_weights_that_were_moved_elsewhere_are_leaves_of_their_own():
    net, optimizer = trained(True)
    for parameter in net.parameters():
        parameter.data = parameter.data.clone()
    before = copy.deepcopy(net.state_dict())
    loss_of = BatchLoss()
    assert loss_of.begin(net, optimizer.leaf)
    optimizer.step(loss_of(rows_of(torch.Generator())))

    assert all(one.grad is not None for one in net.parameters())
    assert not torch.equal(net[1].weight, before["1.weight"])


def test_where_torch_itself_has_to_step_it_is_handed_the_flat_gradient():
    ends = []
    for flat in (True, False):
        net, optimizer = trained(True, steps=1)
        state = optimizer.state_dict()
        state["state"][0]["step"] = torch.tensor(5.0)  # the loop takes only steps that are alike
        optimizer.load_state_dict(state)
        before = copy.deepcopy(net.state_dict())
        rows, loss_of = rows_of(torch.Generator().manual_seed(1)), BatchLoss()
        with batch_statistics(net):
            torch.manual_seed(0)
            assert loss_of.begin(net, optimizer.leaf)
            optimizer.step(loss_of.slopes(rows) if flat else loss_of(rows))
        assert not torch.equal(net[1].weight, before["1.weight"])
        ends.append(copy.deepcopy(net.state_dict()))

    torch.testing.assert_close(*ends, rtol=0, atol=0)


def test_only_an_optimizer_with_a_leaf_takes_a_flat_gradient():
    net = mlp((7,), 1, hidden=2, width=9)
    optimizer = MaskedOptimizer(net, Masks.keep_all(net), adam(net, 0.01))
    with pytest.raises(ValueError, match="leaf"):
        optimizer.step(np.zeros(3, np.float32))

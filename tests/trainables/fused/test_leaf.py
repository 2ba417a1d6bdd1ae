"""Training through one leaf beside training through every parameter."""

import copy

import pytest
import torch

from trainables.fused.answer import answer
from trainables.learning.training import MaskedOptimizer, adam, batch_statistics
from trainables.masks import Masks
from trainables.models.mlp import mlp


def trained(through_leaf, *, also_replaced=False, epochs=5):
    torch.manual_seed(0)
    net = mlp((7,), 1, hidden=2, width=9)
    draw = torch.Generator().manual_seed(5)
    masks = Masks.keep_all(net)
    masks = Masks({k: torch.rand(m.shape, generator=draw) < 0.5 for k, m in masks.items()})
    optimizer = MaskedOptimizer(net, masks, adam(net, 0.01), fused=True)
    leaf = optimizer.leaf if through_leaf else None
    with batch_statistics(net):
        for step in range(epochs):
            torch.manual_seed(step)
            rows = torch.randn(20, 7, generator=draw)
            loss = (answer(net, rows, leaf=leaf) ** 2).mean()
            if also_replaced:
                other = {name: one + 0.1 for name, one in net.named_parameters()}
                loss = loss + (answer(net, rows, other, leaf=leaf) ** 2).mean()
            optimizer.step(loss)
    return net, optimizer


@pytest.mark.parametrize("also_replaced", [False, True])
def test_weights_end_alike(also_replaced):
    ends = [trained(through, also_replaced=also_replaced)[0] for through in (True, False)]

    torch.testing.assert_close(ends[0].state_dict(), ends[1].state_dict(), rtol=1e-5, atol=1e-6)


def test_gradients_of_the_first_step_are_handed_to_the_parameters():
    net, _ = trained(True, epochs=1)

    assert all(one.grad is not None for one in net.parameters())


def test_copies_of_the_network_have_weights_of_their_own():
    net, optimizer = trained(True)
    other, before = copy.deepcopy(net), copy.deepcopy(net.state_dict())
    optimizer.step((answer(other, torch.randn(20, 7), leaf=optimizer.leaf) ** 2).mean())
    with torch.no_grad():
        other[1].weight.zero_()

    for name, one in net.state_dict().items():
        if "weight" in name and one.ndim == 2:
            assert torch.equal(one, before[name])


def test_weights_that_were_moved_elsewhere_are_leaves_of_their_own():
    net, optimizer = trained(True)
    for parameter in net.parameters():
        parameter.data = parameter.data.clone()
        parameter.grad = None
    optimizer.leaf.clear()
    answer(net, torch.randn(20, 7), leaf=optimizer.leaf).sum().backward()

    assert optimizer.leaf.tensor.grad is None
    assert all(one.grad is not None for one in net.parameters())

"""Adam's compiled step beside torch's, under masks, and through MaskedOptimizer."""

import copy

import pytest
import torch

from trainables.learning.training import MaskedOptimizer, adam, sgd
from trainables.masks import Masks
from trainables.models.mlp import mlp


def masks_of(net, density):
    draw = torch.Generator().manual_seed(5)
    masks = Masks.keep_all(net)
    return Masks({k: torch.rand(m.shape, generator=draw) < density for k, m in masks.items()})


def trained(fused, *, density=1.0, decay=0.0, steps=6, make=adam, frozen=False):
    torch.manual_seed(0)
    net = mlp((7,), 1, hidden=2, width=9)
    if frozen:
        net[1].requires_grad_(False)
    masks = masks_of(net, density)
    optimizer = MaskedOptimizer(net, masks, make(net, 0.01, weight_decay=decay), fused=fused)
    draw = torch.Generator().manual_seed(1)
    for step in range(steps):
        optimizer.set_lr(0.01 / (step + 1))
        net.eval()
        rows = torch.randn(20, 7, generator=draw)
        optimizer.step((net(rows) ** 2).mean())
    return net, optimizer, masks


@pytest.mark.parametrize("density", [1.0, 0.5, 0.0])
@pytest.mark.parametrize("decay", [0.0, 0.1])
@pytest.mark.parametrize("frozen", [False, True])
def test_steps_are_those_of_torch(density, decay, frozen):
    (mine, _, masks), (theirs, _, _) = (
        trained(fused, density=density, decay=decay, frozen=frozen) for fused in (True, False)
    )

    for (name, one), other in zip(mine.named_parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-6, msg=name)
    for name, weight in masks.check(mine).items():
        assert not weight[~masks[name]].any()


def test_what_is_saved_is_what_torch_keeps_and_either_goes_on_from_it():
    _, mine, _ = trained(True, density=0.5)
    _, theirs, _ = trained(False, density=0.5)
    saved, wanted = mine.state_dict(), theirs.state_dict()

    torch.testing.assert_close(saved["state"], wanted["state"], rtol=1e-4, atol=1e-6)
    ends = []
    for fused in (True, False):
        net, optimizer, _ = trained(fused, density=0.5, steps=1)
        net.load_state_dict(trained(False, density=0.5)[0].state_dict())
        optimizer.load_state_dict(saved)
        optimizer.step((net(torch.ones(4, 7)) ** 2).mean())
        ends.append(copy.deepcopy(net.state_dict()))
    torch.testing.assert_close(*ends, rtol=1e-5, atol=1e-6)


def test_other_optimizers_step_themselves():
    mine, theirs = (trained(fused, make=sgd)[0].state_dict() for fused in (True, False))

    torch.testing.assert_close(mine, theirs, rtol=0, atol=0)

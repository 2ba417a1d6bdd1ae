"""Optimizers without torch's compiler: torch's own, to the last bit."""

import subprocess
import sys

import pytest
import torch
from torch import nn

from trainables import optimizers

SETTINGS = {
    "Adam": {"lr": 1e-2, "weight_decay": 0.1},
    "SGD": {"lr": 1e-2, "momentum": 0.9, "weight_decay": 0.1},
}


def net_of():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 1))


def steps(net, optimizer, count):
    inputs = torch.randn(8, 3, generator=torch.Generator().manual_seed(count))
    for _ in range(count):
        optimizer.zero_grad()
        net(inputs).square().mean().backward()
        optimizer.step()


@pytest.mark.parametrize("fused", [False, True])
@pytest.mark.parametrize("name", SETTINGS)
def test_its_steps_are_those_of_torch_through_a_stored_state(name, fused):
    ours, theirs = net_of(), net_of()
    of_ours = getattr(optimizers, name)(ours.parameters(), fused=fused, **SETTINGS[name])
    of_theirs = getattr(torch.optim, name)(theirs.parameters(), fused=fused, **SETTINGS[name])

    steps(ours, of_ours, 3)
    steps(theirs, of_theirs, 3)
    stored = of_ours.state_dict()
    of_ours = getattr(optimizers, name)(ours.parameters(), fused=fused, lr=1.0)
    of_ours.load_state_dict(stored)
    steps(ours, of_ours, 2)
    steps(theirs, of_theirs, 2)

    assert not torch.equal(ours[0].weight, net_of()[0].weight)
    for one, other in zip(ours.parameters(), theirs.parameters(), strict=True):
        assert torch.equal(one, other)
        assert one.grad is not None
        assert not one.grad.requires_grad
    assert isinstance(of_ours, getattr(torch.optim, name))


def test_hooks_on_its_steps_are_called():
    net, called = net_of(), []
    optimizer = optimizers.Adam(net.parameters())
    optimizer.register_step_post_hook(lambda *_: called.append(1))

    steps(net, optimizer, 2)

    assert called == [1, 1]


@pytest.mark.parametrize(("package", "loads"), [("trainables.optimizers", False), ("torch", True)])
def test_a_step_does_not_load_the_compiler(package, loads):
    """The second case is the control: where torch no longer loads it, ours can go."""
    words = f"""
import sys
import torch
import {package}
classes = sys.modules["{package}"] if "{package}" != "torch" else torch.optim
for name in {list(SETTINGS)}:
    weight = torch.ones(2, requires_grad=True)
    optimizer = getattr(classes, name)([weight], lr=0.1)
    optimizer.zero_grad()
    weight.sum().backward()
    optimizer.step()
    optimizer.load_state_dict(optimizer.state_dict())
print("torch._dynamo" in sys.modules)
"""

    said = subprocess.run(
        [sys.executable, "-c", words], capture_output=True, check=True, text=True
    )

    assert said.stdout.strip() == str(loads)

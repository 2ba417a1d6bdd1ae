"""The modules of a network and the mode they are in, quickly: small networks are asked often."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from torch import nn


@contextmanager
def evaluating(net: nn.Module) -> Iterator[None]:
    """`net` in evaluation mode; afterwards every module is back in the mode it had."""
    modules = modules_of(net)
    learning = [module.training for module in modules]
    _set_training(modules, [False] * len(modules))
    try:
        yield
    finally:
        _set_training(modules, learning)


def modules_of(net: nn.Module) -> list[nn.Module]:
    """A network's modules, each once, without their names: `net.modules()` makes these up."""
    found = {net: None}
    open_ones = [net]
    for module in open_ones:  # grows meanwhile
        for child in module._modules.values():
            if child is not None and child not in found:
                found[child] = None
                open_ones.append(child)
    return open_ones


def set_learning(net: nn.Module) -> None:
    """`net.train()`; the quick way where no module has one of its own."""
    modules = modules_of(net)
    if all(type(module).train is nn.Module.train for module in modules):
        _set_training(modules, [True] * len(modules))
    else:
        net.train()


def _set_training(modules: Sequence[nn.Module], wanted: Sequence[bool]) -> None:
    """What `train` does, without `nn.Module`'s way to assign: it costs as much as a pass."""
    for module, training in zip(modules, wanted, strict=True):
        if module.training != training:
            object.__setattr__(module, "training", training)

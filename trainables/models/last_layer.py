"""Another last layer for a network, and layers drawn from a generator."""

from __future__ import annotations

import copy
import math

import torch
from torch import Tensor, nn

from trainables.batches import evaluating
from trainables.features import last_linear


def fresh_linear(
    inputs: int, outputs: int, generator: torch.Generator, *, bias: bool = True
) -> nn.Linear:
    """A Linear initialised as torch does it, uniform within +-1/sqrt(inputs), from `generator`."""
    layer = nn.Linear(inputs, outputs, bias=bias)
    bound = 1.0 / math.sqrt(inputs)
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.uniform_(-bound, bound, generator=generator)
    return layer


def with_layer(net: nn.Module, name: str, layer: nn.Module) -> nn.Module:
    """`net` with `layer` in the place called `name`, in place; "" stands for all of `net`."""
    if not name:
        return layer
    parent, _, own = name.rpartition(".")
    setattr(net.get_submodule(parent), own, layer)
    return net


def widened(
    who: str, net: nn.Module, example: Tensor, outputs: int, generator: torch.Generator
) -> tuple[nn.Module, str]:
    """A copy of `net` that ends in a fresh Linear with `outputs` columns, and that layer's name.

    `example` (n, ...) is any normalised batch on the network's device. Raises ValueError, naming
    `who`, where what the network puts out is not just what its last Linear does.
    """
    net = copy.deepcopy(net)
    last = last_linear(net, example)
    places = [key for key, one in net.named_modules(remove_duplicate=False) if one is last]
    if len(places) != 1 or not _ends_in(net, last, example):
        raise ValueError(
            f"{who}: the network must end in a Linear layer of its own, whose output is the "
            f"network's, got {', '.join(places)} of {type(net).__name__}"
        )
    bias = last.bias is not None
    fresh = fresh_linear(last.in_features, outputs, generator, bias=bias)
    return with_layer(net, places[0], fresh.to(last.weight.device)), places[0]


@torch.no_grad()
def _ends_in(net: nn.Module, last: nn.Linear, example: Tensor) -> bool:
    seen: list[Tensor] = []
    handle = last.register_forward_hook(lambda _, __, output: seen.append(output))
    try:
        with evaluating(net):
            output: Tensor = net(example[:2])
    finally:
        handle.remove()
    same = torch.equal(output.nan_to_num(), seen[-1].nan_to_num())
    return output.ndim == 2 and same

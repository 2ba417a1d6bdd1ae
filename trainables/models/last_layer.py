"""The last linear layer of a network: found, its inputs kept, replaced by another."""

from __future__ import annotations

import copy
import math
from typing import Any

import torch
from torch import Tensor, nn

from trainables.modules import evaluating


class FeatureTap:
    """Keeps the input of the last Linear layer in each forward pass (with its gradient).

    The last layer is the one that runs last on a trial input, in whatever order they are defined.
    Use as `with FeatureTap(net, inputs) as tap: logits = net(x); features = tap.features()`.
    """

    def __init__(self, net: nn.Module, inputs: Tensor) -> None:
        """`inputs` (n, ...) is any normalised batch on the network's device."""
        self._layer = last_linear(net, inputs)
        self._seen: Tensor | None = None
        self.width = self._layer.in_features
        self._handle = self._layer.register_forward_pre_hook(self._keep)

    def _keep(self, layer: nn.Module, inputs: tuple[Any, ...]) -> None:
        del layer
        self._seen = inputs[0]

    def features(self) -> Tensor:
        """(n, width) of the latest forward pass, to be read once. Those of tokens are averaged."""
        if self._seen is None:
            raise RuntimeError("features: the network must run before its features are read")
        seen, self._seen = self._seen.float(), None
        return seen if seen.ndim == 2 else seen.flatten(1, -2).mean(1)

    def close(self) -> None:
        """Takes the hook off the network again."""
        self._handle.remove()

    def __enter__(self) -> FeatureTap:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


@torch.no_grad()
def last_linear(net: nn.Module, inputs: Tensor) -> nn.Linear:
    """The Linear layer that runs last; raises ValueError for a network without one."""
    order: list[nn.Linear] = []

    def note(layer: nn.Module, _: Any) -> None:
        if isinstance(layer, nn.Linear):
            order.append(layer)

    linear = [module for module in net.modules() if isinstance(module, nn.Linear)]
    handles = [layer.register_forward_pre_hook(note) for layer in linear]
    try:
        with evaluating(net):
            net(inputs[:2])
    finally:
        for handle in handles:
            handle.remove()
    if not order:
        kind = type(net).__name__
        raise ValueError(f"features: the network must end in a Linear layer, {kind} has none")
    return order[-1]


def fresh_linear(
    inputs: int, outputs: int, generator: torch.Generator, *, bias: bool = True
) -> nn.Linear:
    """A Linear layer as torch initialises it, within +-1/sqrt(inputs), but from `generator`."""
    layer = nn.Linear(inputs, outputs, bias=bias)
    bound = 1.0 / math.sqrt(inputs)
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.uniform_(-bound, bound, generator=generator)
    return layer


def with_layer(net: nn.Module, name: str, layer: nn.Module) -> nn.Module:
    """`net`, changed in place: `layer` is where `name` was. The name "" means all of `net`."""
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
    `who`, where the network's output is not that of its last Linear.
    """
    net = copy.deepcopy(net)
    last = last_linear(net, example)
    places = [key for key, layer in net.named_modules(remove_duplicate=False) if layer is last]
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

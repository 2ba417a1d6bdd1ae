"""The features that a network's last linear layer decides by, for any network."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from trainables.batches import evaluating


class FeatureTap:
    """Keeps the input of the last Linear layer of each forward pass (with its gradient).

    The layer is the one that runs last on a trial input, whatever the order of definition.
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
        """(n, width) of the forward pass just made, once; tokens in between are averaged."""
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

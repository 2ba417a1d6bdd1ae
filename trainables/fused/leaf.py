"""The parameters of a network's hidden layers as one leaf of autograd's graph.

A way back that ends in dozens of small leaves costs a small network more than its arithmetic. Who
trains all parameters in one step asks for the gradient of this leaf instead.
"""

from __future__ import annotations

from itertools import accumulate

import numpy as np
import torch
from torch import Tensor, nn

from trainables.fused.trunk import Known, Trunk, trunk_of


class Leaf:
    """One flat tensor whose slices are the parameters of a network's hidden layers.

    Rebinds their data in place: the network must be the caller's own.
    """

    def __init__(self, trunk: Trunk, parameters: list[Tensor]) -> None:
        self.parameters = parameters
        self._counts, self._shapes = trunk.counts, trunk.shapes
        flat = torch.cat([one.detach().reshape(-1) for one in parameters])
        for parameter, view in zip(parameters, self._views(flat), strict=True):
            parameter.data = view
        self.tensor = flat.requires_grad_()
        self._known: Known | None = None
        self._known_of: Trunk | None = None
        self.places = [one.data_ptr() for one in parameters]
        starts = [0, *accumulate(self._counts)][:-1]
        self.starts = np.array(starts) * flat.element_size()  # of each slice, in bytes

    @classmethod
    def of(cls, net: nn.Module) -> Leaf | None:
        """None of a network that the compiled loops do not fit."""
        trunk = trunk_of(net)
        found = None if trunk is None else trunk.parameters({}, torch.float32)
        return None if trunk is None or found is None else cls(trunk, found[0])

    def _views(self, flat: Tensor) -> list[Tensor]:
        pieces = flat.split(self._counts)
        return [piece.view(shape) for piece, shape in zip(pieces, self._shapes, strict=True)]

    def known(self, trunk: Trunk) -> Known | None:
        """What the last call found out, where it still holds; see `renew`."""
        if self._known is None or self._known_of is not trunk:
            return None
        return self._known if self._known.mode.marks == trunk.marks() else None

    def keep(self, trunk: Trunk, known: Known) -> None:
        """Remembers what a call has found out."""
        self._known_of, self._known = trunk, known

    def renew(self) -> None:
        """Has the next call look at every layer again.

        Between two calls of this nobody may place hooks on hidden layers, move their parameters,
        or switch modes other than those of all layers: to look each time costs half a pass.
        """
        self._known = None

    def clear(self) -> None:
        """Drops the gradient."""
        self.tensor.grad = None

    def alone(self) -> bool:
        """Whether all gradients of the parameters are here, and none beside."""
        if self.tensor.grad is None:
            return False
        return all(one.grad is None for one in self.parameters)

    def hand_out(self) -> None:
        """Moves the gradient to the parameters, added to what they have."""
        if self.tensor.grad is None:
            return
        views = self._views(self.tensor.grad)
        for parameter, view in zip(self.parameters, views, strict=True):
            if parameter.requires_grad:
                parameter.grad = view if parameter.grad is None else parameter.grad + view
        self.tensor.grad = None

"""Many parameters of a network as one leaf of autograd's graph.

A way back that ends in dozens of small leaves costs a small network more than its arithmetic.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from trainables.fused.trunk import trunk_of


@dataclass(frozen=True)
class Leaf:
    """A flat tensor whose slices are parameters of a network, and where its gradients go."""

    tensor: Tensor
    places: NDArray[np.int64]  # (layers, 4) of the hidden layers' in it, -1 for those beside
    of_head: NDArray[np.int64]  # (2,) of the last layer's

    @classmethod
    def of(cls, net: nn.Module, flat: Tensor, starts: Mapping[str, int]) -> Leaf | None:
        """`starts` says where in `flat` the values of each parameter begin, by its name.

        None of a network that the compiled loops do not fit.
        """
        trunk = trunk_of(net)
        known = {} if trunk is None else dict.fromkeys((*trunk.names, *trunk.of_head))
        if trunk is None or not starts.keys() <= known.keys() or flat.dtype != torch.float32:
            return None
        at = [starts.get(name, -1) for name in known]
        return cls(
            flat.detach().requires_grad_(), np.array(at[:-2]).reshape(-1, 4), np.array(at[-2:])
        )

    def holds(self, where: NDArray[np.int64], head: NDArray[np.int64]) -> bool:
        """Whether its slices are the parameters at these addresses, as they are numbered."""
        begin, size = self.tensor.data_ptr(), self.tensor.element_size()
        pairs = ((where, self.places), (head, self.of_head))
        return all(
            bool(((places < 0) | (found == begin + size * places)).all())
            for found, places in pairs
        )

"""Running statistics of a network's normalisations, estimated over many batches in one loop."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import accumulate

import numpy as np
from torch import Tensor, nn

from trainables.fused.loops import loops
from trainables.fused.trunk import addresses, trunk_of


def running_estimate(
    net: nn.Module, inputs: Tensor
) -> Callable[[Tensor, Sequence[int]], None] | None:
    """Has running means and variances become the plain average over batches, dropout off.

    It is called with the order in which rows of `inputs` (n, ...) come, and how many each batch
    takes of them, at least 2. None where the loops do not fit.
    """
    trunk = trunk_of(net)
    if trunk is None or len(inputs) < 2 or not inputs.is_cpu:
        return None
    kind = trunk.layers[0].linear.weight.dtype
    mode, running = trunk.mode(), trunk.running()
    parameters, head = trunk.parameters({}, kind), trunk.head_parameters({}, kind)
    if mode is None or running is None or parameters is None or head is None:
        return None
    rows = inputs.flatten(1)
    if rows.dtype != kind or rows.shape[1] != trunk.sizes[0] or not rows.is_contiguous():
        return None
    where, epsilon = addresses(parameters).reshape(-1, 4), mode.rates(kind)[0]

    def estimate(order: Tensor, sizes: Sequence[int]) -> None:
        batches = np.array([0, *accumulate(sizes)])
        loops().layers.estimate(
            rows.numpy(), order.numpy(), batches, trunk.sizes, where, running, epsilon
        )

    return estimate

"""The compiled loop of Adam over all tensors of a small network at once."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from trainables.compiling import machine_code

in_order: Any = partial(machine_code, fastmath={"contract"}, error_model="numpy")


@in_order
def step(values, slopes, mask, first, second, steps, rates):  # type: ignore[no-untyped-def]
    """One step of Adam (Kingma, Ba, ICLR 2015, algorithm 1) of values (n,), in place.

    `slopes` (n,) are their gradients, `first` and `second` (n,) the moments, `steps` (tensors,)
    float32 the count of steps, the same for all. `rates` are (lr, beta 1, beta 2, epsilon, weight
    decay), float64. Where `mask` (n,) is 0 the gradient counts as 0, and the value becomes 0; an
    empty mask keeps all.
    """
    lr, beta1, beta2, epsilon, decay = rates
    kind = values.dtype
    steps += np.float32(1)
    done = float(steps[0])
    keep1, take1 = kind.type(beta1), kind.type(1.0 - beta1)
    keep2, take2 = kind.type(beta2), kind.type(1.0 - beta2)
    pull, least = kind.type(decay), kind.type(epsilon)
    size = kind.type(lr / (1.0 - beta1**done))
    root = kind.type(1.0 / np.sqrt(1.0 - beta2**done))
    for j in range(mask.size):
        values[j] *= mask[j]
        slopes[j] *= mask[j]
    for j in range(values.size):
        slope = slopes[j] + pull * values[j]
        mean = keep1 * first[j] + take1 * slope
        square = keep2 * second[j] + take2 * slope * slope
        first[j], second[j] = mean, square
        values[j] -= size * mean / (np.sqrt(square) * root + least)

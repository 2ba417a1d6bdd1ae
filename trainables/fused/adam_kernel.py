"""The compiled loop of Adam over many small tensors."""

from __future__ import annotations

import numpy as np
from numba import carray

from trainables.compiling import machine_code
from trainables.fused.memory import pointer


def _step(where, counts, rates, like):  # type: ignore[no-untyped-def]
    """One step of Adam (Kingma, Ba, ICLR 2015, algorithm 1) of every tensor, in place.

    `where` (tensors, 6) are the addresses of values, gradient, both moments, the count of steps
    (float32) and the mask, 0 where there is no gradient or no mask. `rates` are (lr, beta 1, beta
    2, epsilon, weight decay), float64. `like` (1,) has the values' type. Where a mask is 0 the
    gradient counts as 0, and the value becomes 0.
    """
    lr, beta1, beta2, epsilon, decay = rates
    kind = like.dtype
    keep1, take1 = kind.type(beta1), kind.type(1.0 - beta1)
    keep2, take2 = kind.type(beta2), kind.type(1.0 - beta2)
    pull, least = kind.type(decay), kind.type(epsilon)
    for i in range(counts.size):
        n = counts[i]
        if where[i, 1] == 0:
            continue
        steps = carray(pointer(where[i, 4]), (1,), np.float32)
        steps[0] += np.float32(1)
        size = kind.type(lr / (1.0 - beta1 ** float(steps[0])))
        root = kind.type(1.0 / np.sqrt(1.0 - beta2 ** float(steps[0])))
        values = carray(pointer(where[i, 0]), (n,), kind)
        slopes = carray(pointer(where[i, 1]), (n,), kind)
        first = carray(pointer(where[i, 2]), (n,), kind)
        second = carray(pointer(where[i, 3]), (n,), kind)
        if where[i, 5] != 0:
            mask = carray(pointer(where[i, 5]), (n,), kind)
            for j in range(n):
                values[j] *= mask[j]
                slopes[j] *= mask[j]
        for j in range(n):
            slope = slopes[j] + pull * values[j]
            mean = keep1 * first[j] + take1 * slope
            square = keep2 * second[j] + take2 * slope * slope
            first[j], second[j] = mean, square
            values[j] -= size * mean / (np.sqrt(square) * root + least)


step = machine_code(_step, fastmath={"contract"}, error_model="numpy")

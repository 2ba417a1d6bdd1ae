"""The compiled loops of a mask that learns: drawn from logits, and one step of these."""

from __future__ import annotations

import numpy as np

from trainables.fused import adam_kernel
from trainables.fused.products import compiled


@compiled
def sample(logits, noise, frozen, noisy, mask, buffer, rows):  # type: ignore[no-untyped-def]
    """M = 1[m + noise >= 0] and theta * M, all (n,); returns how many weights M keeps.

    `noise` is standard normal, and is given the variance min(1, max(.05, .5 m)). Of each two that
    follow one another in `rows` the first is where an output's weights begin, the second where
    they end: the one of the largest noisy logit is kept. Without such outputs `rows` is empty.
    """
    kind = logits.dtype.type
    zero, one, half, least = kind(0), kind(1), kind(0.5), kind(0.05)
    kept = 0.0
    for j in range(logits.size):
        variance = min(one, max(least, half * logits[j]))
        noisy[j] = logits[j] + noise[j] * np.sqrt(variance)
        mask[j] = one if noisy[j] >= zero else zero
    for row in range(rows.size - 1):
        largest = rows[row]
        for j in range(rows[row] + 1, rows[row + 1]):
            if noisy[j] > noisy[largest]:
                largest = j
        mask[largest] = one
    for j in range(logits.size):
        buffer[j] = frozen[j] * mask[j]
    for j in range(mask.size):
        kept += mask[j]
    return kept


@adam_kernel.in_order
def step(slopes, pull, sigma, logits, first, second, steps, rates, largest):  # type: ignore[no-untyped-def]
    """One step of Adam of `logits` (n,) by the straight-through slope sigma' = sigma (1 - sigma).

    `slopes` (n,) are those at the mask, written over; `pull` is added to each. Logits stay within
    +-`largest`. The rest is as in `adam_kernel.step`.
    """
    kind = logits.dtype.type
    one, limit, added = kind(1), kind(largest), kind(pull)
    for j in range(logits.size):
        slopes[j] = (slopes[j] + added) * sigma[j] * (one - sigma[j])
    adam_kernel.step(logits, slopes, slopes[:0], first, second, steps, rates)
    for j in range(logits.size):
        logits[j] = min(limit, max(-limit, logits[j]))

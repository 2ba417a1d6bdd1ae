"""The compiled loops of a mask that learns: drawn from logits, and one step of these."""

from __future__ import annotations

import numpy as np

from trainables.fused import adam_kernel
from trainables.fused.products import compiled

_ONE, _HALF = np.float32(1), np.float32(0.5)
_FAR = np.float32(80)  # from there on a sigmoid has no slope
_PER_LN2 = np.float32(1 / np.log(2.0))
_LN2_HIGH, _LN2_LOW = np.float32(0.693359375), np.float32(-2.1219444e-4)  # its first and last bits


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
def step(slopes, frozen, at, pull, logits, first, second, steps, rates, largest):  # type: ignore[no-untyped-def]
    """One step of Adam of `logits` (n,) by the straight-through slope of M, sigma' at `at` (n,).

    `slopes` (n,) are those at the weights theta * M, written over; `frozen` are theta. `pull` is
    added to each slope at M. Logits stay within +-`largest`. The rest is as in `adam_kernel.step`.
    """
    kind = logits.dtype.type
    limit, added = kind(largest), kind(pull)
    for j in range(logits.size):
        slopes[j] = (slopes[j] * frozen[j] + added) * _slope_of_sigmoid(at[j])
    adam_kernel.step(logits, slopes, slopes[:0], first, second, steps, rates)
    for j in range(logits.size):
        logits[j] = min(limit, max(-limit, logits[j]))


@adam_kernel.in_order
def _slope_of_sigmoid(at):  # type: ignore[no-untyped-def]
    """sigma' of a float32: e / (1 + e)^2, e = exp(-|at|), by its series between powers of two."""
    far = min(abs(at), _FAR)
    power = np.int32(far * _PER_LN2 + _HALF)
    rest = np.float32(power) * _LN2_HIGH - far + np.float32(power) * _LN2_LOW
    series = np.float32(1 / 120) + rest * np.float32(1 / 720)
    series = np.float32(1 / 6) + rest * (np.float32(1 / 24) + rest * series)
    series = _ONE + rest * (_ONE + rest * (_HALF + rest * series))
    scale = np.int32(np.int32(np.int32(127) - power) << np.int32(23)).view(np.float32)
    small = series * scale
    return small / ((_ONE + small) * (_ONE + small))

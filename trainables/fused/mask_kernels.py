"""The compiled loops of a mask that learns: drawn from logits, and one step of these."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from trainables.compiling import machine_code
from trainables.fused import adam_kernel
from trainables.fused.draws import keyed, mixed
from trainables.fused.products import compiled


# Without numba's check of each divisor, which no vector passes
_in_vectors: Any = partial(machine_code, fastmath={"contract", "nsz"}, error_model="numpy")


@_in_vectors
def normals(seed, out):  # type: ignore[no-untyped-def]
    """Fills `out` (n,), float32, with standard normal draws: those of Box and Muller, by counters.

    Torch's own are drawn one after the other, which takes longer than all else that a mask needs.
    """
    half = out.size // 2
    low, high = out[:half], out[half : 2 * half]
    first, second = keyed(seed, 0, 0), keyed(seed, 1, 0)
    for j in range(half):
        step = np.uint32(j)
        low[j], high[j] = _pair(mixed(np.uint32(first + step)), mixed(np.uint32(second + step)))
    if out.size > 2 * half:
        last = np.uint32(half)
        out[2 * half], _ = _pair(mixed(np.uint32(first + last)), mixed(np.uint32(second + last)))


_ONE, _HALF = np.float32(1), np.float32(0.5)
_TO_HALF_TURNS = np.float32(2.0**-31)
_TO_SHARE = np.float32(2.0**-24)
_LN2 = np.float32(np.log(2.0))


@_in_vectors
def _pair(length, turn):  # type: ignore[no-untyped-def]
    """Two normal numbers, of the bits of a length and of a turn."""
    far = np.sqrt(np.float32(-2) * _log(length))
    halves = np.float32(np.int32(turn)) * _TO_HALF_TURNS  # -1 to 1
    folded = _ONE - halves if halves > _HALF else halves
    folded = -_ONE - halves if halves < -_HALF else folded
    return far * _sine(_HALF - abs(halves)), far * _sine(folded)


@_in_vectors
def _log(bits):  # type: ignore[no-untyped-def]
    """The logarithm of (the upper 24 bits + 1) / 2^24, a share in (0, 1]."""
    share = np.float32(np.int32(np.int32(bits >> np.uint32(8)) + np.int32(1))) * _TO_SHARE
    raw = np.float32(share).view(np.int32)
    # share = 2^power * part, part from sqrt(1/2) to sqrt(2)
    power = np.int32(np.int32(raw - np.int32(0x3F3504F3)) >> np.int32(23))
    part = np.int32(raw - np.int32(power << np.int32(23))).view(np.float32)
    ratio = (part - _ONE) / (part + _ONE)
    square = ratio * ratio
    series = np.float32(1 / 7) + square * np.float32(1 / 9)
    series = np.float32(1 / 3) + square * (np.float32(1 / 5) + square * series)
    return np.float32(power) * _LN2 + np.float32(2) * ratio * (_ONE + square * series)


@_in_vectors
def _sine(halves):  # type: ignore[no-untyped-def]
    """sin(pi x), x from -1/2 to 1/2: the first terms of the series."""
    square = halves * halves
    series = np.float32(0.08214589) + square * np.float32(-0.007370431)
    series = np.float32(-0.5992645) + square * series
    series = np.float32(2.550164) + square * series
    series = np.float32(-5.167713) + square * series
    return halves * (np.float32(3.1415927) + square * series)


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


@_in_vectors
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


_FAR = np.float32(80)  # from there on the slope is 0
_PER_LN2 = np.float32(1 / np.log(2.0))
_LN2_HIGH, _LN2_LOW = np.float32(0.693359375), np.float32(-2.1219444e-4)  # its first and last bits


@_in_vectors
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

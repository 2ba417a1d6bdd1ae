"""Draws of compiled loops: bits that follow from a seed and a counter, so that vectors of them are
as cheap as one."""

from __future__ import annotations

import numpy as np

from trainables.fused.adam_kernel import in_order
from trainables.fused.products import compiled

_ONE, _HALF = np.float32(1), np.float32(0.5)
_TO_HALF_TURNS = np.float32(2.0**-31)
_TO_SHARE = np.float32(2.0**-24)
_LN2 = np.float32(np.log(2.0))

# numba widens sums and products of 32 bits to 64, so each is cut back: four times as fast.


@compiled
def mixed(bits):  # type: ignore[no-untyped-def]
    """Bits of a counter, mixed so that each depends on all (Chris Wellons' lowbias32)."""
    bits = np.uint32(bits ^ (bits >> np.uint32(16)))
    bits = np.uint32(bits * np.uint32(0x7FEB352D))
    bits = np.uint32(bits ^ (bits >> np.uint32(15)))
    bits = np.uint32(bits * np.uint32(0x846CA68B))
    return np.uint32(bits ^ (bits >> np.uint32(16)))


@compiled
def keyed(seed, layer, unit):  # type: ignore[no-untyped-def]
    """The start of a stream of draws of its own: that of a unit in a layer."""
    low, high = np.uint32(seed & 0xFFFFFFFF), np.uint32((seed >> 32) & 0xFFFFFFFF)
    of_unit = mixed(np.uint32(low + np.uint32(unit)))
    return mixed(np.uint32(of_unit ^ np.uint32(high + np.uint32(layer))))


@in_order
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


@in_order
def _pair(length, turn):  # type: ignore[no-untyped-def]
    """Two normal numbers, of the bits of a length and of a turn."""
    far = np.sqrt(np.float32(-2) * _log(length))
    halves = np.float32(np.int32(turn)) * _TO_HALF_TURNS  # -1 to 1
    folded = _ONE - halves if halves > _HALF else halves
    folded = -_ONE - halves if halves < -_HALF else folded
    return far * _sine(_HALF - abs(halves)), far * _sine(folded)


@in_order
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


@in_order
def _sine(halves):  # type: ignore[no-untyped-def]
    """sin(pi x), x from -1/2 to 1/2: the first terms of the series."""
    square = halves * halves
    series = np.float32(0.08214589) + square * np.float32(-0.007370431)
    series = np.float32(-0.5992645) + square * series
    series = np.float32(2.550164) + square * series
    series = np.float32(-5.167713) + square * series
    return halves * (np.float32(3.1415927) + square * series)

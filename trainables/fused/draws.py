"""Draws of compiled loops: bits that follow from a seed and a counter, so that vectors of them are
as cheap as one."""

from __future__ import annotations

import numpy as np

from trainables.fused.products import compiled

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

"""The compiled loops: Linear -> ReLU -> Dropout -> BatchNorm, layer after layer, and back.

Activations lie feature by feature, (units, rows), so that every inner loop runs along rows that
lie side by side, whatever the widths. Parameters are read where torch keeps them, by address.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
from numba import carray

from trainables.compiling import machine_code
from trainables.fused.memory import pointer

# Sums may be taken in another order, so that they run in vectors; NaN and infinity stay.
_compiled: Any = partial(machine_code, fastmath={"contract", "reassoc", "nsz"})
# Where a mean is subtracted another order would lose digits.
_in_order: Any = partial(machine_code, fastmath={"contract", "nsz"})

TILE = 128  # rows that a product works on together: they stay in the processor's first cache


@_compiled
def _floats(address, count, like):  # type: ignore[no-untyped-def]
    """The (count,) numbers at an address, of the type of `like`: faster made than a slice."""
    return carray(pointer(address), (count,), like.dtype)


@_compiled
def linear(weight, bias, inputs, outputs):  # type: ignore[no-untyped-def]
    """`outputs` (m, n) = weight (m, k) @ inputs (k, n) + bias (m,).

    Eight inputs are added in each pass over a row, which stays in the cache meanwhile.
    """
    k, n = inputs.shape
    size = inputs.itemsize
    step = n * size
    whole = k - k % 8
    for start in range(0, n, TILE):
        count = min(TILE, n - start)
        first = inputs.ctypes.data + start * size
        for unit in range(weight.shape[0]):
            row = _floats(outputs.ctypes.data + unit * step + start * size, count, outputs)
            w = weight[unit]
            for j in range(count):
                row[j] = bias[unit]
            for i in range(0, whole, 8):
                here = first + i * step
                x0, x1 = _floats(here, count, inputs), _floats(here + step, count, inputs)
                x2, x3 = (
                    _floats(here + 2 * step, count, inputs),
                    _floats(here + 3 * step, count, inputs),
                )
                x4, x5 = (
                    _floats(here + 4 * step, count, inputs),
                    _floats(here + 5 * step, count, inputs),
                )
                x6, x7 = (
                    _floats(here + 6 * step, count, inputs),
                    _floats(here + 7 * step, count, inputs),
                )
                w0, w1, w2, w3 = w[i], w[i + 1], w[i + 2], w[i + 3]
                w4, w5, w6, w7 = w[i + 4], w[i + 5], w[i + 6], w[i + 7]
                for j in range(count):
                    half = w0 * x0[j] + w1 * x1[j] + w2 * x2[j] + w3 * x3[j]
                    row[j] += half + w4 * x4[j] + w5 * x5[j] + w6 * x6[j] + w7 * x7[j]
            for i in range(whole, k):
                x = _floats(first + i * step, count, inputs)
                for j in range(count):
                    row[j] += w[i] * x[j]


@_compiled
def weight_slopes(slopes, inputs, out):  # type: ignore[no-untyped-def]
    """`out` (m, k) = slopes (m, n) @ inputs (k, n) transposed, by 2 x 4 sums at a time."""
    m, n = slopes.shape
    k = inputs.shape[0]
    zero = slopes.dtype.type(0)
    for o in range(0, m, 2):
        second = min(o + 1, m - 1)
        s0, s1 = slopes[o], slopes[second]
        for i in range(0, k, 4):
            i1, i2, i3 = min(i + 1, k - 1), min(i + 2, k - 1), min(i + 3, k - 1)
            x0, x1, x2, x3 = inputs[i], inputs[i1], inputs[i2], inputs[i3]
            a0 = a1 = a2 = a3 = b0 = b1 = b2 = b3 = zero
            for j in range(n):
                s, t = s0[j], s1[j]
                a0 += s * x0[j]
                a1 += s * x1[j]
                a2 += s * x2[j]
                a3 += s * x3[j]
                b0 += t * x0[j]
                b1 += t * x1[j]
                b2 += t * x2[j]
                b3 += t * x3[j]
            out[o, i3], out[o, i2], out[o, i1], out[o, i] = a3, a2, a1, a0
            out[second, i3], out[second, i2], out[second, i1], out[second, i] = b3, b2, b1, b0


@_compiled
def transpose(given, out):  # type: ignore[no-untyped-def]
    """`out` (k, n) = given (n, k), in squares that stay in the cache."""
    n, k = given.shape
    for a in range(0, n, 32):
        for b in range(0, k, 32):
            for j in range(b, min(b + 32, k)):
                for i in range(a, min(a + 32, n)):
                    out[j, i] = given[i, j]


# numba widens sums and products of 32 bits to 64, so each is cut back: four times as fast.


@_compiled
def _mixed(bits):  # type: ignore[no-untyped-def]
    """Bits of a counter, mixed so that each depends on all (Chris Wellons' lowbias32)."""
    bits = np.uint32(bits ^ (bits >> np.uint32(16)))
    bits = np.uint32(bits * np.uint32(0x7FEB352D))
    bits = np.uint32(bits ^ (bits >> np.uint32(15)))
    bits = np.uint32(bits * np.uint32(0x846CA68B))
    return np.uint32(bits ^ (bits >> np.uint32(16)))


@_compiled
def _drop(row, key, limit, scale):  # type: ignore[no-untyped-def]
    """Each value times `scale`, or 0 where the draw of its place is below `limit`."""
    zero = row.dtype.type(0)
    for j in range(row.size):
        drawn = _mixed(np.uint32(key + np.uint32(j)))
        row[j] = zero if drawn < limit else row[j] * scale


@_compiled
def _keyed(seed, layer, unit):  # type: ignore[no-untyped-def]
    """The start of a unit's stream of draws."""
    low, high = np.uint32(seed & 0xFFFFFFFF), np.uint32((seed >> 32) & 0xFFFFFFFF)
    of_unit = _mixed(np.uint32(low + np.uint32(unit)))
    return _mixed(np.uint32(of_unit ^ np.uint32(high + np.uint32(layer))))


@_in_order
def _before_norm(slope, row, factor, shift, centre, tilt):  # type: ignore[no-untyped-def]
    """The slope at a normalisation's output becomes that at the products before it."""
    zero, one = row.dtype.type(0), row.dtype.type(1)
    for j in range(row.size):
        value = factor * (slope[j] - shift - (row[j] - centre) * tilt)
        slope[j] = value * (one if row[j] > zero else zero)


@_in_order
def _normalise(row, gamma, beta, mean, inverse, out):  # type: ignore[no-untyped-def]
    factor = gamma * inverse
    for j in range(row.size):  # the mean first: of a unit that hardly varies little would be left
        out[j] = (row[j] - mean) * factor + beta


@_compiled
def forward(inputs, sizes, parameters, running, rates, options, kept, moments, out):  # type: ignore[no-untyped-def]
    """`out` (n, width) of `inputs` (n, k) through all layers; what the way back needs is kept.

    `sizes` (layers + 1,) are the inputs and the units of each layer. `parameters` (layers, 4) are
    the addresses of weight, bias, gamma, beta; `running` (layers, 3) those of the running mean and
    variance, and of the count of batches. `rates` (2 + layers,) are epsilon, the share dropped,
    and a momentum per layer, -1 for the plain average of all batches; `options` a seed, whether
    batches' statistics are used, and whether running ones are updated. `kept` has room for n
    values of each input and unit: inputs, then what goes into each normalisation, feature by
    feature. `moments` (layers, 2, largest width) are means and inverse deviations.
    """
    n, kind = inputs.shape[0], inputs.dtype
    epsilon, dropped = rates[0], rates[1]
    seed, by_batch, updates = options[0], options[1] != 0, options[2] != 0
    limit = np.uint32(dropped * 4294967296.0)
    scale = kind.type(1) / (kind.type(1) - dropped)
    zero, one = kind.type(0), kind.type(1)
    layers = sizes.size - 1
    widest = 0
    for layer in range(1, layers + 1):
        widest = max(widest, sizes[layer])
    scratch = np.empty((widest, n), kind)
    values = kept[: sizes[0] * n].reshape(sizes[0], n)
    transpose(inputs, values)
    done = sizes[0] * n
    for layer in range(layers):
        k, m = sizes[layer], sizes[layer + 1]
        weight = carray(pointer(parameters[layer, 0]), (m, k), kind)
        bias = carray(pointer(parameters[layer, 1]), (m,), kind)
        gamma = carray(pointer(parameters[layer, 2]), (m,), kind)
        beta = carray(pointer(parameters[layer, 3]), (m,), kind)
        share = kind.type(rates[2 + layer])  # of the running statistics that a batch takes
        if updates:
            seen = carray(pointer(running[layer, 2]), (1,), np.int64)
            seen[0] += 1
            if share < zero:
                share = one / kind.type(seen[0])
        mean = carray(pointer(running[layer, 0]), (m,), kind)
        variance = carray(pointer(running[layer, 1]), (m,), kind)
        units = kept[done : done + m * n].reshape(m, n)
        done += m * n
        linear(weight, bias, values, units)
        for unit in range(m):
            row = units[unit]
            for j in range(n):  # a product: a choice of what is stored would not run in vectors
                value = row[j]
                row[j] = value * (zero if value <= zero else one)
            if limit > 0:
                _drop(row, _keyed(seed, layer, unit), limit, scale)
            if by_batch:
                total = zero
                for j in range(n):
                    total += row[j]
                centre = total / kind.type(n)
                squares = rest = zero
                for j in range(n):
                    distance = row[j] - centre
                    rest += distance
                    squares += distance * distance
                rest /= kind.type(n)  # what rounding left of the mean
                centre += rest
                spread = max(squares / kind.type(n) - rest * rest, zero)
                if updates:
                    unbiased = spread * kind.type(n) / kind.type(n - 1)
                    mean[unit] += share * (centre - mean[unit])
                    variance[unit] += share * (unbiased - variance[unit])
            else:
                centre, spread = mean[unit], variance[unit]
            inverse = one / np.sqrt(spread + epsilon)
            moments[layer, 0, unit], moments[layer, 1, unit] = centre, inverse
            _normalise(row, gamma[unit], beta[unit], centre, inverse, scratch[unit])
        values = scratch[:m]  # written over once the next layer's products are in `kept`
    transpose(values, out)


@_compiled
def backward(slopes, sizes, parameters, rates, options, kept, moments, out):  # type: ignore[no-untyped-def]
    """The gradient at every parameter, one after the other in `out`: weight, bias, gamma, beta of
    the first layer and so on. `slopes` (n, width) is that at what `forward` gave out."""
    n, kind = slopes.shape[0], slopes.dtype
    by_batch, zero = options[1] != 0, kind.type(0)
    scale = kind.type(1) / (kind.type(1) - rates[1])
    layers = sizes.size - 1
    widest = 0
    for layer in range(1, layers + 1):
        widest = max(widest, sizes[layer])
    behind = np.empty((widest, n), kind)  # slopes at a layer's output, then at its products
    before = np.empty((widest, n), kind)  # a layer's input, and slopes there
    transpose(slopes, behind)
    begin, written = kept.size, out.size
    for layer in range(layers - 1, -1, -1):
        k, m = sizes[layer], sizes[layer + 1]
        weight = carray(pointer(parameters[layer, 0]), (m, k), kind)
        gamma = carray(pointer(parameters[layer, 2]), (m,), kind)
        begin -= m * n
        units = kept[begin : begin + m * n].reshape(m, n)
        written -= m * k + 3 * m
        of_weight = out[written : written + m * k].reshape(m, k)
        of_bias = out[written + m * k : written + m * k + m]
        of_gamma = out[written + m * k + m : written + m * k + 2 * m]
        of_beta = out[written + m * k + 2 * m : written + m * k + 3 * m]
        for unit in range(m):
            row, slope = units[unit], behind[unit]
            centre, inverse = moments[layer, 0, unit], moments[layer, 1, unit]
            total = along = zero
            for j in range(n):
                total += slope[j]
                along += slope[j] * (row[j] - centre)
            along *= inverse
            of_gamma[unit], of_beta[unit] = along, total
            factor = gamma[unit] * inverse * scale
            shift = tilt = zero
            if by_batch:
                shift, tilt = total / kind.type(n), along * inverse / kind.type(n)
            _before_norm(slope, row, factor, shift, centre, tilt)
            summed = zero
            for j in range(n):
                summed += slope[j]
            of_bias[unit] = summed
        if layer == 0:
            weight_slopes(behind[:m], kept[: k * n].reshape(k, n), of_weight)
            return
        earlier = kept[begin - k * n : begin].reshape(k, n)
        gammas = carray(pointer(parameters[layer - 1, 2]), (k,), kind)
        betas = carray(pointer(parameters[layer - 1, 3]), (k,), kind)
        for unit in range(k):
            centre, inverse = moments[layer - 1, 0, unit], moments[layer - 1, 1, unit]
            _normalise(earlier[unit], gammas[unit], betas[unit], centre, inverse, before[unit])
        weight_slopes(behind[:m], before[:k], of_weight)
        turned = np.empty((k, m), kind)
        transpose(weight, turned)
        nothing = np.zeros(k, kind)
        linear(turned, nothing, behind[:m], before[:k])
        behind, before = before, behind


@_compiled
def answer(inputs, sizes, parameters, running, rates, options, out):  # type: ignore[no-untyped-def]
    """As `forward` where nothing depends on other rows and there is no way back: in pieces."""
    piece = 2 * TILE
    n = inputs.shape[0]
    kept = np.empty(min(piece, n) * sizes.sum(), inputs.dtype)
    moments = np.empty((sizes.size - 1, 2, sizes[1:].max()), inputs.dtype)
    for start in range(0, n, piece):
        stop = min(start + piece, n)
        forward(
            inputs[start:stop],
            sizes,
            parameters,
            running,
            rates,
            options,
            kept[: (stop - start) * sizes.sum()],
            moments,
            out[start:stop],
        )

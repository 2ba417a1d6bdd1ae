"""The compiled loops: Linear -> ReLU -> Dropout -> BatchNorm, layer after layer, and back.

Activations lie feature by feature, see `products`. Parameters are read where torch keeps them, by
address.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
from numba import carray

from trainables.compiling import machine_code
from trainables.fused.products import (
    back_through,
    compiled,
    rectified,
    rectified_rows,
    room,
    slopes_by_rows,
    turned,
    weight_slopes,
)
from trainables.fused.vectors import pointer

# Where a mean is subtracted another order would lose digits.
_in_order: Any = partial(machine_code, fastmath={"contract", "nsz"})


# numba widens sums and products of 32 bits to 64, so each is cut back: four times as fast.


@compiled
def _mixed(bits):  # type: ignore[no-untyped-def]
    """Bits of a counter, mixed so that each depends on all (Chris Wellons' lowbias32)."""
    bits = np.uint32(bits ^ (bits >> np.uint32(16)))
    bits = np.uint32(bits * np.uint32(0x7FEB352D))
    bits = np.uint32(bits ^ (bits >> np.uint32(15)))
    bits = np.uint32(bits * np.uint32(0x846CA68B))
    return np.uint32(bits ^ (bits >> np.uint32(16)))


# What is done to a layer's units is one loop over all of them: a view of each costs as much as the
# work on it where a batch is small.


@compiled
def _drop(units, n, seed, layer, limit, scale):  # type: ignore[no-untyped-def]
    """Each value times `scale`, or 0 where the draw of its place is below `limit`."""
    zero = units.dtype.type(0)
    for unit in range(units.shape[0]):
        key = _keyed(seed, layer, unit)
        for j in range(n):
            drawn = _mixed(np.uint32(key + np.uint32(j)))
            units[unit, j] = zero if drawn < limit else units[unit, j] * scale


@compiled
def _keyed(seed, layer, unit):  # type: ignore[no-untyped-def]
    """The start of a unit's stream of draws."""
    low, high = np.uint32(seed & 0xFFFFFFFF), np.uint32((seed >> 32) & 0xFFFFFFFF)
    of_unit = _mixed(np.uint32(low + np.uint32(unit)))
    return _mixed(np.uint32(of_unit ^ np.uint32(high + np.uint32(layer))))


@compiled
def _moments(units, n, means, variances):  # type: ignore[no-untyped-def]
    """Mean and variance of each unit's values in a batch, by two passes."""
    zero, rows = units.dtype.type(0), units.dtype.type(n)
    for unit in range(units.shape[0]):
        total = zero
        for j in range(n):
            total += units[unit, j]
        centre = total / rows
        squares = rest = zero
        for j in range(n):
            distance = units[unit, j] - centre
            rest += distance
            squares += distance * distance
        rest /= rows  # what rounding left of the mean
        means[unit] = centre + rest
        variances[unit] = max(squares / rows - rest * rest, zero)


@compiled
def _follow(seen, held, share):  # type: ignore[no-untyped-def]
    """The running statistics `held` take a share of what was seen."""
    for unit in range(held.size):
        held[unit] += share * (seen[unit] - held[unit])


@_in_order
def _normalise(units, n, gamma, beta, means, inverses, out):  # type: ignore[no-untyped-def]
    for unit in range(units.shape[0]):
        mean, factor, shift = means[unit], gamma[unit] * inverses[unit], beta[unit]
        for j in range(n):  # the mean first: of a unit that hardly varies little would be left
            out[unit, j] = (units[unit, j] - mean) * factor + shift


@_in_order
def _before_norm(slopes, units, n, factors, shifts, means, tilts):  # type: ignore[no-untyped-def]
    """The slopes at a normalisation's output become those at the products before it."""
    zero, one = units.dtype.type(0), units.dtype.type(1)
    for unit in range(units.shape[0]):
        factor, shift, centre, tilt = factors[unit], shifts[unit], means[unit], tilts[unit]
        for j in range(n):
            value = factor * (slopes[unit, j] - shift - (units[unit, j] - centre) * tilt)
            slopes[unit, j] = value * (one if units[unit, j] > zero else zero)


@compiled
def _along(slopes, units, n, means, totals, alongs):  # type: ignore[no-untyped-def]
    """Each unit's sum of slopes, and of slopes times the distance from its mean."""
    zero = units.dtype.type(0)
    for unit in range(units.shape[0]):
        centre = means[unit]
        total = along = zero
        for j in range(n):
            total += slopes[unit, j]
            along += slopes[unit, j] * (units[unit, j] - centre)
        totals[unit], alongs[unit] = total, along


@compiled
def _sums(rows, n, out):  # type: ignore[no-untyped-def]
    for unit in range(rows.shape[0]):
        total = rows.dtype.type(0)
        for j in range(n):
            total += rows[unit, j]
        out[unit] = total


@compiled
def _largest(counts):  # type: ignore[no-untyped-def]
    # numba's own `max` and `sum` of arrays would have every process load scipy's linear algebra
    found = counts[0]
    for count in counts:
        found = max(found, count)
    return found


@compiled
def numbers(like, address, shape):  # type: ignore[no-untyped-def]
    """The array of a shape at an address, of the type of `like`."""
    return carray(pointer(address), shape, like.dtype)


@compiled
def forward(inputs, sizes, parameters, running, rates, options, kept, moments, out):  # type: ignore[no-untyped-def]
    """`out` (width, room(n)) of `inputs` (n, k) through all layers; what the way back needs is
    kept.

    `sizes` (layers + 1,) are the inputs and the units of each layer. `parameters` (layers, 4) are
    the addresses of weight, bias, gamma, beta; `running` (layers, 3) those of the running mean and
    variance, and of the count of batches. `rates` (2 + layers,) are epsilon, the share dropped,
    and a momentum per layer, -1 for the plain average of all batches; `options` a seed, whether
    batches' statistics are used, and whether running ones are updated. `kept` (units of
    all layers * room(n),) takes what goes into each normalisation, feature by feature. `moments`
    (layers, 2, largest width) are means and inverse deviations. `out` has room for the widest
    layer.
    """
    n, kind = inputs.shape[0], inputs.dtype
    columns = room(n)
    epsilon, dropped = rates[0], rates[1]
    seed, by_batch, updates = options[0], options[1] != 0, options[2] != 0
    limit = np.uint32(dropped * 4294967296.0)
    zero, one = kind.type(0), kind.type(1)
    scale = one / (one - dropped)
    done, values = 0, out
    for layer in range(sizes.size - 1):
        k, m = sizes[layer], sizes[layer + 1]
        weight, bias = (
            numbers(inputs, parameters[layer, 0], (m, k)),
            numbers(inputs, parameters[layer, 1], (m,)),
        )
        gamma, beta = (
            numbers(inputs, parameters[layer, 2], (m,)),
            numbers(inputs, parameters[layer, 3], (m,)),
        )
        share = kind.type(rates[2 + layer])  # of the running statistics that a batch takes
        if updates:
            seen = carray(pointer(running[layer, 2]), (1,), np.int64)
            seen[0] += 1
            if share < zero:
                share = one / kind.type(seen[0])
        mean, variance = (
            numbers(inputs, running[layer, 0], (m,)),
            numbers(inputs, running[layer, 1], (m,)),
        )
        units = kept[done : done + m * columns].reshape(m, columns)
        done += m * columns
        if layer == 0:
            first = turned(weight, bias)
            rectified_rows(first, inputs, np.empty((n, first.shape[1]), kind), units)
        else:
            rectified(weight, bias, values, units, n)
        if limit > 0:
            _drop(units, n, seed, layer, limit, scale)
        centres, spreads = moments[layer, 0, :m], moments[layer, 1, :m]
        if by_batch:
            _moments(units, n, centres, spreads)
        else:
            centres[:], spreads[:] = mean, variance
        if by_batch and updates:
            _follow(centres, mean, share)
            _follow(spreads * (kind.type(n) / kind.type(n - 1)), variance, share)
        spreads[:] = one / np.sqrt(spreads + epsilon)
        _normalise(units, n, gamma, beta, centres, spreads, out)
        values = out[:m]  # written over once the next layer's products are in `kept`


@compiled
def backward(behind, inputs, sizes, parameters, rates, options, kept, moments, places, slopes):  # type: ignore[no-untyped-def]
    """The gradients at the parameters.

    `behind` (widest, room(n)) are the slopes at what `forward` made of `inputs` (n, k); they are
    written over.
    `places` (layers, 4) say where the gradient of a layer's weight, bias, gamma and beta goes in
    `slopes`, -1 for those that nobody wants. The rest is as in `forward`.
    """
    kind, n = behind.dtype, inputs.shape[0]
    by_batch, rows = options[1] != 0, kind.type(n)
    scale = kind.type(1) / (kind.type(1) - rates[1])
    columns = room(n)
    before = np.empty_like(behind)  # a layer's input, and slopes there
    begin = kept.size
    for layer in range(sizes.size - 2, -1, -1):
        k, m = sizes[layer], sizes[layer + 1]
        weight, gamma = (
            numbers(behind, parameters[layer, 0], (m, k)),
            numbers(behind, parameters[layer, 2], (m,)),
        )
        begin -= m * columns
        units = kept[begin : begin + m * columns].reshape(m, columns)
        centres, inverses = moments[layer, 0, :m], moments[layer, 1, :m]
        totals, alongs = np.empty(m, kind), np.empty(m, kind)
        _along(behind, units, n, centres, totals, alongs)
        alongs *= inverses
        shifts, tilts = np.zeros(m, kind), np.zeros(m, kind)
        if by_batch:
            shifts, tilts = totals / rows, alongs * inverses / rows
        _before_norm(behind, units, n, gamma * inverses * scale, shifts, centres, tilts)
        if places[layer, 1] >= 0:
            _sums(behind[:m], n, slopes[places[layer, 1] : places[layer, 1] + m])
        if places[layer, 2] >= 0:
            slopes[places[layer, 2] : places[layer, 2] + m] = alongs
        if places[layer, 3] >= 0:
            slopes[places[layer, 3] : places[layer, 3] + m] = totals
        if layer > 0:
            earlier = kept[begin - k * columns : begin].reshape(k, columns)
            of_gamma, of_beta = (
                numbers(behind, parameters[layer - 1, 2], (k,)),
                numbers(behind, parameters[layer - 1, 3], (k,)),
            )
            centres, inverses = moments[layer - 1, 0, :k], moments[layer - 1, 1, :k]
            _normalise(earlier, n, of_gamma, of_beta, centres, inverses, before)
        place = places[layer, 0]
        if place >= 0:
            of_weight = slopes[place : place + m * k].reshape(m, k)
            if layer == 0:
                slopes_by_rows(behind[:m], inputs, of_weight)
            else:
                weight_slopes(behind[:m], before[:k], of_weight, n)
        if layer > 0:
            back_through(weight, behind[:m], before[:k], n)
            behind, before = before, behind


@compiled
def estimate(inputs, order, batches, sizes, parameters, running, epsilon):  # type: ignore[no-untyped-def]
    """The running statistics become the plain average over batches, see `forward`, from none.

    `batches` (b + 1,) say where in `order` each batch begins, and where the last one ends; `order`
    are rows of `inputs` (n, k).
    """
    kind, layers, widest = inputs.dtype, sizes.size - 1, _largest(sizes[1:])
    columns = room(_largest(batches[1:] - batches[:-1]))
    values, units = np.empty((widest, columns), kind), np.empty((widest, columns), kind)
    first = turned(
        numbers(inputs, parameters[0, 0], (sizes[1], sizes[0])),
        numbers(inputs, parameters[0, 1], (sizes[1],)),
    )
    rows, wide = np.empty((columns, sizes[0]), kind), np.empty((columns, first.shape[1]), kind)
    centres, spreads, one = np.empty(widest, kind), np.empty(widest, kind), kind.type(1)
    for batch in range(batches.size - 1):
        n = batches[batch + 1] - batches[batch]
        share, given, spare = one / kind.type(batch + 1), values, units
        for i in range(n):
            row = order[batches[batch] + i]
            for j in range(sizes[0]):
                rows[i, j] = inputs[row, j]
        for layer in range(layers):
            k, m = sizes[layer], sizes[layer + 1]
            if layer == 0:
                rectified_rows(first, rows[:n], wide, spare[:m])
            else:
                weight = numbers(inputs, parameters[layer, 0], (m, k))
                bias = numbers(inputs, parameters[layer, 1], (m,))
                rectified(weight, bias, given[:k], spare[:m], n)
            gamma = numbers(inputs, parameters[layer, 2], (m,))
            beta = numbers(inputs, parameters[layer, 3], (m,))
            mean = numbers(inputs, running[layer, 0], (m,))
            variance = numbers(inputs, running[layer, 1], (m,))
            seen = carray(pointer(running[layer, 2]), (1,), np.int64)
            if batch == 0:
                mean[:], variance[:], seen[0] = kind.type(0), one, 0
            seen[0] += 1
            _moments(spare[:m], n, centres[:m], spreads[:m])
            _follow(centres[:m], mean, share)
            _follow(spreads[:m] * (kind.type(n) / kind.type(n - 1)), variance, share)
            inverses = one / np.sqrt(spreads[:m] + epsilon)
            _normalise(spare[:m], n, gamma, beta, centres, inverses, spare)
            given, spare = spare, given

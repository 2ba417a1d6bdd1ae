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
from trainables.fused.draws import keyed, mixed
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


# What follows a product is done unit by unit, so that its row stays in the first cache.
# Each function takes the array and which row: a view would cost as much as the work on it.


@compiled
def _drop(units, unit, n, key, limit, scale):  # type: ignore[no-untyped-def]
    """Each value times `scale`, or 0 where the draw of its place is below `limit`."""
    zero = units.dtype.type(0)
    for j in range(n):
        drawn = mixed(np.uint32(key + np.uint32(j)))
        units[unit, j] = zero if drawn < limit else units[unit, j] * scale


@compiled
def _moments(units, unit, n):  # type: ignore[no-untyped-def]
    """Mean and variance of a unit's values in a batch, by two passes."""
    zero, rows = units.dtype.type(0), units.dtype.type(n)
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
    return centre + rest, max(squares / rows - rest * rest, zero)


@compiled
def _follow(centre, spread, n, unit, mean, variance, share):  # type: ignore[no-untyped-def]
    """The running statistics of a unit take a share of those of a batch of n rows."""
    kind = mean.dtype
    mean[unit] += share * (centre - mean[unit])
    variance[unit] += share * (spread * (kind.type(n) / kind.type(n - 1)) - variance[unit])


@_in_order
def _normalise(units, unit, n, mean, factor, shift, out):  # type: ignore[no-untyped-def]
    for j in range(n):  # the mean first: of a unit that hardly varies little would be left
        out[unit, j] = (units[unit, j] - mean) * factor + shift


@_in_order
def _before_norm(slopes, units, unit, n, factor, shift, centre, tilt):  # type: ignore[no-untyped-def]
    """The slopes at a normalisation's output become those at the products before it."""
    zero, one = units.dtype.type(0), units.dtype.type(1)
    for j in range(n):
        value = factor * (slopes[unit, j] - shift - (units[unit, j] - centre) * tilt)
        slopes[unit, j] = value * (one if units[unit, j] > zero else zero)


@compiled
def _along(slopes, units, unit, n, centre):  # type: ignore[no-untyped-def]
    """A unit's sum of slopes, and of slopes times the distance from its mean."""
    total = along = units.dtype.type(0)
    for j in range(n):
        total += slopes[unit, j]
        along += slopes[unit, j] * (units[unit, j] - centre)
    return total, along


@compiled
def _sum(rows, unit, n):  # type: ignore[no-untyped-def]
    total = rows.dtype.type(0)
    for j in range(n):
        total += rows[unit, j]
    return total


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
            rectified_rows(first, inputs, np.empty((columns, first.shape[1]), kind), units)
        else:
            rectified(weight, bias, values, units, n)
        for unit in range(m):
            if limit > 0:
                _drop(units, unit, n, keyed(seed, layer, unit), limit, scale)
            centre, spread = mean[unit], variance[unit]
            if by_batch:
                centre, spread = _moments(units, unit, n)
            if by_batch and updates:
                _follow(centre, spread, n, unit, mean, variance, share)
            inverse = one / np.sqrt(spread + epsilon)
            moments[layer, 0, unit], moments[layer, 1, unit] = centre, inverse
            _normalise(units, unit, n, centre, gamma[unit] * inverse, beta[unit], out)
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
    by_batch, rows, zero = options[1] != 0, kind.type(n), kind.type(0)
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
        for unit in range(m):
            centre, inverse = moments[layer, 0, unit], moments[layer, 1, unit]
            total, along = _along(behind, units, unit, n, centre)
            along *= inverse
            shift = tilt = zero
            if by_batch:
                shift, tilt = total / rows, along * inverse / rows
            factor = gamma[unit] * inverse * scale
            _before_norm(behind, units, unit, n, factor, shift, centre, tilt)
            if places[layer, 1] >= 0:
                slopes[places[layer, 1] + unit] = _sum(behind, unit, n)
            if places[layer, 2] >= 0:
                slopes[places[layer, 2] + unit] = along
            if places[layer, 3] >= 0:
                slopes[places[layer, 3] + unit] = total
        if layer > 0:
            earlier = kept[begin - k * columns : begin].reshape(k, columns)
            of_gamma, of_beta = (
                numbers(behind, parameters[layer - 1, 2], (k,)),
                numbers(behind, parameters[layer - 1, 3], (k,)),
            )
            for unit in range(k):
                centre, factor = moments[layer - 1, 0, unit], moments[layer - 1, 1, unit]
                factor *= of_gamma[unit]
                _normalise(earlier, unit, n, centre, factor, of_beta[unit], before)
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
    one = kind.type(1)
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
            for unit in range(m):
                centre, spread = _moments(spare, unit, n)
                _follow(centre, spread, n, unit, mean, variance, share)
                factor = gamma[unit] * (one / np.sqrt(spread + epsilon))
                _normalise(spare, unit, n, centre, factor, beta[unit], spare)
            given, spare = spare, given

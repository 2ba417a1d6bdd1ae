"""A split's answers as one compiled loop, row by row in memory: nothing is turned round between
layers, as it is where batches are learned from."""

from __future__ import annotations

import numpy as np

from trainables.fused.layers import numbers
from trainables.fused.products import by_rows, compiled, room, turn

PIECE = 64  # rows that go through all layers at once: they stay in the processor's first cache


@compiled
def answer(inputs, sizes, parameters, running, rates, head, out):  # type: ignore[no-untyped-def]
    """As `layers.forward` where nothing depends on other rows and there is no way back.

    A normalisation (x - mean) g + beta, with g = gamma / deviation, becomes part of the next
    layer: W (g x) + W (beta - mean g) + bias. With the addresses `head` (2,) of the last layer's
    weight and bias `out` (n, outputs) are its answers, else (n, width) what would go into it.
    """
    n, kind, layers = inputs.shape[0], inputs.dtype, sizes.size - 1
    zero = kind.type(0)
    starts = np.zeros(layers + 2, np.int64)  # of each layer's weights and biases in `turned`
    widest = 0
    for layer in range(layers + 1):
        columns = room(sizes[layer + 1] if layer < layers else out.shape[1])
        starts[layer + 1] = starts[layer] + (sizes[layer] + 1) * columns
        widest = max(widest, columns)
    turned = np.empty(starts[layers + 1], kind)
    factors, shifts = np.ones(sizes[0], kind), np.zeros(sizes[0], kind)
    for layer in range(layers):
        k, m = sizes[layer], sizes[layer + 1]
        weight = numbers(inputs, parameters[layer, 0], (m, k))
        bias = numbers(inputs, parameters[layer, 1], (m,))
        _fold(weight, bias, factors, shifts, turned[starts[layer] : starts[layer + 1]])
        factors, shifts = np.empty(m, kind), np.empty(m, kind)
        gamma = numbers(inputs, parameters[layer, 2], (m,))
        beta = numbers(inputs, parameters[layer, 3], (m,))
        mean = numbers(inputs, running[layer, 0], (m,))
        variance = numbers(inputs, running[layer, 1], (m,))
        for unit in range(m):
            factors[unit] = gamma[unit] / np.sqrt(variance[unit] + rates[0])
            shifts[unit] = beta[unit] - mean[unit] * factors[unit]
    width = sizes[layers]
    last = turned[starts[layers] :]
    if head[0] != 0:
        weight = numbers(inputs, head[0], (out.shape[1], width))
        _fold(weight, numbers(inputs, head[1], (out.shape[1],)), factors, shifts, last)
    else:  # that head runs by itself
        same = np.zeros((width, width), kind)
        for unit in range(width):
            same[unit, unit] = kind.type(1)
        _fold(same, np.zeros(width, kind), factors, shifts, last)
    values, spare = np.empty((PIECE, widest), kind), np.empty((PIECE, widest), kind)
    for start in range(0, n, PIECE):
        rows = inputs[start : start + PIECE]
        count = rows.shape[0]
        by_rows(turned[: starts[1]].reshape(sizes[0] + 1, -1), rows, count, values, zero)
        for layer in range(1, layers):
            of_layer = turned[starts[layer] : starts[layer + 1]].reshape(sizes[layer] + 1, -1)
            by_rows(of_layer, values, count, spare, zero)
            values, spare = spare, values
        by_rows(last.reshape(width + 1, -1), values, count, spare, kind.type(-np.inf))
        for i in range(count):
            for j in range(out.shape[1]):
                out[start + i, j] = spare[i, j]


@compiled
def _fold(weight, bias, factors, shifts, out):  # type: ignore[no-untyped-def]
    """A layer (m, k) of x becomes one of z, where x = factors * z + shifts; see `turned`."""
    m, k = weight.shape
    new_weight, new_bias = np.empty_like(weight), np.empty_like(bias)
    for unit in range(m):
        total = bias[unit]
        for i in range(k):
            total += weight[unit, i] * shifts[i]
            new_weight[unit, i] = weight[unit, i] * factors[i]
        new_bias[unit] = total
    turn(new_weight, new_bias, out.reshape(k + 1, -1))

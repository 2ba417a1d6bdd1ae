"""The compiled loops of a critic that sees a batch as a set: two layers, a mean, two layers.

Its parameters lie in one piece: weight and bias of both layers of samples, then of both layers of
the batch. What its layers make of a batch lies feature by feature, see `products`.
"""

from __future__ import annotations

import numpy as np

from trainables.fused import adam_kernel
from trainables.fused.products import back_through, compiled, rectified, weight_slopes


@compiled
def count(inputs, hidden):  # type: ignore[no-untyped-def]
    """How many parameters a critic has."""
    return hidden * (inputs + 2 * hidden + 4) + 1


@compiled
def _parts(flat, inputs, hidden):  # type: ignore[no-untyped-def]
    """Slices of (parameters,), in the shapes of the eight tensors."""
    a = hidden * inputs
    b = a + hidden
    c = b + hidden * hidden
    d = c + hidden
    e = d + hidden * hidden
    f = e + hidden
    return (
        flat[:a].reshape(hidden, inputs),
        flat[a:b],
        flat[b:c].reshape(hidden, hidden),
        flat[c:d],
        flat[d:e].reshape(hidden, hidden),
        flat[e:f],
        flat[f : f + hidden],
        flat[f + hidden :],
    )


@compiled
def predict(seen, n, values, first, second, last):  # type: ignore[no-untyped-def]
    """The prediction for the n columns of `seen` (inputs, columns): features, then scores.

    What the way back needs is written: `first` and `second` (hidden, columns), `last` (2, hidden),
    the mean over samples and what follows it.
    """
    zero, hidden = seen.dtype.type(0), first.shape[0]
    weight1, bias1, weight2, bias2, weight3, bias3, out, shift = _parts(
        values, seen.shape[0], hidden
    )
    rectified(weight1, bias1, seen, first, n)
    rectified(weight2, bias2, first, second, n)
    for unit in range(hidden):
        total, row = zero, second[unit]
        for j in range(n):
            total += row[j]
        last[0, unit] = total / seen.dtype.type(n)
    prediction = shift[0]
    for unit in range(hidden):
        total = bias3[unit]
        for i in range(hidden):
            total += weight3[unit, i] * last[0, i]
        last[1, unit] = max(total, zero)
        prediction += out[unit] * last[1, unit]
    return prediction


@compiled
def _back(slope, n, values, inputs, first, second, last, of_last):  # type: ignore[no-untyped-def]
    """Slopes at the products of both layers of samples, in place of `first` and `second`.

    `slope` is that at the prediction; `of_last` (hidden,) become those at the layer before it.
    """
    kind, zero, hidden = first.dtype, first.dtype.type(0), first.shape[0]
    _, _, weight2, _, weight3, _, out, _ = _parts(values, inputs, hidden)
    of_mean = np.zeros(hidden, kind)
    for unit in range(hidden):
        of_last[unit] = slope * out[unit] if last[1, unit] > zero else zero
        for i in range(hidden):
            of_mean[i] += of_last[unit] * weight3[unit, i]
    for unit in range(hidden):
        each, row = of_mean[unit] / kind.type(n), second[unit]
        for j in range(n):
            row[j] = each if row[j] > zero else zero
    before = np.empty_like(first)
    back_through(weight2, second, before, n)
    for unit in range(hidden):
        row, slopes = first[unit], before[unit]
        for j in range(n):
            row[j] = slopes[j] if row[j] > zero else zero


@compiled
def slopes_of_inputs(slope, n, values, first, second, last, out):  # type: ignore[no-untyped-def]
    """The gradient `out` (inputs, columns) at what `predict` saw, which wrote the other arrays.

    They are written over.
    """
    inputs, hidden = out.shape[0], first.shape[0]
    _back(slope, n, values, inputs, first, second, last, np.empty(hidden, first.dtype))
    back_through(_parts(values, inputs, hidden)[0], first, out, n)


@compiled
def learn(seen, n, bias, values, moment1, moment2, steps, rates, first, second, last):  # type: ignore[no-untyped-def]
    """One step of Adam on the squared error of the prediction at `bias`; returns that error.

    `first`, `second` and `last` are written over, see `predict`; the others but `seen` as in
    `adam_kernel.step`.
    """
    kind, inputs, hidden = seen.dtype, seen.shape[0], first.shape[0]
    error = predict(seen, n, values, first, second, last) - kind.type(bias)
    slope = kind.type(2) * error
    slopes = np.empty_like(values)
    of1, of_bias1, of2, of_bias2, of3, of_bias3, of_out, of_shift = _parts(slopes, inputs, hidden)
    for unit in range(hidden):
        of_out[unit] = slope * last[1, unit]
    of_shift[0] = slope
    outputs = first.copy()
    _back(slope, n, values, inputs, first, second, last, of_bias3)
    for unit in range(hidden):
        for i in range(hidden):
            of3[unit, i] = of_bias3[unit] * last[0, i]
    weight_slopes(second, outputs, of2, n)
    weight_slopes(first, seen, of1, n)
    _sums(second, n, of_bias2)
    _sums(first, n, of_bias1)
    adam_kernel.step(values, slopes, np.empty(0, kind), moment1, moment2, steps, rates)
    return error * error


@compiled
def _sums(rows, n, out):  # type: ignore[no-untyped-def]
    for unit in range(rows.shape[0]):
        total, row = rows.dtype.type(0), rows[unit]
        for j in range(n):
            total += row[j]
        out[unit] = total

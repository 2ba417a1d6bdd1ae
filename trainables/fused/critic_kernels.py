"""The compiled loops of a critic: two layers of samples, means over cells, two of the batch.

Its parameters lie in one piece: weight and bias of both layers of samples, then of both layers of
the batch. What its layers make of a batch lies feature by feature, see `products`. `cells` (n,)
say where a sample lies, `counts` (cells,) how many do. `means` (cells * (hidden + 1),) are those
of the second layer's outputs and of the scores, cell after cell, `last` (hidden,) what follows
them. Biases, and scores from a half on, are counted in `unit`s.
"""

from __future__ import annotations

import numpy as np

from trainables.fused import adam_kernel
from trainables.fused.products import back_through, compiled, rectified, weight_slopes


@compiled
def _parts(flat, inputs, hidden, kinds):  # type: ignore[no-untyped-def]
    """Slices of (parameters,), in the shapes of the eight tensors; `kinds` is how many cells."""
    wide = kinds * (hidden + 1)
    a = hidden * inputs
    b = a + hidden
    c = b + hidden * hidden
    d = c + hidden
    e = d + hidden * wide
    f = e + hidden
    return (
        flat[:a].reshape(hidden, inputs),
        flat[a:b],
        flat[b:c].reshape(hidden, hidden),
        flat[c:d],
        flat[d:e].reshape(hidden, wide),
        flat[e:f],
        flat[f : f + hidden],
        flat[f + hidden :],
    )


@compiled
def predict(seen, cells, counts, unit, values, first, second, means, last):  # type: ignore[no-untyped-def]
    """The prediction for the n columns of `seen` (inputs, columns): features, then scores.

    What the way back needs is written: `first` and `second` (hidden, columns), `means`, `last`.
    """
    kind, hidden, n = seen.dtype, first.shape[0], cells.size
    zero, unit_of, wide = kind.type(0), kind.type(unit), hidden + 1
    weight1, bias1, weight2, bias2, weight3, bias3, out, shift = _parts(
        values, seen.shape[0], hidden, counts.size
    )
    rectified(weight1, bias1, seen, first, n)
    rectified(weight2, bias2, first, second, n)
    means[:] = zero
    for k in range(hidden):
        row = second[k]
        for j in range(n):
            means[cells[j] * wide + k] += row[j]
    scores, half = seen[seen.shape[0] - 1], kind.type(0.5)
    for j in range(n):
        means[cells[j] * wide + hidden] += (scores[j] - half) / unit_of
    for i in range(means.size):
        means[i] /= kind.type(max(counts[i // wide], 1))
    prediction = shift[0]
    for k in range(hidden):
        total = bias3[k]
        for i in range(means.size):
            total += weight3[k, i] * means[i]
        last[k] = max(total, zero)
        prediction += out[k] * last[k]
    return prediction * unit_of


@compiled
def _back(slope, cells, counts, unit, values, inputs, first, second, last, of_last):  # type: ignore[no-untyped-def]
    """Slopes at the products of both layers of samples, in place of `first` and `second`.

    `slope` is that at the prediction; `of_last` (hidden,) become those at the layer before it.
    Returned are those at each sample's share in the means, (cells * (hidden + 1),).
    """
    kind, hidden, n = first.dtype, first.shape[0], cells.size
    zero, wide = kind.type(0), hidden + 1
    _, _, weight2, _, weight3, _, out, _ = _parts(values, inputs, hidden, counts.size)
    shares = np.zeros(counts.size * wide, kind)
    for k in range(hidden):
        of_last[k] = slope * kind.type(unit) * out[k] if last[k] > zero else zero
        for i in range(shares.size):
            shares[i] += of_last[k] * weight3[k, i]
    for i in range(shares.size):
        shares[i] /= kind.type(max(counts[i // wide], 1))
    for k in range(hidden):
        row = second[k]
        for j in range(n):
            row[j] = shares[cells[j] * wide + k] if row[j] > zero else zero
    before = np.empty_like(first)
    back_through(weight2, second, before, n)
    for k in range(hidden):
        row, slopes = first[k], before[k]
        for j in range(n):
            row[j] = slopes[j] if row[j] > zero else zero
    return shares


@compiled
def slopes_of_inputs(slope, cells, counts, unit, values, first, second, last, out):  # type: ignore[no-untyped-def]
    """The gradient `out` (inputs, columns) at what `predict` saw, which wrote the other arrays.

    They are written over.
    """
    kind, inputs, hidden, n = first.dtype, out.shape[0], first.shape[0], cells.size
    of_last = np.empty(hidden, kind)
    shares = _back(slope, cells, counts, unit, values, inputs, first, second, last, of_last)
    back_through(_parts(values, inputs, hidden, counts.size)[0], first, out, n)
    of_scores = out[inputs - 1]
    for j in range(n):
        of_scores[j] += shares[cells[j] * (hidden + 1) + hidden] / kind.type(unit)


@compiled
def learn(  # type: ignore[no-untyped-def]
    seen, cells, counts, unit, bias, values, moment1, moment2, steps, rates, first, second, means,
    last,
):  # fmt: skip
    """One step of Adam on the squared error of the prediction at `bias`; returns that error.

    `first`, `second`, `means` and `last` are written over, see `predict`; the others but `seen`
    as in `adam_kernel.step`.
    """
    kind, inputs, hidden, n = seen.dtype, seen.shape[0], first.shape[0], cells.size
    predicted = predict(seen, cells, counts, unit, values, first, second, means, last)
    error = predicted - kind.type(bias)
    slope = kind.type(2) * error
    slopes = np.empty_like(values)
    of1, of_bias1, of2, of_bias2, of3, of_bias3, of_out, of_shift = _parts(
        slopes, inputs, hidden, counts.size
    )
    for k in range(hidden):
        of_out[k] = slope * kind.type(unit) * last[k]
    of_shift[0] = slope * kind.type(unit)
    outputs = first.copy()
    _back(slope, cells, counts, unit, values, inputs, first, second, last, of_bias3)
    for k in range(hidden):
        for i in range(means.size):
            of3[k, i] = of_bias3[k] * means[i]
    weight_slopes(second, outputs, of2, n)
    weight_slopes(first, seen, of1, n)
    _sums(second, n, of_bias2)
    _sums(first, n, of_bias1)
    adam_kernel.step(values, slopes, np.empty(0, kind), moment1, moment2, steps, rates)
    return error * error


@compiled
def _sums(rows, n, out):  # type: ignore[no-untyped-def]
    for k in range(rows.shape[0]):
        total, row = rows.dtype.type(0), rows[k]
        for j in range(n):
            total += row[j]
        out[k] = total

"""The compiled loops of a critic: two layers of samples, means over cells, two of the batch.

Its parameters lie in one piece: weight and bias of both layers of samples, then of both layers of
the batch. What its layers make of a batch lies feature by feature, see `products`. `members`
(cells, columns) say who is where, see there. `means` (cells * (hidden + 1),) are those of the
second layer's outputs and of the scores, cell after cell, `last` (hidden,) what follows them.
Biases, and scores from a half on, are counted in `unit`s.
"""

from __future__ import annotations

import numpy as np

from trainables.fused import adam_kernel
from trainables.fused.products import back_through, compiled, rectified, weight_slopes


@compiled
def members(labels, groups, kinds, like):  # type: ignore[no-untyped-def]
    """(kinds * 2, columns of `like`): 1 / the size of its cell (group x label) where a sample is.

    So means over cells are a product, which is several times faster than to add up row by row.
    """
    out = np.zeros((2 * kinds, like.shape[1]), like.dtype)
    counts = np.zeros(2 * kinds, like.dtype)
    one = like.dtype.type(1)
    for j in range(labels.size):
        counts[2 * groups[j] + labels[j]] += one
    for j in range(labels.size):
        cell = 2 * groups[j] + labels[j]
        out[cell, j] = one / counts[cell]
    return out


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
def predict(seen, members, n, unit, values, first, second, means, last):  # type: ignore[no-untyped-def]
    """The prediction for the n columns of `seen` (inputs, columns): features, then scores.

    What the way back needs is written: `first` and `second` (hidden, columns), `means`, `last`.
    """
    kind, hidden, kinds = seen.dtype, first.shape[0], members.shape[0]
    zero, unit_of, wide = kind.type(0), kind.type(unit), hidden + 1
    weight1, bias1, weight2, bias2, weight3, bias3, out, shift = _parts(
        values, seen.shape[0], hidden, kinds
    )
    rectified(weight1, bias1, seen, first, n)
    rectified(weight2, bias2, first, second, n)
    of_features = np.empty((kinds, hidden), kind)
    weight_slopes(members, second, of_features, n)
    scores, half = seen[seen.shape[0] - 1], kind.type(0.5)
    for cell in range(kinds):
        shares, total = members[cell], zero
        for j in range(n):
            total += shares[j] * (scores[j] - half)
        means[cell * wide : cell * wide + hidden] = of_features[cell]
        means[cell * wide + hidden] = total / unit_of
    prediction = shift[0]
    for k in range(hidden):
        total = bias3[k]
        for i in range(means.size):
            total += weight3[k, i] * means[i]
        last[k] = max(total, zero)
        prediction += out[k] * last[k]
    return prediction * unit_of


@compiled
def _back(slope, members, n, unit, values, inputs, first, second, last, of_first, of_second):  # type: ignore[no-untyped-def]
    """Slopes at the products of both layers of samples, `of_first` and `of_second`.

    `slope` is that at the prediction. Returned are those at the layer before it (hidden,), and at
    each cell's mean of the scores (cells,).
    """
    kind, hidden, kinds = first.dtype, first.shape[0], members.shape[0]
    zero, wide = kind.type(0), hidden + 1
    _, _, weight2, _, weight3, _, out, _ = _parts(values, inputs, hidden, kinds)
    of_last, of_means = np.empty(hidden, kind), np.zeros(kinds * wide, kind)
    for k in range(hidden):
        of_last[k] = slope * kind.type(unit) * out[k] if last[k] > zero else zero
        for i in range(of_means.size):
            of_means[i] += of_last[k] * weight3[k, i]
    by_cell, of_scores = np.empty((kinds, hidden), kind), np.empty(kinds, kind)
    for cell in range(kinds):
        by_cell[cell] = of_means[cell * wide : cell * wide + hidden]
        of_scores[cell] = of_means[cell * wide + hidden]
    back_through(by_cell, members, of_second, n)
    _where_positive(of_second, second, n)
    back_through(weight2, of_second, of_first, n)
    _where_positive(of_first, first, n)
    return of_last, of_scores


@compiled
def _where_positive(slopes, outputs, n):  # type: ignore[no-untyped-def]
    """The slopes behind a ReLU become those before it."""
    zero = slopes.dtype.type(0)
    for k in range(slopes.shape[0]):
        for j in range(n):
            slopes[k, j] = slopes[k, j] if outputs[k, j] > zero else zero


@compiled
def slopes_of_inputs(slope, members, n, unit, values, first, second, last, out):  # type: ignore[no-untyped-def]
    """The gradient `out` (inputs, columns) at what `predict` saw, which wrote the other arrays."""
    kind, inputs, hidden = first.dtype, out.shape[0], first.shape[0]
    of_first, of_second = np.empty_like(first), np.empty_like(second)
    _, of_scores = _back(
        kind.type(slope), members, n, unit, values, inputs, first, second, last, of_first,
        of_second,
    )  # fmt: skip
    back_through(_parts(values, inputs, hidden, members.shape[0])[0], of_first, out, n)
    at_scores = out[inputs - 1]
    for cell in range(members.shape[0]):
        slope_of, shares = of_scores[cell] / kind.type(unit), members[cell]
        for j in range(n):
            at_scores[j] += slope_of * shares[j]


@compiled
def learn(  # type: ignore[no-untyped-def]
    seen, members, n, unit, bias, values, moment1, moment2, steps, rates, first, second, means,
    last,
):  # fmt: skip
    """One step of Adam on the squared error of the prediction at `bias`; returns that error.

    `first`, `second`, `means` and `last` are written over, see `predict`; the others but `seen`
    as in `adam_kernel.step`.
    """
    kind, inputs, hidden = seen.dtype, seen.shape[0], first.shape[0]
    predicted = predict(seen, members, n, unit, values, first, second, means, last)
    error = predicted - kind.type(bias)
    slope = kind.type(2) * error
    slopes = np.empty_like(values)
    of1, of_bias1, of2, of_bias2, of3, of_bias3, of_out, of_shift = _parts(
        slopes, inputs, hidden, members.shape[0]
    )
    of_first, of_second = np.empty_like(first), np.empty_like(second)
    of_last, _ = _back(
        slope, members, n, unit, values, inputs, first, second, last, of_first, of_second
    )
    of_shift[0] = slope * kind.type(unit)
    of_bias3[:] = of_last
    for k in range(hidden):
        of_out[k] = of_shift[0] * last[k]
        for i in range(means.size):
            of3[k, i] = of_last[k] * means[i]
    weight_slopes(of_second, first, of2, n)
    weight_slopes(of_first, seen, of1, n)
    _sums(of_second, n, of_bias2)
    _sums(of_first, n, of_bias1)
    adam_kernel.step(values, slopes, np.empty(0, kind), moment1, moment2, steps, rates)
    return error * error


@compiled
def _sums(rows, n, out):  # type: ignore[no-untyped-def]
    for k in range(rows.shape[0]):
        total, row = rows.dtype.type(0), rows[k]
        for j in range(n):
            total += row[j]
        out[k] = total

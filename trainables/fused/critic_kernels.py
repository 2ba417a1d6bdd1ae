"""The compiled loops of a critic that sees a batch as a set: two layers, a mean, two layers."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
from numba import carray

from trainables.compiling import machine_code
from trainables.fused.kernels import linear, transpose, weight_slopes
from trainables.fused.memory import pointer

_compiled: Any = partial(machine_code, fastmath={"contract", "reassoc", "nsz"})


@_compiled
def forward(features, scores, where, hidden, seen, first, second, last):  # type: ignore[no-untyped-def]
    """The prediction for `features` (n, h) with `scores` (n, c).

    `where` (8,) are the addresses of weight and bias of both layers of samples, then of both
    layers of the batch. What the way back needs is written: `seen` (h + c, n), `first` and
    `second` (hidden, n), `last` (2, hidden), the mean over samples and what follows it.
    """
    kind, n, zero = features.dtype, features.shape[0], features.dtype.type(0)
    inputs = seen.shape[0]
    width = features.shape[1]
    transpose(features, seen[:width])
    transpose(scores, seen[width:])
    weight = carray(pointer(where[0]), (hidden, inputs), kind)
    linear(weight, carray(pointer(where[1]), (hidden,), kind), seen, first)
    _rectify(first)
    weight = carray(pointer(where[2]), (hidden, hidden), kind)
    linear(weight, carray(pointer(where[3]), (hidden,), kind), first, second)
    _rectify(second)
    for unit in range(hidden):
        total = zero
        for j in range(n):
            total += second[unit, j]
        last[0, unit] = total / kind.type(n)
    weight = carray(pointer(where[4]), (hidden, hidden), kind)
    bias = carray(pointer(where[5]), (hidden,), kind)
    out = carray(pointer(where[6]), (hidden,), kind)
    prediction = carray(pointer(where[7]), (1,), kind)[0]
    for unit in range(hidden):
        total = bias[unit]
        for i in range(hidden):
            total += weight[unit, i] * last[0, i]
        last[1, unit] = max(total, zero)
        prediction += out[unit] * last[1, unit]
    return prediction


@_compiled
def backward(slope, where, hidden, seen, first, second, last, slopes, of_inputs):  # type: ignore[no-untyped-def]
    """The way back from `slope` at the prediction.

    Gradients at the eight parameters go to `slopes`, one after the other, unless it is empty;
    those at the inputs (h + c, n) to `of_inputs`, unless that is empty.
    """
    kind, n, zero = first.dtype, first.shape[1], first.dtype.type(0)
    inputs = seen.shape[0]
    out = carray(pointer(where[6]), (hidden,), kind)
    weight = carray(pointer(where[4]), (hidden, hidden), kind)
    of_last = np.empty(hidden, kind)
    of_mean = np.zeros(hidden, kind)
    for unit in range(hidden):
        of_last[unit] = slope * out[unit] if last[1, unit] > zero else zero
        for i in range(hidden):
            of_mean[i] += of_last[unit] * weight[unit, i]
    behind = np.empty((hidden, n), kind)
    before = np.empty((hidden, n), kind)
    for unit in range(hidden):
        each = of_mean[unit] / kind.type(n)
        for j in range(n):
            behind[unit, j] = each if second[unit, j] > zero else zero
    nothing = np.zeros(max(hidden, inputs), kind)
    turned = np.empty((hidden, hidden), kind)
    transpose(carray(pointer(where[2]), (hidden, hidden), kind), turned)
    linear(turned, nothing[:hidden], behind, before)
    for unit in range(hidden):
        for j in range(n):
            before[unit, j] = before[unit, j] if first[unit, j] > zero else zero
    if of_inputs.size > 0:
        turned_first = np.empty((inputs, hidden), kind)
        transpose(carray(pointer(where[0]), (hidden, inputs), kind), turned_first)
        linear(turned_first, nothing[:inputs], before, of_inputs)
    if slopes.size == 0:
        return
    done = hidden * inputs
    weight_slopes(before, seen, slopes[:done].reshape(hidden, inputs))
    _sums(before, slopes[done : done + hidden])
    done += hidden
    weight_slopes(behind, first, slopes[done : done + hidden * hidden].reshape(hidden, hidden))
    done += hidden * hidden
    _sums(behind, slopes[done : done + hidden])
    done += hidden
    for unit in range(hidden):
        for i in range(hidden):
            slopes[done + unit * hidden + i] = of_last[unit] * last[0, i]
    done += hidden * hidden
    slopes[done : done + hidden] = of_last
    done += hidden
    for unit in range(hidden):
        slopes[done + unit] = slope * last[1, unit]
    slopes[done + hidden] = slope


@_compiled
def _rectify(values):  # type: ignore[no-untyped-def]
    zero, one = values.dtype.type(0), values.dtype.type(1)
    for unit in range(values.shape[0]):
        row = values[unit]
        for j in range(row.size):
            row[j] = row[j] * (zero if row[j] <= zero else one)


@_compiled
def _sums(rows, out):  # type: ignore[no-untyped-def]
    for unit in range(rows.shape[0]):
        total = rows.dtype.type(0)
        for j in range(rows.shape[1]):
            total += rows[unit, j]
        out[unit] = total

"""The products of a network's layers, as compiled loops over the rows of a batch.

Activations lie feature by feature, (units, columns), so that every inner loop runs along rows of
the batch that lie side by side. Products work on `LANES` of them at a time and run over the last
one's end: arrays have `room(n)` columns, of which those from n on hold whatever.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from trainables.compiling import machine_code
from trainables.fused.vectors import (
    BYTES,
    LANES,
    columns_of_1,
    columns_of_4,
    product_of_1,
    product_of_4,
    turned_square,
)

# Sums may be taken in another order, so that they run in vectors; NaN and infinity stay.
compiled: Any = partial(machine_code, fastmath={"contract", "reassoc", "nsz"})


@compiled
def room(n):  # type: ignore[no-untyped-def]
    """How many columns an array of n rows of a batch needs.

    From 256 on an odd multiple of `LANES`: by others, rows fall into the same lines of a cache.
    """
    vectors = (n + LANES - 1) // LANES
    return LANES * (vectors | 1 if n >= 256 else vectors)


@compiled
def _product(weight, row_step, column_step, bias, bias_step, given, out, n, floor):  # type: ignore[no-untyped-def]
    """out (m, n) = max(weight (m, k) @ given (k, n) + bias, floor), the weight by its steps."""
    size = out.itemsize
    rows, count = out.shape[0], given.shape[0]
    step, out_step = given.shape[1] * size, out.shape[1] * size
    fours = rows - rows % 4
    first, start = given.ctypes.data, out.ctypes.data
    for column in range(0, n, LANES):
        for half in range(column * size, (column + LANES) * size, 64):
            for row in range(0, fours, 4):
                product_of_4(
                    out, weight + row * row_step, row_step, column_step,
                    bias + row * bias_step, bias_step, first + half, step,
                    start + row * out_step + half, out_step, count, floor,
                )  # fmt: skip
            for row in range(fours, rows):
                product_of_1(
                    out, weight + row * row_step, row_step, column_step,
                    bias + row * bias_step, bias_step, first + half, step,
                    start + row * out_step + half, out_step, count, floor,
                )  # fmt: skip


@compiled
def linear(weight, bias, given, out, n):  # type: ignore[no-untyped-def]
    """out (m, n) = weight (m, k) @ given (k, n) + bias (m,)."""
    size, floor = out.itemsize, out.dtype.type(-np.inf)
    step = weight.shape[1] * size
    _product(weight.ctypes.data, step, size, bias.ctypes.data, size, given, out, n, floor)


@compiled
def rectified(weight, bias, given, out, n):  # type: ignore[no-untyped-def]
    """out (m, n) = max(weight (m, k) @ given (k, n) + bias (m,), 0)."""
    size, floor = out.itemsize, out.dtype.type(0)
    step = weight.shape[1] * size
    _product(weight.ctypes.data, step, size, bias.ctypes.data, size, given, out, n, floor)


@compiled
def back_through(weight, slopes, out, n):  # type: ignore[no-untyped-def]
    """out (k, n) = weight (m, k) transposed @ slopes (m, n)."""
    size, floor = out.itemsize, out.dtype.type(-np.inf)
    step = weight.shape[1] * size
    nothing = np.zeros(1, out.dtype)
    _product(weight.ctypes.data, size, step, nothing.ctypes.data, 0, slopes, out, n, floor)


@compiled
def weight_slopes(slopes, given, out, n):  # type: ignore[no-untyped-def]
    """out (m, k) = slopes (m, n) @ given (k, n) transposed, by 2 x 4 sums at a time."""
    m, k = out.shape
    zero = slopes.dtype.type(0)
    for o in range(0, m, 2):
        second = min(o + 1, m - 1)
        s0, s1 = slopes[o], slopes[second]
        for i in range(0, k, 4):
            i1, i2, i3 = min(i + 1, k - 1), min(i + 2, k - 1), min(i + 3, k - 1)
            x0, x1, x2, x3 = given[i], given[i1], given[i2], given[i3]
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


# The inputs themselves lie row by row. Where they are wide it would take longer to turn them round
# than to multiply them, so the first layer's products run along its units.


@compiled
def turned(weight, bias):  # type: ignore[no-untyped-def]
    """(k + 1, columns): weight (m, k) transposed, then bias (m,); zeros up to whole vectors."""
    m, k = weight.shape
    out = np.empty((k + 1, room(m)), weight.dtype)
    turn(weight, bias, out)
    return out


@compiled
def turn(weight, bias, out):  # type: ignore[no-untyped-def]
    """`turned`, into `out`."""
    m, k = weight.shape
    out[:, m:] = weight.dtype.type(0)
    for unit in range(m):
        for i in range(k):
            out[i, unit] = weight[unit, i]
        out[k, unit] = bias[unit]


@compiled
def by_rows(turned, rows, n, out, floor):  # type: ignore[no-untyped-def]
    """out (n, columns) = max(rows (n, k) @ weight transposed + bias, floor), see `turned`.

    Both arrays of rows may be longer, and wider.
    """
    size, k = out.itemsize, turned.shape[0] - 1
    step, row_step, out_step = turned.shape[1] * size, rows.shape[1] * size, out.shape[1] * size
    first, given, start = rows.ctypes.data, turned.ctypes.data, out.ctypes.data
    bias, fours = given + k * step, n - n % 4
    for at in range(0, step, BYTES):
        for row in range(0, fours, 4):
            columns_of_4(
                out, first + row * row_step, row_step, size, bias + at, 0,
                given + at, step, start + row * out_step + at, out_step, k, floor,
            )  # fmt: skip
        for row in range(fours, n):
            columns_of_1(
                out, first + row * row_step, row_step, size, bias + at, 0,
                given + at, step, start + row * out_step + at, out_step, k, floor,
            )  # fmt: skip


@compiled
def rectified_rows(turned, rows, wide, out):  # type: ignore[no-untyped-def]
    """out (m, n) = max(weight @ rows (n, k) transposed + bias, 0), see `turned`.

    `wide` (room(n), columns) is written over.
    """
    n, size = rows.shape[0], out.itemsize
    by_rows(turned, rows, n, wide, out.dtype.type(0))
    step, start = wide.shape[1] * size, wide.ctypes.data
    whole, side = out.shape[0] - out.shape[0] % 8, BYTES // 2 // size
    for row in range(0, n, side):
        for unit in range(0, whole, side):
            turned_square(
                out, start + row * step + unit * size, step,
                out.ctypes.data + unit * out.shape[1] * size + row * size, out.shape[1] * size,
            )  # fmt: skip
    if whole < out.shape[0]:
        transpose(wide[:n, whole : out.shape[0]], out[whole:])


@compiled
def slopes_by_rows(slopes, rows, out):  # type: ignore[no-untyped-def]
    """out (m, k) = slopes (m, n) @ rows (n, k)."""
    size, (n, k), m = out.itemsize, rows.shape, out.shape[0]
    if k < LANES:
        given = np.empty((k, n), out.dtype)
        transpose(rows, given)
        weight_slopes(slopes, given, out, n)
        return
    nothing, floor = np.zeros(LANES, out.dtype), out.dtype.type(-np.inf)
    step, fours = slopes.shape[1] * size, m - m % 4
    first, given, start = slopes.ctypes.data, rows.ctypes.data, out.ctypes.data
    for column in range(0, k * size, BYTES):
        at = min(column, k * size - BYTES)  # the last vector may say once more what is there
        for row in range(0, fours, 4):
            columns_of_4(
                out, first + row * step, step, size, nothing.ctypes.data, 0,
                given + at, k * size, start + row * k * size + at, k * size, n, floor,
            )  # fmt: skip
        for row in range(fours, m):
            columns_of_1(
                out, first + row * step, step, size, nothing.ctypes.data, 0,
                given + at, k * size, start + row * k * size + at, k * size, n, floor,
            )  # fmt: skip


@compiled
def transpose(given, out):  # type: ignore[no-untyped-def]
    """out (k, n) = given (n, k), in squares that stay in the cache."""
    n, k = given.shape
    for a in range(0, n, 32):
        for b in range(0, k, 32):
            for j in range(b, min(b + 32, k)):
                for i in range(a, min(a + 32, n)):
                    out[j, i] = given[i, j]

"""Arrays of counts as JSON: few bytes, because most counts are 0 or small."""

from __future__ import annotations

import base64
import zlib
from typing import Any, NotRequired, TypedDict

import numpy as np
from numpy.typing import NDArray

PLAIN = 128  # arrays of at most so many counts are written out: nearly as short, and readable


class PackedArray(TypedDict):
    """A small array has `counts`, a large one `dtype` and `sparse`."""

    shape: list[int]
    counts: NotRequired[list[int]]  # all of them, the last axis fastest
    dtype: NotRequired[str]  # numpy's name of the type that the numbers are packed in
    sparse: NotRequired[str]  # see `packed`
    data: NotRequired[str]  # of journals of earlier versions: deflated as they are, in base 64


def packed(array: NDArray[np.int64]) -> PackedArray:
    """Writes a small array out and packs a large one.

    Only the counts that are not 0 are packed. First come the numbers of zeros before each of
    them, then the counts themselves. Of all these numbers the lowest bytes come first, then the
    next ones, and so on. The bytes are deflated and written in base 85. Histograms of 1001 bins of
    real networks take about 27 % less than deflated as they are, in base 64.
    """
    flat, shape = array.reshape(-1), list(array.shape)
    if flat.size <= PLAIN:
        return {"shape": shape, "counts": flat.tolist()}
    filled = np.flatnonzero(flat)
    numbers = np.concatenate([np.diff(filled, prepend=-1) - 1, flat[filled]])
    dtype = np.min_scalar_type(int(numbers.max(initial=0))).newbyteorder("<")
    planes = numbers.astype(dtype).view(np.uint8).reshape(-1, dtype.itemsize).T
    data = zlib.compress(planes.tobytes(), 9)
    return {"shape": shape, "dtype": dtype.str, "sparse": base64.b85encode(data).decode("ascii")}


def unpacked(state: PackedArray) -> NDArray[Any]:
    """The inverse of `packed`; also reads what earlier versions wrote."""
    if "counts" in state:
        return np.array(state["counts"], dtype=np.int64).reshape(state["shape"])
    dtype = np.dtype(state["dtype"])
    if "data" in state:
        raw = zlib.decompress(base64.b64decode(state["data"]))
        return np.frombuffer(raw, dtype=dtype).reshape(state["shape"])
    planes = np.frombuffer(zlib.decompress(base64.b85decode(state["sparse"])), dtype=np.uint8)
    columns = np.ascontiguousarray(planes.reshape(dtype.itemsize, -1).T)
    gaps, counts = columns.view(dtype).reshape(2, -1).astype(np.int64)
    flat = np.zeros(int(np.prod(state["shape"])), dtype=np.int64)
    flat[np.cumsum(gaps + 1) - 1] = counts
    return flat.reshape(state["shape"])

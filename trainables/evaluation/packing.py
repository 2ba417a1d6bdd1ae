"""Arrays of counts as JSON: few bytes, because most counts are 0 or small."""

from __future__ import annotations

import base64
import zlib
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray


def packed(array: NDArray[np.int64]) -> dict[str, Any]:
    """Shape, smallest dtype that holds the counts, and compressed content in base64."""
    dtype = np.min_scalar_type(int(array.max())).newbyteorder("<")
    data = zlib.compress(array.astype(dtype).tobytes(), 6)
    return {
        "shape": list(array.shape),
        "dtype": dtype.str,
        "data": base64.b64encode(data).decode("ascii"),
    }


def unpacked(state: Mapping[str, Any]) -> NDArray[Any]:
    """The inverse of `packed`, as the small dtype."""
    raw = zlib.decompress(base64.b64decode(state["data"]))
    return np.frombuffer(raw, dtype=np.dtype(state["dtype"])).reshape(state["shape"])

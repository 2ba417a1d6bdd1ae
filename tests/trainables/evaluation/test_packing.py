"""Counts as JSON: the same array comes back, in few bytes, also from earlier journals."""

import base64
import json
import zlib

import numpy as np
import pytest

from trainables.evaluation.packing import PLAIN, packed, unpacked

DRAWS = np.random.default_rng(0)


def there_and_back(array):
    return unpacked(json.loads(json.dumps(packed(array))))


@pytest.mark.parametrize("largest", [0, 1, 255, 256, 65_535, 65_536, 5_000_000_000])
@pytest.mark.parametrize("shape", [(2, 2, 2), (1, PLAIN), (10, 2, 1001), (2, 10, 10)])
def test_arrays_of_any_size_and_fill_come_back(shape, largest):
    rare = DRAWS.random(shape) < 0.1
    array = np.where(rare, DRAWS.integers(0, largest + 1, shape), 0)
    array.reshape(-1)[-1] = largest

    again = there_and_back(array)

    assert again.shape == shape
    assert np.array_equal(again, array)


def test_full_arrays_and_long_gaps_come_back():
    full = np.arange(1, 2003).reshape(1, 2, 1001)
    last = np.zeros((400, 2, 1001), dtype=np.int64)
    last[-1, -1, -1] = 7  # behind 800,799 zeros

    assert np.array_equal(there_and_back(full), full)
    assert np.array_equal(there_and_back(last), last)


def test_small_tables_can_be_read_by_eye():
    table = np.array([[[31, 2], [4, 15]], [[9, 2], [6, 5]]])

    assert packed(table) == {"shape": [2, 2, 2], "counts": [31, 2, 4, 15, 9, 2, 6, 5]}


def test_histograms_take_fewer_bytes_than_as_they_were_written_before():
    """6,000 rows of a smooth density over ten cells: real ones, with peaks, save more."""
    scores = DRAWS.beta(2, 5, 6000)
    cells = DRAWS.choice(20, 6000, p=np.linspace(1, 20, 20) / 210)
    histogram = np.zeros((20, 1001), dtype=np.int64)
    np.add.at(histogram, (cells, (1000 * scores).astype(int)), 1)
    histogram = histogram.reshape(10, 2, 1001)

    assert len(json.dumps(packed(histogram))) < 0.9 * len(json.dumps(dense_form(histogram)))


def test_the_form_of_earlier_journals_is_read():
    histogram = DRAWS.integers(0, 300, (3, 2, 1001))

    assert np.array_equal(unpacked(dense_form(histogram)), histogram)


def dense_form(array):
    dtype = np.min_scalar_type(int(array.max()))
    text = base64.b64encode(zlib.compress(array.astype(dtype).tobytes(), 6)).decode("ascii")
    return {"shape": list(array.shape), "dtype": dtype.newbyteorder("<").str, "data": text}

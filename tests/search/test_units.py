"""Times, bytes and samples as people read and write them; nested tables by dotted keys."""

from __future__ import annotations

import pytest

from search.units import clock, dotted, flat, readable_bytes, samples, seconds


@pytest.mark.parametrize(
    ("text", "expected"),
    [("90s", 90), ("30m", 1800), ("1h30m", 5400), ("2h", 7200), ("1.5m", 90), ("45", 45), (7, 7)],
)
def test_times_are_read_as_people_write_them(text, expected):
    assert seconds(text) == expected


@pytest.mark.parametrize("text", ["", "m", "1x", "30m1h", None, True])
def test_other_times_are_refused(text):
    with pytest.raises(ValueError, match="must be a time"):
        seconds(text)


def test_clock_shows_hours_only_where_there_are_any():
    assert [clock(time) for time in (0, 65.2, 3723)] == ["0:00", "1:05", "1:02:03"]


@pytest.mark.parametrize(
    ("count", "expected"),
    [(0, "0"), (999, "999"), (1000, "1.0k"), (12_345, "12k"), (9_960_000, "10M")],
)
def test_samples_are_written_as_people_read_them(count, expected):
    assert samples(count) == expected


@pytest.mark.parametrize(
    ("size", "expected"),
    [(0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (12_345, "12 kB"), (9_960_000, "10 MB")],
)
def test_bytes_are_written_as_people_read_them(size, expected):
    assert readable_bytes(size) == expected


def test_nested_tables_are_flattened_to_dotted_keys_and_empty_ones_vanish():
    nested = {"pruner": {"sparsity": 0.9}, "recovery": {}, "name": "adult"}

    assert dotted(nested) == {"pruner.sparsity": 0.9, "name": "adult"}
    assert flat(nested) == {"pruner.sparsity": "0.9", "name": "adult"}

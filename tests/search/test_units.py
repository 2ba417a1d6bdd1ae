"""Times as people write them."""

from __future__ import annotations

import pytest

from search.units import clock, seconds


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

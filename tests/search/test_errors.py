"""What is said of an unknown name."""

from __future__ import annotations

from search.errors import unknown


def test_an_unknown_name_is_answered_with_the_nearest_or_else_with_all_that_are_known():
    assert unknown("measure", "zzz", ["spd", "aod"]) == "unknown measure 'zzz'; known: aod, spd"
    assert unknown("measure", "AOT", ["spd", "aod"]) == (
        "unknown measure 'AOT'; did you mean 'aod'? known: aod, spd"
    )

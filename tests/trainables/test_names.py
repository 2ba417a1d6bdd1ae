"""The known name that an unknown one was probably meant to be."""

from __future__ import annotations

from trainables.names import known_names, nearest


def test_the_nearest_name_is_found_whatever_its_case_and_nothing_far_is_suggested():
    assert nearest("AOD", ["aod", "spd"]) == "aod"
    assert nearest("zzz", ["aod", "spd"]) is None


def test_the_answer_names_the_nearest_and_then_all_that_are_known():
    assert known_names("AOT", ["spd", "aod"]) == "did you mean 'aod'? known: aod, spd"
    assert known_names("zzz", ["spd"]) == "known: spd"
    assert known_names("zzz", []) == "known: none"

"""How numbers, intervals and measures are written."""

import math

import pytest

from analysis.notation import (
    MEANINGS,
    bias_words,
    ends_of,
    meaning,
    number,
    performance_words,
    with_interval,
)
from trainables.evaluation.measures import MEASURES


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (0.12345, "0.123"),
        (-0.1, "\N{MINUS SIGN}0.100"),
        (-0.0001, "0.000"),  # no minus before nothing
        (None, "\N{EN DASH}"),
        (math.nan, "\N{EN DASH}"),
    ],
)
def test_a_number_has_three_digits_and_what_is_not_estimable_is_a_dash(value, written):
    assert number(value) == written


@pytest.mark.parametrize("interval", [None, [None, None], [0.1, None], (math.nan, 0.2), []])
def test_an_interval_that_is_not_estimable_is_left_out(interval):
    assert ends_of(interval) is None
    assert with_interval(0.0312, interval) == "0.031"
    assert with_interval(None, interval) == "\N{EN DASH}"


def test_a_value_stands_before_its_interval_written_as_the_reader_wants_it():
    assert with_interval(0.0312, [0.012, 0.0474]) == "0.031 [0.012, 0.047]"
    assert with_interval(0.25, (0.1, 0.5), "{:.0%}".format) == "25% [10%, 50%]"


def test_measures_have_words_and_those_of_users_their_own_names():
    assert performance_words({"performance": "balanced_accuracy"}) == "balanced accuracy"
    assert bias_words({"bias": "aod"}) == "|AOD|"
    assert bias_words({"bias": "my_measure"}) == "my measure"


def test_every_measure_is_explained_and_one_of_another_is_called_by_its_name():
    assert MEANINGS.keys() == MEASURES.keys()
    assert meaning("aod").endswith("of opposite sign they cancel")
    assert meaning("my_measure") == "my measure"

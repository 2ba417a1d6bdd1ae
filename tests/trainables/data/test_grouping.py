"""Groupings: how they read, which groups they make, and regrouping the finest crossing."""

from __future__ import annotations

import numpy as np
import pytest

from trainables.data.fair_data import Attribute
from trainables.data.grouping import Grouping

SEX = Attribute(np.array([0, 1, 0, 1, 0]), ("Female", "Male"))
RACE = Attribute(np.array([0, 1, 2, 0, 1]), ("Black", "Other", "White"))
ATTRIBUTES = {"sex": SEX, "race": RACE}
VALUES = {"sex": SEX.names, "race": RACE.names}


@pytest.mark.parametrize(
    ("text", "names", "groups"),
    [
        ("sex", ("Female", "Male"), [0, 1, 0, 1, 0]),
        ("race", ("Black", "Other", "White"), [0, 1, 2, 0, 1]),
        ("race=White", ("other", "White"), [0, 0, 1, 0, 0]),
        ("race=Black", ("other", "Black"), [1, 0, 0, 1, 0]),
        (
            "sex * race=White",
            ("Female*other", "Female*White", "Male*other", "Male*White"),
            [0, 2, 1, 2, 0],
        ),
        (
            "race*sex",
            (
                *("Black*Female", "Black*Male", "Other*Female"),
                *("Other*Male", "White*Female", "White*Male"),
            ),
            [0, 3, 4, 1, 2],
        ),
    ],
)
def test_a_grouping_names_and_numbers_its_groups(text, names, groups):
    grouping = Grouping.parse(text)

    assert grouping.names(VALUES) == names
    assert grouping.groups(ATTRIBUTES).tolist() == groups


@pytest.mark.parametrize("text", ["sex", "race", "race=Other", "sex*race", "race*sex=Male"])
def test_regrouping_the_finest_crossing_gives_the_groups_of_the_rows(text):
    grouping = Grouping.parse(text)
    crossing = SEX.values * 3 + RACE.values

    assert (grouping.of_crossing(VALUES)[crossing] == grouping.groups(ATTRIBUTES)).all()


def test_a_grouping_reads_back_as_it_is_written():
    assert str(Grouping.parse(" sex *race = White")) == "sex*race=White"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "must read like"),
        ("sex*", "must read like"),
        ("=White", "must read like"),
        ("race=", "must read like"),
        ("race*race=White", "an attribute may appear once"),
        ("rase", "unknown attribute 'rase'; did you mean 'race'"),
        ("race=white", "unknown value 'white' of race; did you mean 'White'"),
    ],
)
def test_a_bad_grouping_is_refused_with_the_nearest_name(text, message):
    with pytest.raises(ValueError, match=message):
        Grouping.parse(text).groups(ATTRIBUTES)

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
    assert Grouping.parse(" sex *race = White").written(VALUES) == "sex*race=White"


# As files have them: spaces after commas, and the signs that groupings are written with.
STRANGE = {
    " sex": (" Female", " Male"),
    "sex*age": ("a*b", "c=d", 'say "x"'),
    "code": ("1", "2"),
    "a=b": ("x", "y"),
    "age": ("old", "young"),
}


@pytest.mark.parametrize(
    ("text", "terms"),
    [
        (" sex", [(" sex", None)]),
        ("sex", [(" sex", None)]),
        (" sex= Male", [(" sex", " Male")]),
        ("sex=Male", [(" sex", " Male")]),
        ("sex = Male * age", [(" sex", " Male"), ("age", None)]),
        ("sex*age", [("sex*age", None)]),
        ('"sex"*age', "unknown attribute 'sex'; did you mean '\" sex\"'"),
        ('" sex"*age', [(" sex", None), ("age", None)]),
        ("age*sex*age", [("age", None), ("sex*age", None)]),
        ("age* sex", [("age", None), (" sex", None)]),
        ("sex*age=a*b", [("sex*age", "a*b")]),
        ("sex*age=c=d", [("sex*age", "c=d")]),
        ('"sex*age" = "say ""x"""*code', [("sex*age", 'say "x"'), ("code", None)]),
        ("code=1.0", [("code", "1")]),
        ("a=b", [("a=b", None)]),
        ("a=b=x*age", [("a=b", "x"), ("age", None)]),
        ('"a=b"=z', r"unknown value 'z' of a=b; known: x, y"),
        ("sex*", "unknown attribute|must read like"),
        ("*".join(["age", "code"] * 20), "an attribute may appear once"),
        ("*".join(["agee"] * 40), "unknown attribute 'agee'"),
    ],
)
def test_a_name_is_taken_as_it_is_or_quoted_whatever_signs_it_has(text, terms):
    grouping = Grouping.parse(text)
    if isinstance(terms, str):
        with pytest.raises(ValueError, match=terms):
            grouping.terms(STRANGE)
        return
    assert [(term.attribute, term.value) for term in grouping.terms(STRANGE)] == terms
    written = grouping.written(STRANGE)
    assert Grouping.parse(written).terms(STRANGE) == grouping.terms(STRANGE)
    assert Grouping.parse(written).written(STRANGE) == written


def test_a_crossing_that_reads_like_an_attribute_is_written_in_quotes():
    values = {"sex": ("f", "m"), "age": ("old", "young"), "sex*age": ("a", "b")}
    crossing = Grouping.parse('"sex"*age')

    assert Grouping.parse("sex*age").names(values) == ("a", "b")
    assert crossing.written(values) == '"sex"*"age"'
    assert Grouping.parse(crossing.written(values)).names(values)[0] == "f*old"


def test_spaces_that_would_mean_two_names_are_not_guessed():
    with pytest.raises(ValueError, match=r"unknown value 'a' of x; .*known: \" a\", \"a \""):
        Grouping.parse("x=a").terms({"x": (" a", "a ")})


def test_a_value_called_other_is_not_confused_with_all_the_others():
    assert Grouping.parse("race=Other").names({"race": ("Other", "x")}) == ("other", "Other")
    assert Grouping.parse("race=other").names({"race": ("other", "x")}) == ("not other", "other")


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

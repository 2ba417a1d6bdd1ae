"""How values read: the same whatever type their column has; and which spellings are one value."""

from __future__ import annotations

from decimal import Decimal

import numpy as np
import pandas as pd
import pytest

from trainables.data.values.text import meant, spelled_alike, text_of, texts_of


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ([1, 1.0, np.int8(1), np.float32(1), Decimal("1.00"), "1", "1.0", "1."], "1"),
        ([-3, -3.0, "-3.0", np.int64(-3)], "-3"),
        ([0, -0.0, 0.0], "0"),
        ([10**20, 1e20, "100000000000000000000"], "100000000000000000000"),
        ([3.3, np.float32(3.3), Decimal("3.3"), "3.3"], "3.3"),
        ([True, np.bool_(True), "True"], "True"),
        (["01"], "01"),  # a code, and no number
        (["v1.0"], "v1.0"),
        ([" a "], " a "),
        ([float("inf")], "inf"),
        ([float("nan")], "nan"),
    ],
)
def test_a_value_reads_the_same_whatever_its_type(values, text):
    assert {text_of(value) for value in values} == {text}


@pytest.mark.parametrize("dtype", ["int8", "Int64", "float32", "float64", "Float32", "object"])
def test_a_column_reads_the_same_whatever_its_type(dtype):
    column = pd.Series([2, 1, 2], dtype=dtype)

    assert texts_of(column) == ["2", "1", "2"]
    assert texts_of(column.astype("category").cat.categories) == ["1", "2"]
    assert texts_of(column.astype(str)) == ["2", "1", "2"]


def test_a_float32_is_not_widened_first():
    assert texts_of(pd.Index([3.3, 0.1], dtype="float32")) == ["3.3", "0.1"]


@pytest.mark.parametrize(
    ("texts", "alike"),
    [
        ([">50K", ">50K.", "<=50K", "<=50K."], [("<=50K", "<=50K."), (">50K", ">50K.")]),
        (["Male", " Male", "male", "Female"], [(" Male", "Male", "male")]),
        (["U.S.", "US", "UK"], [("U.S.", "US")]),
        (["African-American", "African American"], [("African American", "African-American")]),
        (
            ["not granted", "not_granted", "notgranted"],
            [("not granted", "not_granted", "notgranted")],
        ),
        (["> 50K.", ">50K", "< 50K"], [("> 50K.", ">50K")]),
        (["class 1", "class1", "class 11"], [("class 1", "class1")]),
        (["ＹＥＳ", "yes"], [("yes", "ＹＥＳ")]),  # noqa: RUF001 (full width)
        (["<=50K", ">50K"], []),
        (["A", "A+", "A-", "-1", "1", "+1"], []),
        (["1.5", "15", "1,5", "1 5"], []),
        (["18-25", "1825"], []),
        (["?", "!", "."], []),
        ([], []),
    ],
)
def test_spellings_of_one_value_are_found_and_others_left_apart(texts, alike):
    assert spelled_alike(texts) == alike


@pytest.mark.parametrize(
    ("typed", "known", "found"),
    [
        ("a", ["a", " a"], "a"),
        (" a", ["a", " a"], " a"),
        ("a", [" a", "b"], " a"),
        ("a ", ["a"], "a"),
        ("1.0", ["1", "2"], "1"),
        ("1", ["1.0", "2"], "1.0"),
        ("a", [" a", "a "], None),  # either may be meant
        ("A", ["a"], None),
        ("c", [], None),
    ],
)
def test_a_typed_name_is_the_same_one_else_the_only_one_but_for_spaces(typed, known, found):
    assert meant(typed, known) == found

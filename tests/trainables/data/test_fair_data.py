"""FairData refuses what cannot be learned from, naming key, rule and value."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from trainables.data.fair_data import Attribute, FairData

N = 8
SEX = Attribute(np.array([0, 1] * 4), ("Female", "Male"))
RACE = Attribute(np.array([0, 1, 2, 3] * 2), ("a", "b", "c", "d"))


def data(**changes: object) -> FairData:
    fields = {
        "name": "made",
        "inputs": np.arange(2.0 * N).reshape(N, 2),
        "labels": np.array([0, 0, 1, 1] * 2),
        "classes": ("no", "yes"),
        "attributes": {"sex": SEX},
    }
    return FairData(**(fields | changes))


def test_crossing_counts_all_combinations_with_the_first_attribute_slowest():
    made = data(attributes={"sex": SEX, "race": RACE})

    assert made.crossing.tolist() == [0, 5, 2, 7] * 2
    assert made.attribute_values == {"sex": ("Female", "Male"), "race": ("a", "b", "c", "d")}


def test_rows_are_their_own_units_where_none_are_given():
    assert data().unit_of_row.tolist() == list(range(N))
    assert data(units=np.arange(N) // 2).unit_of_row.tolist() == [0, 0, 1, 1, 2, 2, 3, 3]


def with_gap(value: float) -> np.ndarray:
    inputs = np.arange(2.0 * N).reshape(N, 2)
    inputs[3, 1] = value
    return inputs


FRAME = pd.DataFrame({"age": np.arange(float(N)), "job": pd.Categorical(["x", "y"] * 4)})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"inputs": with_gap(np.nan)},
            "made: inputs must be finite, got 1 NaN or inf, in column 1",
        ),
        ({"inputs": with_gap(np.inf)}, "got 1 NaN or inf"),
        ({"inputs": np.zeros(N)}, r"at least 2 dimensions, got dtype float64 and shape \(8,\)"),
        ({"inputs": np.full((N, 2), "a")}, "inputs must be numbers"),
        ({"inputs": np.zeros((N - 1, 2))}, r"one row per label \(8\), got 7"),
        ({"inputs": FRAME.iloc[:, :0]}, "at least one column"),
        (
            {"inputs": FRAME.mask(FRAME["age"] == 2)},
            r"missing values, got some in 'age' \(1 rows\)",
        ),
        ({"inputs": FRAME.replace({"age": {2.0: np.inf}})}, "column 'age' must be finite, got 1"),
        (
            {"inputs": FRAME.assign(born=pd.Timestamp("2000-01-01"))},
            "column 'born' must be numbers, categories or strings, got datetime",
        ),
        (
            {"inputs": pd.concat([FRAME, FRAME[["age"]]], axis=1)},
            r"column names must differ, got \['age'\]",
        ),
        ({"labels": np.zeros(N, np.int64)}, "got 0 rows of 'yes'"),
        ({"labels": np.zeros(N, np.int64), "classes": ("no",)}, "at least two classes"),
        ({"labels": np.zeros(N)}, "labels must be int64"),
        ({"labels": np.array([0, 2] * 4)}, "labels must lie in 0..1, got 0 to 2"),
        ({"labels": np.zeros(0, np.int64)}, "labels must not be empty"),
        ({"classes": ("yes", "yes")}, "classes must differ"),
        ({"attributes": {}}, "attributes must name at least one"),
        (
            {"attributes": {"sex": Attribute(np.zeros(N, np.int64), ("Female", "Male"))}},
            "attribute 'sex' must have rows of at least two groups, got only 'Female'",
        ),
        (
            {"attributes": {"sex": Attribute(np.arange(4) % 2, ("Female", "Male"))}},
            r"attribute 'sex' must have one value per label \(8\), got 4",
        ),
        ({"units": np.arange(3)}, r"units must have shape \(8,\), got \(3,\)"),
        ({"splits": {"tset": np.arange(2)}}, "unknown split 'tset'; did you mean 'test'"),
        ({"splits": {"test": np.array([1, 9])}}, "row numbers below 8, got 1 to 9"),
        ({"splits": {"test": np.array([1, 1])}}, "a row of split 'test' is used twice"),
        (
            {"splits": {"test": np.arange(3), "tune": np.arange(2, 5)}},
            "a row of split 'tune' is used twice",
        ),
        (
            {
                "splits": {
                    k: np.array([i]) for i, k in enumerate(("train", "debias", "tune", "test"))
                }
            },
            "got 4 rows in none",
        ),
        (
            {"units": np.arange(N) // 2, "splits": {"test": np.array([0])}},
            "splits must keep the rows of a unit together",
        ),
    ],
)
def test_bad_data_are_refused_by_name(changes, message):
    with pytest.raises(ValueError, match=message):
        data(**changes)


def test_missing_inputs_pass_where_they_will_be_filled_in():
    assert len(data(inputs=FRAME.mask(FRAME["age"] == 2), impute=True)) == N


def test_an_attribute_refuses_values_without_a_name():
    with pytest.raises(ValueError, match=r"Attribute: values must lie in 0..1, got 0 to 2"):
        Attribute(np.array([0, 2]), ("a", "b"))
    with pytest.raises(ValueError, match=r"attribute 'sex': must be one of .* got \['X'\]"):
        Attribute.of("sex", pd.Series(["Male", "X"]), ("Female", "Male"))
    with pytest.raises(ValueError, match="names must differ"):
        Attribute(np.array([0, 1]), ("a", "a"))

"""A plain DataFrame becomes FairData, and bad ones are refused by column name."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from trainables.data import from_frame
from trainables.data.encoder import FrameEncoder
from trainables.data.prepare import prepare


def loans(n: int = 3000) -> pd.DataFrame:
    """Who got a loan: two numbers, a town, sex, and the bank's decision."""
    generator = np.random.default_rng(0)
    sex = generator.choice(["woman", "man"], n)
    income = generator.normal(30, 8, n).round(1)
    granted = income + 6 * (sex == "man") + generator.normal(0, 6, n) > 33
    return pd.DataFrame(
        {
            "income": income,
            "debts": generator.integers(0, 5, n),
            "town": generator.choice(["Bonn", "Rome", "Oslo"], n),
            "sex": sex,
            "decision": np.where(granted, "granted", "refused"),
        }
    )


def read(frame: pd.DataFrame, **options: object):
    fields = {"label": "decision", "positive": "granted", "attributes": ["sex"]}
    return from_frame(frame, **(fields | options))


def test_a_plain_frame_goes_all_the_way_to_network_inputs():
    prepared = prepare(read(loans()), group="sex")

    assert prepared.classes == ("refused", "granted")
    assert prepared.group_names == ("man", "woman")
    assert isinstance(prepared.encoder, FrameEncoder)
    assert prepared.encoder.features == (
        *("income", "debts", "town=Bonn", "town=Oslo", "town=Rome"),
        *("sex=man", "sex=woman"),
    )
    assert prepared.parts["train"].inputs.shape[1] == 7
    assert prepared.input_shape == (7,)


def test_labels_and_groups_are_those_of_the_columns():
    frame = loans()
    data = read(frame)

    assert (data.labels == (frame["decision"] == "granted")).all()
    assert (data.attributes["sex"].values == (frame["sex"] == "woman")).all()


def test_row_labels_of_the_frame_do_not_matter():
    frame = loans()
    shuffled = frame.set_axis(np.arange(len(frame))[::-1], axis=0)

    assert prepare(read(frame), group="sex").hashes == prepare(read(shuffled), group="sex").hashes


def test_the_first_category_of_a_declared_order_is_the_unprivileged_group():
    frame = loans()
    frame["sex"] = pd.Categorical(frame["sex"], categories=["woman", "man", "unused"])

    assert read(frame).attributes["sex"].names == ("woman", "man")


def test_numbered_columns_are_named_by_their_numbers():
    frame = loans(100).set_axis(range(5), axis=1)
    data = from_frame(frame, label="4", positive="granted", attributes=["3"], drop=["2"])

    assert list(data.inputs.columns) == ["0", "1", "3"]
    assert list(data.attributes) == ["3"]


def test_dropped_columns_are_no_inputs_but_may_be_attributes():
    data = read(loans(), drop=["sex", "town"])

    assert list(data.inputs.columns) == ["income", "debts"]
    assert set(data.attributes) == {"sex"}


@pytest.mark.parametrize(
    ("values", "positive", "classes", "labels"),
    [
        ([0, 1], None, ("0", "1"), [0, 1]),
        ([0.0, 1.0], None, ("0", "1"), [0, 1]),
        ([False, True], None, ("False", "True"), [0, 1]),
        ([1, 2], 1, ("2", "1"), [1, 0]),
        (["a", "c", "b"], None, ("a", "b", "c"), [0, 2, 1]),
        (["a", "b", "c"], "b", ("not b", "b"), [0, 1, 0]),
        ([1, 2], "2", ("1", "2"), [0, 1]),
    ],
)
def test_classes_follow_from_the_values_and_the_positive_one(values, positive, classes, labels):
    data = read(loans(300).assign(decision=np.resize(values, 300)), positive=positive)

    assert data.classes == classes
    assert data.labels[: len(labels)].tolist() == labels


def test_missing_inputs_are_refused_by_name_or_filled_in_and_said():
    frame = loans()
    frame.loc[3, "income"] = np.nan
    frame.loc[[5, 9], "town"] = None

    with pytest.raises(ValueError, match=r"'income' \(1 rows\), 'town' \(2 rows\)"):
        read(frame)
    data = read(frame, missing="impute")
    assert any(note.startswith("town: 2 missing values") for note in data.notes)
    prepared = prepare(data, group="sex")
    assert all(np.isfinite(part.inputs).all() for part in prepared.parts.values())


def test_texts_that_only_occur_outside_of_train_are_encoded_as_zeros_and_said():
    frame = loans()
    probe = prepare(read(frame), group="sex")
    row = int(probe.parts["test"].rows[0])
    frame.loc[row, "town"] = "Nowhere"
    prepared = prepare(read(frame), group="sex")

    assert any("zeros: 'Nowhere' (1 row)" in note for note in prepared.notes)
    position = int(np.flatnonzero(prepared.parts["test"].rows == row)[0])
    assert prepared.parts["test"].inputs[position, 2:5].tolist() == [0, 0, 0]


def with_hole(column: str) -> pd.DataFrame:
    frame = loans(50)
    frame.loc[4, column] = None
    return frame


@pytest.mark.parametrize(
    ("frame", "options", "message"),
    [
        (loans(50), {"label": "decisoin"}, "label: no column 'decisoin'; did you mean 'decision'"),
        (loans(50), {"attributes": ["gender"]}, "attributes: no column 'gender'; known: debts"),
        (loans(50), {"drop": ["towns"]}, "drop: no column 'towns'; did you mean 'town'"),
        (loans(50), {"attributes": "sex"}, "must be lists of columns, got 'sex'"),
        (loans(50), {"attributes": []}, "attributes must name at least one"),
        (loans(50), {"attributes": ["decision"]}, "must not hold the label, got 'decision'"),
        (loans(50), {"positive": "grant"}, "is never 'grant'; did you mean 'granted'"),
        (loans(50), {"positive": None}, "positive must say which of '.*' and '.*' in 'decision'"),
        (loans(50), {"missing": "ignore"}, "missing must be 'refuse' or 'impute', got 'ignore'"),
        (loans(50).assign(decision="granted"), {}, "at least two values, got only 'granted'"),
        (loans(50).assign(sex="man"), {}, "attribute 'sex' must have rows of at least two groups"),
        (with_hole("decision"), {}, "label 'decision' must not have missing values, got 1 rows"),
        (with_hole("sex"), {"missing": "impute"}, "attribute 'sex' must not have missing values"),
        (
            loans(200).assign(decision=np.arange(200.0)),
            {"positive": None},
            "at most 100 classes, got 200 values",
        ),
        (
            loans(200).assign(age=np.arange(200.0)),
            {"attributes": ["age"]},
            "attribute 'age' must have at most 50 values, got 200; bin it",
        ),
        (
            loans(2000).assign(name=[f"n{i}" for i in range(2000)]),
            {},
            "column 'name' must have at most 1000 different texts, got 2000; put it into drop",
        ),
        (
            loans(50).assign(born=pd.Timestamp("2000-01-01")),
            {},
            "column 'born' must hold numbers, texts or categories, got datetime64",
        ),
        (loans(50)[["sex", "decision"]], {"drop": ["sex"]}, "at least one column must be left"),
        (loans(0), {}, "data must have rows, got none"),
        ({"a": [1]}, {}, "data must be a DataFrame, got dict"),
    ],
)
def test_bad_frames_are_refused_by_name(frame, options, message):
    with pytest.raises(ValueError, match=message):
        read(frame, **options)

"""Numbers that were read as texts are noticed, and what is no number is named."""

from __future__ import annotations

import io

import numpy as np
import pandas as pd
import pytest

from trainables.data import from_frame
from trainables.data.prepare import prepare
from trainables.data.values.numbers_as_text import numbers_as_text

MANY = [str(i) for i in range(18, 90)]  # 72 ages
FEW = [str(i) for i in range(8)]


def found(texts: list[str], kind: str = "string"):
    return list(numbers_as_text(pd.DataFrame({"age": pd.Series(texts, dtype=kind)})))


@pytest.mark.parametrize(
    ("texts", "strange", "too_many", "says"),
    [
        ([*MANY, "?", "?"], {"?": 2}, True, "no numbers are '?' (2 rows); read these as missing"),
        ([*FEW, "?"], {"?": 1}, False, "8 of its 9 different texts are numbers"),
        ([*MANY, "n/a", ""], {"n/a": 1, "": 1}, True, "'' (1 row), 'n/a' (1 row)"),
        (
            [f"{i},5" for i in range(60)],
            {},
            True,
            'decimal commas; read them as such (decimal=",")',
        ),
        ([f" {i}.25" for i in range(60)], {}, True, "convert them (pandas.to_numeric)"),
        ([f"{i}'000" for i in range(1, 60)], {}, True, "59 of its 59"),
        ([f"-{i}e-3" for i in range(60)], {}, True, "60 of its 60"),
    ],
)
def test_columns_of_mostly_numbers_are_found(texts, strange, too_many, says):
    [column] = found(texts)

    assert dict(column.strange) == strange
    assert column.too_many == too_many
    assert says in str(column)


@pytest.mark.parametrize(
    "texts",
    [
        FEW,  # may well be codes
        [*FEW, *"abcdefgh"],  # no majority
        [*MANY, "01234"],  # codes: a zero in front means something
        [f"192.168.0.{i}" for i in range(90)],
        [f"2020-01-{i}" for i in range(10, 30)],
        ["<=50K", ">50K"],
        [".", ",", "-"],
    ],
)
def test_codes_and_words_are_left_alone(texts):
    assert found(texts) == []


def test_declared_categories_are_left_alone():
    assert found([*MANY, "?"], "category") == []


def test_a_stray_word_in_a_csv_file_is_told_before_training():
    draw = np.random.default_rng(0)
    ages = [*draw.choice(MANY, 599), "?"]
    sexes, labels = draw.choice(["f", "m"], 600), draw.integers(0, 2, 600)
    rows = "\n".join(f"{a},{s},{y}" for a, s, y in zip(ages, sexes, labels, strict=True))
    frame = pd.read_csv(io.StringIO(f"age,sex,y\n{rows}\n"))
    prepared = prepare(from_frame(frame, label="y", attributes=["sex"]), group="sex", min_cell=5)

    assert any(note.startswith("age: 72 of its 73 different texts") for note in prepared.notes)
    assert prepared.refusals[0].startswith("column 'age': 72 of its 73")
    mended = frame.assign(age=pd.to_numeric(frame["age"], errors="coerce"))
    data = from_frame(mended, label="y", attributes=["sex"], missing="impute")
    assert prepare(data, group="sex", min_cell=5).refusals == ()
    declared = from_frame(frame.astype({"age": "category"}), label="y", attributes=["sex"])
    assert prepare(declared, group="sex", min_cell=5).refusals == ()


def test_so_many_numbers_that_they_look_like_an_identifier_are_told_apart():
    texts = [str(i) for i in range(1500)] + ["?"] * 500
    frame = pd.DataFrame({"pay": texts, "sex": ["f", "m"] * 1000, "y": [0, 0, 1, 1] * 500})

    with pytest.raises(ValueError, match=r"'pay' must have at most 1000 .* no numbers are '\?'"):
        from_frame(frame, label="y", attributes=["sex"])

"""Labels, groups and columns of a frame: one value however it is spelled or stored, or refused."""

from __future__ import annotations

from decimal import Decimal

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from trainables.data import FairData, from_frame
from trainables.data.fair_data import Attribute
from trainables.data.prepare import Prepared, prepare


def incomes(n: int = 600) -> pd.DataFrame:
    draw = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "x": draw.normal(size=n),
            "sex": draw.choice(["f", "m"], n),
            "income": draw.choice(["<=50K", ">50K"], n),
        }
    )


def read(frame: pd.DataFrame, **options: object) -> FairData:
    return from_frame(
        frame, **({"label": "income", "positive": ">50K", "attributes": ["sex"]} | options)
    )


def inputs_of(prepared: Prepared, part: str = "train") -> list[list[float]]:
    return prepared.parts[part].inputs.tolist()


@pytest.mark.parametrize("other", [">50K.", " >50K", ">50k", "> 50K."])
def test_a_second_spelling_of_the_positive_label_is_refused(other):
    """In Adult's test file a full stop follows: its people would all become poor."""
    frame = incomes()
    frame.loc[::2, "income"] = frame.loc[::2, "income"].replace({">50K": other})
    with pytest.raises(ValueError, match="label 'income' must spell each value in one way, got"):
        read(frame)


def test_all_values_that_count_as_negative_are_listed_with_their_rows():
    frame = incomes(300)
    frame["income"] = np.resize([">50K", "?", "<=50K", "<=50K", "unknown", "<=50K"], 300)
    data = read(frame)

    assert data.classes == ("not >50K", ">50K")
    assert data.labels.sum() == 50
    assert data.notes == (
        "income: '>50K' is the positive label, all others are negative: "
        "'<=50K' (150 rows), '?' (50 rows), 'unknown' (50 rows)",
    )
    assert read(incomes()).notes == ()


def test_long_lists_of_negative_values_are_cut():
    frame = incomes(300).assign(income=np.resize(np.arange(15), 300))

    assert read(frame, positive=3).notes[0].endswith("'4' (20 rows), '5' (20 rows) and 4 more")


@pytest.mark.parametrize(
    ("column", "values"), [("sex", ["Male", " Male", "Female"]), ("sex", ["f", "F", "m"])]
)
def test_groups_that_are_spelled_alike_are_refused(column, values):
    frame = incomes().assign(**{column: np.resize(values, 600)})

    with pytest.raises(ValueError, match=f"attribute '{column}' must spell each value in one way"):
        read(frame)


def test_classes_that_are_spelled_alike_are_refused_where_there_are_several():
    frame = incomes().assign(income=np.resize(["low", "high", "High", "middle"], 600))

    with pytest.raises(ValueError, match=r"label 'income' must spell .* got 'High', 'high'; make"):
        read(frame, positive=None)


CODES = [1, 2, 1, 2, 2, 1]
STORED = {
    "integers": pd.Series(CODES),
    "floats": pd.Series(CODES, dtype="float64"),
    "objects": pd.Series(CODES, dtype="object"),
    "texts": pd.Series(CODES).astype(str),
    "texts of floats": pd.Series(CODES, dtype="float64").astype("string"),
    "mixed": pd.Series([1, "2", "1.0", 2.0, 2, 1], dtype="object"),
    "category": pd.Series(pd.Categorical([1.0, 2.0, 1.0, 2.0, 2.0, 1.0])),
    "arrow": pd.Series(CODES, dtype=pd.ArrowDtype(pa.int64())),
    "arrow dictionary": pd.Series(
        pa.array(CODES).dictionary_encode(),
        dtype=pd.ArrowDtype(pa.dictionary(pa.int32(), pa.int64())),
    ),
}


@pytest.mark.parametrize("stored", STORED)
@pytest.mark.parametrize("positive", [2, 2.0, "2", "2.0"])
def test_labels_and_groups_are_the_same_however_they_are_stored(stored, positive):
    column = STORED[stored]
    frame = pd.DataFrame({"x": range(6), "code": column, "income": column})
    data = from_frame(frame, label="income", positive=positive, attributes=["code"])

    assert data.classes == ("1", "2")
    assert data.labels.tolist() == [0, 1, 0, 1, 1, 0]
    assert data.attributes["code"].names == ("1", "2")
    assert data.attributes["code"].values.tolist() == [0, 1, 0, 1, 1, 0]


@pytest.mark.parametrize("positive", [True, 1, "1", None])
@pytest.mark.parametrize("values", [[0, 1], [0.0, 1.0], ["0", "1"]])
def test_zeros_and_ones_are_labels_however_they_are_stored(values, positive):
    data = read(incomes(300).assign(income=np.resize(values, 300)), positive=positive)

    assert data.classes == ("0", "1")
    assert data.labels[:3].tolist() == [0, 1, 0]


@pytest.mark.parametrize(
    "numbers",
    [
        [Decimal("1.5"), Decimal(2), None],
        [1, 2**70, None],
        [1, 2.5, None],
        [1, 2, pd.NA],
    ],
)
def test_numbers_that_are_objects_are_numbers(numbers):
    frame = incomes(60).assign(x=pd.Series(numbers * 20, dtype="object"))
    data = read(frame, missing="impute")

    assert data.inputs["x"].dtype == np.float64
    assert data.inputs["x"].tolist()[:2] == [float(numbers[0]), float(numbers[1])]


def test_an_arrow_dictionary_is_a_category_of_what_it_holds():
    texts = pa.array(["b", "a", "b", "c", "a", "b"] * 100).dictionary_encode()
    kind = pd.ArrowDtype(pa.dictionary(pa.int32(), pa.string()))
    frame = incomes().assign(town=pd.Series(texts, dtype=kind))
    as_category = incomes().assign(town=pd.Series(texts.to_pylist()).astype("category"))
    prepared = prepare(read(frame), group="sex", min_cell=5)

    assert prepared.encoder.features[3:] == ("town=a", "town=b", "town=c")
    expected = prepare(read(as_category), group="sex", min_cell=5)
    assert inputs_of(prepared) == inputs_of(expected)
    assert (prepared.encoder.transform(frame) == expected.encoder.transform(frame)).all()


def test_texts_and_numbers_in_one_column_are_texts():
    frame = incomes(60).assign(code=[1.5, "a", True] * 20)

    assert read(frame).inputs["code"].tolist()[:3] == ["1.5", "a", "True"]
    with pytest.raises(
        ValueError, match="column 'code' must hold numbers, texts or categories, got mixed"
    ):
        read(frame.assign(code=[[1], [2], [3]] * 20))


def test_columns_are_found_by_number_and_without_the_spaces_around_their_names():
    frame = incomes().set_axis([0, " sex", "income "], axis=1)
    data = from_frame(frame, label="income", positive=" >50K", attributes=["sex"], drop=[0.0])

    assert list(data.inputs.columns) == [" sex"]
    assert list(data.attributes) == [" sex"]
    assert data.classes == ("<=50K", ">50K")
    assert prepare(data, group="sex", min_cell=5).grouping == '" sex"'


def test_columns_of_two_levels_are_refused_with_the_way_out():
    frame = incomes()
    frame.columns = pd.MultiIndex.from_product([frame.columns, ["v"]])

    with pytest.raises(ValueError, match=r"column names must have one level, got 2, such as"):
        read(frame)
    joined = frame.set_axis(["_".join(map(str, name)) for name in frame.columns], axis=1)
    assert len(read(joined, label="income_v", attributes=["sex_v"])) == 600


@pytest.mark.parametrize("direct", [False, True])
@pytest.mark.parametrize("kind", ["string", "category"])
def test_an_identifier_is_refused_declared_or_not(kind, direct):
    frame = incomes(2000).assign(id=pd.Series([f"p{i}" for i in range(2000)], dtype=kind))
    with pytest.raises(ValueError, match="column 'id' must have at most 1000 different"):
        if direct:
            sex = Attribute(np.resize([0, 1], 2000), ("f", "m"))
            FairData("d", frame[["id"]], np.resize([0, 0, 1], 2000), ("n", "y"), {"sex": sex})
        else:
            read(frame)


def test_a_category_with_as_many_levels_as_are_allowed_is_taken():
    frame = incomes(2000).assign(code=pd.Categorical([f"p{i % 1000}" for i in range(2000)]))

    assert len(read(frame)) == 2000

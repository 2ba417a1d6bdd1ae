"""What an encoder makes of a column follows from its values, not from their type or scale."""

from __future__ import annotations

import json
from decimal import Decimal

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from trainables.data.encoder import Categories, Encoder, FrameEncoder, fit_encoder

BASE = np.random.default_rng(0).normal(size=400)
Z = (BASE - BASE.mean()) / BASE.std()
SCALES = [1.0, 1e-13, 1e-200, 1e39, 1e200, 1e300]


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("shape", ["frame", "array", "images"])
def test_a_column_of_any_scale_is_standardised(scale, shape):
    column = BASE * scale
    if shape == "frame":
        inputs = pd.DataFrame({"h": column, "other": BASE})
    else:
        inputs = np.stack([column, BASE], axis=1)
        inputs = inputs if shape == "array" else inputs.reshape(100, 2, 2, 2, order="F")
    encoder = fit_encoder(inputs)
    encoded = encoder.transform(inputs)

    flat = encoded[:, 0].ravel()
    assert [flat.mean(), flat.std()] == pytest.approx([0, 1], abs=1e-5)
    if shape != "images":
        assert flat == pytest.approx(Z, abs=1e-5)
    again = Encoder.from_dict(json.loads(json.dumps(encoder.to_dict())))
    assert (again.transform(inputs) == encoded).all()


@pytest.mark.parametrize("as_frame", [True, False])
def test_small_changes_of_large_numbers_are_not_rounded_away(as_frame):
    seconds = 1.7e9 + 1e-2 * np.round(BASE, 2)  # times of a few hundredths of a second
    rounded = np.round(BASE, 2)
    inputs = pd.DataFrame({"t": seconds}) if as_frame else seconds[:, None]

    encoded = fit_encoder(inputs).transform(inputs)[:, 0]

    assert encoded == pytest.approx((rounded - rounded.mean()) / rounded.std(), abs=1e-3)


@pytest.mark.parametrize("value", [0.0, 0.1, 1e-30, 7.3e200])
def test_a_constant_column_stays_zero_also_where_sums_round(value):
    values = np.full(777, value)
    values[::3] = np.nextafter(value, 1e308) if value else 0.0  # 0.1 + 0.2 beside 0.3

    for inputs in (pd.DataFrame({"k": values}), values[:, None]):
        assert fit_encoder(inputs).transform(inputs) == pytest.approx(0, abs=1e-3)


def test_a_value_too_far_off_for_a_network_is_refused_by_column():
    frame = pd.DataFrame({"h": BASE})
    for strange in (1e60, 1e308):
        with pytest.raises(ValueError, match="column 'h' must lie within 3e\\+38 standard"):
            fit_encoder(frame).transform(pd.DataFrame({"h": [0.0, strange]}))
        with pytest.raises(ValueError, match="column 0 must lie within"):
            fit_encoder(BASE[:, None]).transform(np.array([[strange]]))


CODES = [3, 1, 2, 1]
LATER = {
    "integers": pd.Series(CODES),
    "small integers": pd.Series(CODES, dtype="int8"),
    "nullable": pd.Series(CODES, dtype="Int64"),
    "floats": pd.Series(CODES, dtype="float64"),
    "float32": pd.Series(CODES, dtype="float32"),
    "objects": pd.Series(CODES, dtype="object"),
    "texts": pd.Series(["3", "1", "2", "1"]),
    "texts of floats": pd.Series(["3.0", "1.0", "2.0", "1.0"], dtype="string"),
    "mixed": pd.Series([3, "1", 2.0, "1.0"], dtype="object"),
    "category": pd.Series(pd.Categorical([3.0, 1.0, 2.0, 1.0])),
    "arrow": pd.Series(CODES, dtype=pd.ArrowDtype(pa.int32())),
    "arrow dictionary": pd.Series(
        pa.array(["3", "1", "2", "1"]).dictionary_encode(),
        dtype=pd.ArrowDtype(pa.dictionary(pa.int32(), pa.string())),
    ),
}


@pytest.mark.parametrize("later", LATER)
@pytest.mark.parametrize("trained", ["category", "texts", "texts of floats", "mixed"])
def test_codes_are_the_same_whatever_type_they_come_in(trained, later):
    encoder = fit_encoder(pd.DataFrame({"code": LATER[trained], "x": [0, 1, 2, 3]}))
    frame = pd.DataFrame({"code": LATER[later], "x": [0, 1, 2, 3]})

    assert encoder.features == ("x", "code=1", "code=2", "code=3")
    assert encoder.transform(frame)[:, 1:].tolist() == [[0, 0, 1], [1, 0, 0], [0, 1, 0], [1, 0, 0]]
    assert encoder.unseen(frame) == {}


def test_encoders_of_earlier_versions_read_numbers_as_they_did():
    """They hold floats as "1.0", and may hold "1" beside it."""
    old = FrameEncoder((), (Categories("code", ("1.0", "2.0", "2"), "1.0"),))
    floats = pd.DataFrame({"code": pd.Categorical([1.0, 2.0])})

    assert old.transform(floats).tolist() == [[1, 0, 0], [0, 1, 0]]
    assert old.transform(floats.astype(int)).tolist() == [[1, 0, 0], [0, 0, 1]]


@pytest.mark.parametrize(
    ("stored", "read"),
    [(["1.0", "2.0"], ["1", "2"]), (["1.0", "1"], ["1.0", "1"]), (["a", "b"], ["a", "b"])],
)
def test_an_encoder_of_an_earlier_version_is_read_as_this_one_writes_it(stored, read):
    categories = [{"name": "code", "values": stored, "commonest": stored[0]}]
    old = {"kind": "frame", "impute": False, "numbers": [], "categories": categories}

    [now] = Encoder.from_dict(old).to_dict()["categories"]
    assert now == {"name": "code", "values": read, "commonest": read[0]}


def test_values_that_train_lacks_are_counted_by_how_they_read():
    encoder = fit_encoder(pd.DataFrame({"code": pd.Categorical([1.0, 2.0]), "x": [0, 1]}))
    later = pd.DataFrame({"code": [7, 7, 1, 8], "x": 0})

    assert encoder.unseen(later) == {"code": {"7": 2, "8": 1}}
    assert encoder.transform(later)[:, 1:].tolist() == [[0, 0], [0, 0], [1, 0], [0, 0]]


@pytest.mark.parametrize("names", [[0, 1], ["0", "1"], [0.0, 1.0], ["0", 1]])
@pytest.mark.parametrize("trained", [[0, 1], ["0", "1"]])
def test_numbered_columns_are_found_whatever_type_the_numbers_have(trained, names):
    frame = pd.DataFrame({0: [1.0, 2.0], 1: ["a", "b"]})
    encoder = fit_encoder(frame.set_axis(trained, axis=1).astype({trained[1]: "string"}))

    assert encoder.features == ("0", "1=a", "1=b")
    assert encoder.transform(frame.set_axis(names, axis=1)).tolist() == [[-1, 1, 0], [1, 0, 1]]


def test_columns_that_cannot_be_told_apart_or_have_two_levels_are_refused():
    encoder = fit_encoder(pd.DataFrame({0: [1.0, 2.0]}))

    with pytest.raises(ValueError, match=r"column names must differ, got \['0'\] twice"):
        encoder.transform(pd.DataFrame([[1, 2]], columns=[0, "0"]))
    two = pd.DataFrame([[1]], columns=pd.MultiIndex.from_tuples([("0", "mean")]))
    with pytest.raises(ValueError, match=r"must have one level, got 2, such as \('0', 'mean'\)"):
        encoder.transform(two)


@pytest.mark.parametrize(
    ("values", "shown"),
    [
        (["ten", 1], "'ten'"),
        ([pd.Timestamp("2020-01-01"), pd.Timestamp("2020-01-02")], "Timestamp"),
        ([[1], [2]], r"\[1\]"),
        ([b"1", b"2"], "b'1'"),
    ],
)
def test_what_is_no_number_where_train_had_numbers_is_named(values, shown):
    encoder = fit_encoder(pd.DataFrame({"age": [10.0, 20.0]}))
    with pytest.raises(ValueError, match=rf"column 'age' must hold numbers .* got {shown}"):
        encoder.transform(pd.DataFrame({"age": values}))


def test_numbers_in_objects_are_numbers():
    encoder = fit_encoder(pd.DataFrame({"age": [10.0, 20.0]}))
    for values in ([10, 20], [Decimal(10), Decimal(20)], [10, 20.0]):
        frame = pd.DataFrame({"age": pd.Series(values, dtype="object")})
        assert encoder.transform(frame)[:, 0].tolist() == [-1, 1]

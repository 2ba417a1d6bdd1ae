"""Encoders: fitted on train only, the same after JSON, strict about what they are given."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from trainables.data.encoder import ArrayEncoder, Encoder, FrameEncoder, fit_encoder

TRAIN = pd.DataFrame(
    {
        "age": [10.0, 20.0, 30.0, 40.0],
        "town": pd.array(["Bonn", "Rome", "Bonn", "Bonn"], dtype="string"),
        "size": pd.Categorical(["S", "L", "S", "S"], categories=["S", "M", "L"]),
        "same": [7, 7, 7, 7],
        "flag": [True, False, True, False],
    }
)


def test_numbers_are_scaled_by_train_and_categories_one_hot():
    encoder = fit_encoder(TRAIN)
    later = TRAIN.iloc[:2].assign(age=[25.0, 25.0 + np.sqrt(125)])
    encoded = encoder.transform(later)

    assert isinstance(encoder, FrameEncoder)
    assert encoder.features == (
        *("age", "same", "flag"),
        *("town=Bonn", "town=Rome", "size=S", "size=M", "size=L"),
    )
    assert encoded.dtype == np.float32
    assert encoded == pytest.approx(
        np.array([[0, 0, 1, 1, 0, 1, 0, 0], [1, 0, -1, 0, 1, 0, 0, 1]]), abs=1e-6
    )


def test_a_category_that_train_lacks_becomes_zeros_and_is_named():
    encoder = fit_encoder(TRAIN)
    assert isinstance(encoder, FrameEncoder)
    later = TRAIN.assign(town=["Oslo", "Rome", "Bonn", "Oslo"])

    assert encoder.unseen(later) == {"town": {"Oslo": 2}}
    assert encoder.transform(later)[:, 3:5].tolist() == [[0, 0], [0, 1], [1, 0], [0, 0]]


def test_missing_values_are_refused_by_name_or_filled_in_from_train():
    holes = TRAIN.assign(age=[np.nan, 20, 30, 40], town=["Bonn", None, "Rome", "Rome"])

    with pytest.raises(ValueError, match=r"'age' \(1 rows\), 'town' \(1 rows\)"):
        fit_encoder(TRAIN).transform(holes)
    encoder = fit_encoder(TRAIN, impute=True)
    filled = encoder.transform(holes)
    assert filled[0, 0] == pytest.approx(0)  # the median of train is its mean, 25
    assert filled[1, 3:5].tolist() == [1, 0]  # Bonn is the commonest in train


def test_arrays_are_scaled_per_feature_and_images_per_channel():
    generator = np.random.default_rng(0)
    table = generator.normal(50, [1, 20], size=(500, 2))
    images = generator.integers(0, 256, size=(40, 3, 5, 5), dtype=np.uint8)
    images[:, 2] = 9

    scaled = fit_encoder(table).transform(table)
    assert scaled.mean(axis=0) == pytest.approx([0, 0], abs=1e-5)
    assert scaled.std(axis=0) == pytest.approx([1, 1], abs=1e-5)
    encoder = fit_encoder(images)
    assert isinstance(encoder, ArrayEncoder)
    assert encoder.mean == pytest.approx(images.mean(axis=(0, 2, 3)), rel=1e-5)
    assert encoder.std[:2] == pytest.approx(images.std(axis=(0, 2, 3))[:2], rel=1e-4)
    assert encoder.std[2] == 1
    assert encoder.transform(images)[:, 2] == pytest.approx(0)


def test_mean_and_deviation_survive_a_large_offset():
    values = 1e6 + np.random.default_rng(0).normal(size=(10_000, 1))
    encoder = ArrayEncoder.fit(values)

    assert encoder.std[0] == pytest.approx(values.std(), rel=1e-4)


def test_splits_keep_images_as_bytes_and_everything_else_encoded():
    images = np.random.default_rng(0).integers(0, 256, size=(4, 3, 5, 5), dtype=np.uint8)

    assert fit_encoder(images).stored(images).dtype == np.uint8
    assert fit_encoder(images / 255).stored(images / 255).dtype == np.float32
    assert fit_encoder(TRAIN).stored(TRAIN).dtype == np.float32


@pytest.mark.parametrize("train", [TRAIN, np.arange(12.0).reshape(6, 2)], ids=["frame", "array"])
def test_an_encoder_is_the_same_after_json(train):
    encoder = fit_encoder(train, impute=True)
    again = Encoder.from_dict(json.loads(json.dumps(encoder.to_dict())))

    assert type(again) is type(encoder)
    assert (again.transform(train) == encoder.transform(train)).all()


def test_inputs_of_another_kind_are_refused():
    frame, array = fit_encoder(TRAIN), fit_encoder(np.arange(12.0).reshape(6, 2))

    with pytest.raises(ValueError, match="must be a DataFrame as in training, got ndarray"):
        frame.transform(np.zeros((2, 5)))
    with pytest.raises(ValueError, match="all columns of train; age, flag are missing, got "):
        frame.transform(TRAIN.drop(columns=["age", "flag"]))
    with pytest.raises(ValueError, match="must be an array as in training, got a DataFrame"):
        array.transform(TRAIN)
    with pytest.raises(ValueError, match=r"shape \(n, 2, ...\), got \(2, 3\)"):
        array.transform(np.zeros((2, 3)))
    with pytest.raises(ValueError, match="encoder: inputs must be finite, got 1"):
        array.transform(np.array([[np.nan, 1.0]]))
    with pytest.raises(ValueError, match="kind must be 'array' or 'frame', got 'other'"):
        Encoder.from_dict({"kind": "other"})


def test_a_column_without_values_in_train_is_refused_by_name():
    with pytest.raises(ValueError, match="column 'age' must have values in train"):
        fit_encoder(TRAIN.assign(age=np.nan), impute=True)


def test_text_where_train_had_numbers_is_refused_by_column_and_value():
    encoder = fit_encoder(TRAIN)
    with pytest.raises(
        ValueError, match="column 'age' must hold numbers as in training, got 'ten'"
    ):
        encoder.transform(TRAIN.astype({"age": object}).assign(age=[10.0, "ten", 30.0, 40.0]))

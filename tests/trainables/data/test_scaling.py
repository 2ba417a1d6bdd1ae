import numpy as np
import pandas as pd
import pytest

from trainables.data.encoder import fit_encoder
from trainables.data.input_scale import MeanAndStd
from trainables.data.scaling import scaled, seen_range, sees

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # torchvision's, of ImageNet


def pixels():
    return np.random.default_rng(0).integers(3, 250, (20, 3, 4, 4)).astype(np.uint8)


def table():
    return pd.DataFrame({"age": [20.0, 30.0, 60.0], "city": list("aba"), "same": [7, 7, 7]})


def encoded(rows, inputs):
    return scaled(fit_encoder(rows), rows, inputs).transform(rows)


def test_pixels_are_seen_as_torchvision_shows_them():
    rows = pixels()
    unit = rows / 255
    normalised = (unit - np.reshape(MEAN, (1, 3, 1, 1))) / np.reshape(STD, (1, 3, 1, 1))

    assert np.allclose(encoded(rows, "0..1"), unit, atol=1e-6)
    assert np.allclose(encoded(rows, MeanAndStd(MEAN, STD)), normalised, atol=1e-5)
    assert np.allclose(encoded(rows, MeanAndStd(0.5, 0.5)), unit * 2 - 1, atol=1e-6)
    assert np.array_equal(encoded(rows, "raw"), rows.astype(np.float32))
    assert np.allclose(encoded(rows, "standardised").mean((0, 2, 3)), 0, atol=1e-5)


def test_other_arrays_are_scaled_by_their_own_values():
    rows = np.array([[0.0, 5.0], [2.0, 5.0], [8.0, 5.0]], np.float32)

    assert encoded(rows, "0..1")[:, 0].tolist() == [0.0, 0.25, 1.0]
    assert encoded(rows, "0..1")[:, 1].tolist() == [0.0, 0.0, 0.0]  # constant in train
    assert np.array_equal(encoded(rows, "raw"), rows)
    assert encoded(rows, MeanAndStd((2, 5), (2, 0.5)))[2].tolist() == [3.0, 0.0]


def test_numbers_of_a_table_are_scaled_and_its_texts_stay_one_hot():
    rows = table()
    one_hot = encoded(rows, "standardised")[:, 2:]

    assert encoded(rows, "raw")[:, :2].tolist() == [[20, 7], [30, 7], [60, 7]]
    assert encoded(rows, "0..1")[:, 0].tolist() == [0.0, 0.25, 1.0]
    by_name = MeanAndStd({"age": 30, "same": 0}, {"age": 10, "same": 1})
    assert encoded(rows, by_name)[:, :2].tolist() == [[-1, 7], [0, 7], [3, 7]]
    for inputs in ("raw", "0..1", by_name):
        assert np.array_equal(encoded(rows, inputs)[:, 2:], one_hot)


@pytest.mark.parametrize(
    ("rows", "inputs", "message"),
    [
        (pixels(), MeanAndStd((123.7, 116.3, 103.5), (58, 57, 57)), r"must lie in 0\.\.1"),
        (pixels(), MeanAndStd((0.5, 0.5), 0.5), r"mean: .*each of the 3 channels, got 2"),
        (pixels(), MeanAndStd({"red": 0.5}, 0.5), r"must be a number or 3 for inputs that are"),
        (pixels(), MeanAndStd(0.5, 0.0), r"std: must be positive, got \[0\.0"),
        (pixels(), MeanAndStd(float("nan"), 1.0), r"mean: must be finite"),
        (table(), MeanAndStd({"age": 1}, 1.0), "'same' is missing; columns of numbers: age, same"),
        (table(), MeanAndStd({"age": 1, "same": 1, "city": 1}, 1.0), "'city' is no column of num"),
        (table(), MeanAndStd((1, 2), 1.0), r"by the names of the table's columns \(age, same\)"),
    ],
)
def test_what_does_not_fit_the_data_is_refused_by_name(rows, inputs, message):
    with pytest.raises(ValueError, match=message):
        scaled(fit_encoder(rows), rows, inputs)


def test_what_a_network_sees_is_said_in_a_line():
    rows = pixels()
    as_photos = scaled(fit_encoder(rows), rows, MeanAndStd(MEAN, STD))

    assert sees(as_photos) == "minus (123.7, 116.3, 103.5), divided by (58.4, 57.12, 57.38)"
    assert sees(scaled(fit_encoder(rows), rows, "0..1")) == "divided by 255"
    assert sees(scaled(fit_encoder(rows), rows, "raw")) == "as they are"
    assert sees(scaled(fit_encoder(table()), table(), "raw")) == (
        "age, same: as they are; one-hot: city (2 values)"
    )
    assert sees(scaled(fit_encoder(table()), table(), "0..1")) == (
        "age, same: minus (20, 7), divided by (40, 1); one-hot: city (2 values)"
    )


def test_the_range_that_a_network_sees_is_that_of_its_inputs():
    rows = pixels()
    for inputs in ("standardised", "0..1", MeanAndStd(MEAN, STD)):
        encoder = scaled(fit_encoder(rows), rows, inputs)
        shown = encoder.transform(rows)
        for stored in (rows, shown):  # uint8 images are stored as they are
            assert np.allclose(seen_range(encoder, stored), (shown.min(), shown.max()), atol=1e-5)

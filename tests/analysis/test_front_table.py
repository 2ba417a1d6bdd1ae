import io

import pandas as pd
import pytest

from analysis.front_table import bias_extent, drawable, front_frame, reference_marks
from tests.analysis.made_search import made_front, made_references


def test_front_frame_has_one_flat_row_per_point():
    front = made_front(confirmed=True)
    frame = front_frame(front)
    point = front["points"][1]
    assert len(frame) == 14
    assert frame.loc[1, "tune.bias"] == point["tune"]["bias"]
    assert frame.loc[1, "tune.bias_interval.high"] == point["tune"]["bias_interval"][1]
    assert frame.loc[1, "test.measures.aod"] == point["test"]["measures"]["aod"]
    assert frame.loc[1, "settings.pruner.sparsity"] == point["settings"]["pruner"]["sparsity"]
    assert list(frame.columns[:4]) == ["candidate", "trial", "epoch", "method"]


def test_front_frame_survives_csv():
    frame = front_frame(made_front(confirmed=True))
    read = pd.read_csv(io.StringIO(frame.to_csv(index=False)))
    assert read["tune.bias"].tolist() == pytest.approx(frame["tune.bias"].tolist())
    assert list(read.columns) == list(frame.columns)


def test_front_frame_before_confirm_has_no_test_columns():
    assert not [name for name in front_frame(made_front()).columns if name.startswith("test")]


def test_front_frame_of_no_points_still_has_its_first_columns():
    frame = front_frame(made_front(points=0))
    assert len(frame) == 0
    assert "candidate" in frame.columns


def test_front_frame_leaves_out_what_is_not_a_value_of_the_format():
    front = made_front()
    front["points"][0]["tune"]["prediction_shares"] = [0.5, 0.5]
    assert not [name for name in front_frame(front).columns if "shares" in name]


def test_dense_net_comes_first_and_only_once():
    front = made_front()
    dense = {key: front["dense"]["tune"][key] for key in ("performance", "bias", "sparsity")}
    given = [{"label": "dense net", "needs_group": False, **dense}, *made_references()]
    labels = [mark["label"] for mark in reference_marks(front, given)]
    assert labels == ["dense net", "dense net, group thresholds"]


@pytest.mark.parametrize("missing", [None, float("nan")])
def test_reference_that_is_not_estimable_is_not_drawn(missing):
    reference = made_references()[0] | {"bias": missing}
    assert len(reference_marks(made_front(), [reference])) == 1


def test_point_that_is_not_estimable_is_not_drawn():
    front = made_front()
    front["points"][0]["tune"]["bias"] = None
    assert len(drawable(front)) == 13


def test_axis_reaches_a_near_reference_but_is_not_squeezed_by_a_far_one():
    front = made_front()
    assert bias_extent(front, [{"bias": 0.10}]) == pytest.approx(0.112)
    assert bias_extent(front, [{"bias": 0.5}]) == pytest.approx(0.05 * 1.3 * 1.08)


def test_axis_always_holds_the_points_and_their_test_values():
    front = made_front(confirmed=True)
    front["points"][0]["test"]["bias"] = 0.4
    assert bias_extent(front, []) > 0.4

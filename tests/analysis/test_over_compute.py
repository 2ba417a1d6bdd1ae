"""Searches side by side: step functions, bands, paired differences."""

import warnings

import numpy as np
import pytest

from analysis.over_compute import (
    SearchCurve,
    bands,
    common_compute,
    differences,
    over_compute_figure,
    stepped,
)


def search(label: str, seed: int, compute: list[float], test: list[float]) -> SearchCurve:
    values = np.array(test)
    return SearchCurve(label, seed, np.array(compute), values + 0.1, values)


@pytest.fixture
def searches() -> list[SearchCurve]:
    return [
        search("random", 0, [10, 20, 40], [0.1, 0.2, 0.3]),
        search("random", 1, [10, 30, 50], [0.2, 0.2, 0.4]),
        search("tpe", 0, [10, 20, 44], [0.2, 0.4, 0.5]),
        search("tpe", 1, [20, 30, 40], [0.3, 0.5, 0.6]),
    ]


def test_a_step_holds_from_its_own_compute_on_and_is_nothing_before_the_first() -> None:
    assert stepped([10, 20], [0.5, 0.7], [0, 9.9, 10, 19, 20, 99]).tolist() == [
        0,
        0,
        0.5,
        0.5,
        0.7,
        0.7,
    ]


def test_the_common_compute_is_that_of_the_search_that_spent_least(
    searches: list[SearchCurve],
) -> None:
    assert common_compute(searches) == 40


def test_a_band_is_the_mean_and_its_standard_error_over_seeds(searches: list[SearchCurve]) -> None:
    table = bands(searches, points=5).set_index(["label", "compute"])
    row = table.loc[("random", 40.0)]
    assert row["test"] == pytest.approx((0.3 + 0.2) / 2)
    assert row["test_se"] == pytest.approx(np.std([0.3, 0.2], ddof=1) / np.sqrt(2))
    assert row["tune"] == pytest.approx(0.25 + 0.1)
    assert table.loc[("tpe", 0.0), "test"] == 0


def test_the_spread_of_one_seed_is_unknown(searches: list[SearchCurve]) -> None:
    assert bands(searches[:1])["test_se"].isna().all()


def test_differences_are_paired_by_seed(searches: list[SearchCurve]) -> None:
    last = differences(searches).iloc[-1]
    gaps = [0.4 - 0.3, 0.6 - 0.2]  # at 40, seeds 0 and 1
    half = 12.7062047 * np.std(gaps, ddof=1) / np.sqrt(2)  # Student's t, one degree of freedom
    assert (last["label"], last["against"], last["seeds"]) == ("tpe", "random", 2)
    assert last["mean"] == pytest.approx(np.mean(gaps))
    assert (last["low"], last["high"]) == pytest.approx(
        (np.mean(gaps) - half, np.mean(gaps) + half)
    )


def test_labels_that_share_no_seeds_can_not_be_paired(searches: list[SearchCurve]) -> None:
    with pytest.raises(ValueError, match="must share two seeds"):
        differences([searches[0], searches[3]])


def test_the_figure_shows_tune_and_test_and_every_search(searches: list[SearchCurve]) -> None:
    drawn = over_compute_figure(searches, "adult")
    tune, test = drawn.axes
    assert (tune.get_title("left"), test.get_title("left")) == ("by tune", "by test")
    assert len(tune.lines) == len(searches) + 2  # each search, and the mean of each label


def test_no_curve_lies_outside_the_figure_however_far_below_the_best_it_is() -> None:
    made = [search("a", 0, [10, 20], [0.0, 0.05]), search("b", 0, [10, 20], [0.0, 0.9])]
    made[0].test[:] = 0.0  # nothing of it kept its promise on test

    drawn = over_compute_figure(made)

    for axes in drawn.axes:
        low, high = axes.get_ylim()
        assert low == 0
        assert high > max(line.get_ydata().max() for line in axes.lines)
    at_zero = [line for line in drawn.axes[1].lines if not line.get_ydata().any()]
    assert any(not line.get_clip_on() for line in at_zero)  # half of it would be cut off


def test_a_figure_of_nothing_but_zeros_has_an_axis_all_the_same() -> None:
    made = SearchCurve("a", 0, np.array([10.0]), np.zeros(1), np.zeros(1))
    low, high = over_compute_figure([made]).axes[0].get_ylim()
    assert low == 0 < high


def test_a_legend_of_many_long_labels_leaves_the_curves_their_room() -> None:
    long = ", ".join(f"setting_{number} {number}" for number in range(20))
    made = [search(f"{long}, run {run}", 0, [10, 20], [0.1, 0.2]) for run in range(9)]

    drawn = over_compute_figure(made)
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # so matplotlib tells that a layout does not fit
        drawn.canvas.draw()

    whole = drawn.bbox
    box = drawn.legends[0].get_window_extent()
    assert whole.x0 <= box.x0 < box.x1 <= whole.x1
    assert whole.y0 <= box.y0 < box.y1 <= whole.y1
    assert len(drawn.legends[0].get_texts()) == 9
    for axes in drawn.axes:
        assert axes.get_window_extent().height > 0.5 * 4.2 * drawn.dpi
    looks = {(line.get_color(), line.get_linestyle()) for line in drawn.axes[0].lines[1::2]}
    assert len(looks) == 9

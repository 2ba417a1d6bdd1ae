"""The pictures of tables: the right points, at the right places, under the right names."""

import numpy as np
import pytest
from matplotlib.collections import FillBetweenPolyCollection
from matplotlib.patches import Ellipse

from search.reproduce.figures.by_group import WIDTH, draw_by_group
from search.reproduce.figures.canvas import as_png, looks
from search.reproduce.figures.ellipses import draw_ellipses
from search.reproduce.figures.layers import LayerShares, accuracy_words, draw_layers
from search.reproduce.figures.sizes import draw_sizes
from search.reproduce.figures.sparsities import draw_sparsities
from search.reproduce.figures.t_ellipse import t_ellipse

CHANGES = np.random.default_rng(0).normal(0.5, 0.2, size=(7, 2))


def lines_of(axes):
    """Label -> x and y of each labelled line."""
    return {
        line.get_label(): np.column_stack(line.get_data())
        for line in axes.get_lines()
        if not line.get_label().startswith("_")
    }


def names_in_legend(figure):
    return [text.get_text() for text in figure.legends[0].get_texts()]


def test_rows_keep_their_look_and_no_two_of_them_look_alike():
    names = [f"row {place}" for place in range(14)]
    styles = looks(names)

    assert list(styles) == names
    assert len(set(styles.values())) == 14
    assert looks(names[:3]) == {name: styles[name] for name in names[:3]}


def test_ellipses_have_a_point_per_group_and_the_ellipse_of_these_points():
    few = np.array([[0.1, 0.2], [0.3, 0.1]])
    figure = draw_ellipses({"FairFace": {"SNIP": CHANGES, "WS": few}}, "Figure 3")
    (panel,) = figure.axes
    points = lines_of(panel)
    (patch,) = [artist for artist in panel.patches if isinstance(artist, Ellipse)]
    shape = t_ellipse(CHANGES)

    assert points["SNIP"] == pytest.approx(CHANGES)
    assert points["WS"] == pytest.approx(few)  # and no ellipse
    assert (*patch.center, patch.width, patch.height, patch.angle) == pytest.approx(
        (*shape.centre, shape.width, shape.height, shape.angle)
    )
    assert panel.get_title() == "FairFace"
    assert names_in_legend(figure) == ["SNIP", "WS"]


def test_a_group_that_is_not_estimable_is_left_out_of_its_row():
    changes = CHANGES.copy()
    changes[2, 1] = np.nan
    (panel,) = draw_ellipses({"a": {"SNIP": changes}}, "t").axes

    assert lines_of(panel)["SNIP"] == pytest.approx(np.delete(CHANGES, 2, axis=0))


def test_the_axes_of_ellipses_show_all_of_each_ellipse():
    (panel,) = draw_ellipses({"a": {"SNIP": CHANGES}}, "t").axes
    (patch,) = panel.patches
    ends = patch.get_patch_transform().transform(np.array([[1.0, 0.0], [-1.0, 0.0]]))
    (left, right), (bottom, top) = panel.get_xlim(), panel.get_ylim()

    assert left <= ends[:, 0].min() and ends[:, 0].max() <= right
    assert bottom <= ends[:, 1].min() and ends[:, 1].max() <= top


def test_sparsities_are_points_by_what_is_kept_with_bands_and_the_dense_net():
    courses = {
        "accuracy": {
            "FairGRAPE": [(0.99, 0.5, 0.02), (0.5, 0.7, None)],
            "SNIP": [(0.9, 0.6, None)],
        },
        "rho(Delta)": {"FairGRAPE": [(0.5, 0.01, None)], "SNIP": []},
    }
    figure = draw_sparsities(courses, {"accuracy": 0.72}, "Figure 4")
    left, right = figure.axes

    assert lines_of(left)["FairGRAPE"] == pytest.approx(np.array([[0.5, 0.7], [0.01, 0.5]]))
    assert lines_of(left)["SNIP"] == pytest.approx(np.array([[0.1, 0.6]]))
    assert lines_of(right).keys() == {"FairGRAPE"}
    assert [line.get_ydata()[0] for line in left.get_lines() if line.get_ls() == ":"] == [0.72]
    assert [line for line in right.get_lines() if line.get_ls() == ":"] == []
    (band,) = [it for it in left.collections if isinstance(it, FillBetweenPolyCollection)]
    heights = band.get_paths()[0].vertices
    assert heights[:, 1].min() == pytest.approx(0.48) and 0.52 in heights[:, 1].round(9)
    assert names_in_legend(figure) == ["FairGRAPE", "SNIP", "dense net"]


def test_the_axis_of_sparsities_goes_from_all_to_few_and_is_labelled_by_what_was_removed():
    (panel,) = draw_sparsities({"a": {"x": [(0.5, 1.0, None), (0.99, 0.0, None)]}}, {}, "t").axes
    start, end = panel.get_xlim()

    assert start > end and panel.get_xscale() == "log"
    panel.figure.canvas.draw()
    assert [label.get_text() for label in panel.get_xticklabels()] == [
        *("50%", "80%", "90%", "95%", "98%", "99%")
    ]


SHARES = LayerShares(
    ("conv1", "head"),
    np.array([[0.6, 0.4], [np.nan, np.nan]]),
    accuracies=(0.902, 0.911),
    changes=(-0.031, 0.012),
)


def test_layers_are_bars_of_one_segment_per_group_the_first_layer_on_top():
    dense = LayerShares(
        ("conv1", "head"), np.array([[0.5, 0.5], [0.2, 0.8]]), (0.933, 0.899), None
    )
    figure = draw_layers({"No-Pruning": dense, "SNIP": SHARES}, ["Female", "Male"], "Figure 5")
    first, second = figure.axes
    segments = [(bar.get_x(), bar.get_width()) for bar in first.patches]

    assert segments == [(0.0, 0.5), (0.0, 0.2), (0.5, 0.5), (0.2, 0.8)]
    assert [bar.get_width() for bar in second.patches] == pytest.approx([0.6, 0.0, 0.4, 0.0])
    assert [label.get_text() for label in first.get_yticklabels()] == ["conv1", "head"]
    top, bottom = first.transData.transform([(0, 0), (0, 1)])[:, 1]
    assert top > bottom
    assert second.get_title().startswith("SNIP\nFemale .902")
    assert names_in_legend(figure) == ["Female", "Male"]


def test_accuracies_are_told_with_their_changes_of_many_groups_the_extremes_alone():
    minus = "\N{MINUS SIGN}"
    many = LayerShares((), np.zeros((0, 3)), (0.5, 0.6, 0.7), (-0.1, 0.0, -0.3))
    alone = LayerShares((), np.zeros((0, 2)), (0.5, 0.6), None)

    assert accuracy_words(SHARES, ["f", "m"]) == f"f .902 ({minus}.031)  m .911 (+.012)"
    assert accuracy_words(alone, ["f", "m"]) == "f .500  m .600"
    assert accuracy_words(many, ["a", "b", "c"]) == f"c .700 ({minus}.300)  b .600 (.000)"


def test_values_by_group_stand_side_by_side_at_their_group():
    values = {
        "FairFace": {
            "SNIP": [(0.9, 0.01), None, (0.8, None)],
            "FairGRAPE": [(0.95, None), (0.97, None), (0.96, None)],
        }
    }
    groups = {"FairFace": ["White", "Black", "Asian"]}
    figure = draw_by_group(values, groups, "AP, share of the dense net's", "t", dense=1.0)
    (panel,) = figure.axes
    bars = {container.get_label(): container for container in panel.containers}
    snip, fair = (np.column_stack(bars[row].lines[0].get_data()) for row in values["FairFace"])

    assert snip == pytest.approx(np.array([[-WIDTH / 2, 0.9], [2 - WIDTH / 2, 0.8]]))
    assert fair == pytest.approx(
        np.array([[place + WIDTH / 2, y] for place, y in enumerate((0.95, 0.97, 0.96))])
    )
    (segments,) = bars["SNIP"].lines[2]
    assert segments.get_segments()[0][:, 1] == pytest.approx([0.89, 0.91])
    assert [label.get_text() for label in panel.get_xticklabels()] == groups["FairFace"]
    assert [line.get_ydata()[0] for line in panel.get_lines() if line.get_ls() == "--"] == [1.0]
    assert names_in_legend(figure) == ["SNIP", "FairGRAPE", "dense net"]
    assert panel.get_ylabel() == "AP, share of the dense net's on test"


def test_a_picture_is_a_png_wider_by_each_panel():
    def size(columns):
        changes = {f"column {place}": {"SNIP": CHANGES} for place in range(columns)}
        png = as_png(draw_ellipses(changes, "t"))
        assert png.startswith(b"\x89PNG\r\n")
        return int.from_bytes(png[16:20], "big"), int.from_bytes(png[20:24], "big")

    (one, height), (two, same) = size(1), size(2)
    assert two == pytest.approx(2 * one, abs=2) and height == same


def test_sizes_are_circles_whose_area_is_what_is_kept():
    circles = {"dense net": [(0.8, 0.5, 1.0)], "Ours": [(0.7, 0.2, 0.05), (0.75, 0.3, 0.2)]}
    figure = draw_sizes(circles, "accuracy", "DEO (sum)", "Figure 1")
    (panel,) = figure.axes
    drawn = np.array([(*it.get_offsets()[0], it.get_sizes()[0]) for it in panel.collections])
    drawn[:, 2] /= drawn[:, 2].max()

    assert drawn == pytest.approx(np.array([*circles["dense net"], *circles["Ours"]]))
    named = {text.get_text(): text.xy for text in panel.texts}
    assert named == {"dense net": (0.8, 0.5), "Ours": (0.75, 0.3)}  # at the largest circle
    assert (panel.get_xlabel(), panel.get_ylabel()) == ("accuracy on test", "DEO (sum) on test")
    assert names_in_legend(figure) == ["dense net", "Ours"]

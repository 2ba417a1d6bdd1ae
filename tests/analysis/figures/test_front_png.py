import io

import matplotlib.colors
import pytest
from matplotlib.text import Text

from analysis.figures.front_png import front_figure
from analysis.palette import PAPER
from analysis.words import chosen_label
from tests.analysis.made_search import made_front, made_references


def texts(figure):
    axes = figure.axes[0]
    return [text.get_text() for text in axes.texts] + [axes.get_title(loc="left")]


def marks(figure, x, y):
    """Lines drawn as one mark at (x, y)."""
    return [
        line
        for line in figure.axes[0].lines
        if line.get_xydata().shape == (1, 2) and line.get_xydata()[0].tolist() == [x, y]
    ]


@pytest.mark.parametrize("confirmed", [False, True])
def test_every_point_is_drawn_at_its_values_on_tune(confirmed):
    front = made_front(confirmed=confirmed)
    figure = front_figure(front, made_references())
    for point in front["points"]:
        assert marks(figure, point["tune"]["bias"], point["tune"]["performance"])


def test_chosen_point_is_ringed_and_labelled_once():
    front = made_front()
    figure = front_figure(front)
    chosen = next(point for point in front["points"] if point["chosen"])
    assert len(marks(figure, chosen["tune"]["bias"], chosen["tune"]["performance"])) == 2
    assert texts(figure).count(chosen_label(chosen)) == 1


def test_infeasible_points_are_hollow_and_feasible_ones_filled():
    for feasible in (True, False):
        front = made_front(feasible=feasible)
        values = front["points"][0]["tune"]
        (mark,) = marks(front_figure(front), values["bias"], values["performance"])
        assert matplotlib.colors.same_color(mark.get_markerfacecolor(), PAPER) != feasible


def test_methods_differ_in_colour_and_shape_and_sparser_networks_in_size():
    front = made_front()
    figure = front_figure(front)
    looks, sizes = {}, {}
    for point in front["points"]:
        values = point["tune"]
        mark = marks(figure, values["bias"], values["performance"])[0]
        look = (mark.get_markerfacecolor(), mark.get_marker())
        assert looks.setdefault(point["method"], look) == look
        sizes[values["sparsity"]] = mark.get_markersize()
    colours, shapes = zip(*looks.values(), strict=True)
    assert len(set(colours)) == len(set(shapes)) == len(looks) == 3
    by_sparsity = [size for _, size in sorted(sizes.items())]
    assert by_sparsity == sorted(by_sparsity, reverse=True)
    assert by_sparsity[0] > by_sparsity[-1]


def test_a_method_keeps_its_look_when_others_are_on_the_front():
    tried = {"methods": ["adv_ft", "grasp", "magnitude_retrain", "prune_advft", "snip"]}
    front = made_front() | tried
    alone = front | {"points": [p for p in front["points"] if p["method"] == "prune_advft"]}
    values = alone["points"][0]["tune"]
    (whole,) = marks(front_figure(front), values["bias"], values["performance"])
    (single,) = marks(front_figure(alone), values["bias"], values["performance"])

    assert whole.get_markerfacecolor() == single.get_markerfacecolor()
    assert whole.get_marker() == single.get_marker()


def test_the_legend_of_many_methods_fits_the_width_of_the_figure():
    front = made_front(points=60)
    for number, point in enumerate(front["points"]):
        point["method"] = f"a_method_with_a_long_name_{number % 30}"
        point["needs_group"] = number % 2 == 0
    figure = front_figure(front, made_references())
    figure.draw_without_rendering()
    (legend,) = figure.legends

    assert len(legend.get_texts()) > 30
    box = legend.get_window_extent()
    assert 0 <= box.x0 < box.x1 <= figure.bbox.width
    assert figure.axes[0].get_window_extent().height > 300  # the legend takes nothing from it


def test_nothing_feasible_is_said_in_the_title():
    assert "nothing feasible; the 5 closest candidates" in " ".join(
        texts(front_figure(made_front(feasible=False, points=5)))
    )


def test_far_reference_is_named_with_its_value_and_one_that_uses_the_group_says_so():
    words = " ".join(texts(front_figure(made_front(), made_references())))
    assert "dense net\nbias 0.142 \N{RIGHTWARDS ARROW}" in words
    assert "dense net, group thresholds (uses the group)" in words


def test_tolerance_and_margin_are_named():
    words = texts(front_figure(made_front()))
    assert "tolerance 0.05" in words
    assert "less margin 0.02" in words


def test_test_values_appear_only_after_confirm():
    front = made_front(confirmed=True)
    test = front["points"][0]["test"]
    assert front_figure(front).axes[0].containers  # error bars
    sealed = made_front()
    assert not front_figure(sealed).axes[0].containers
    assert not marks(front_figure(sealed), test["bias"], test["performance"])


@pytest.mark.parametrize("points", [0, 1])
def test_front_of_few_points_is_drawn(points):
    front = made_front(points=points)
    for point in front["points"]:
        point["chosen"] = True
    front_figure(front).savefig(io.BytesIO(), dpi=40)


def test_values_that_are_not_estimable_leave_the_rest_standing():
    front = made_front(confirmed=True)
    chosen = next(point for point in front["points"] if point["chosen"])
    chosen["test"] |= {"bias": None, "bias_interval": None}
    front["points"][0]["tune"]["bias"] = None
    front["dense"]["tune"]["bias"] = None
    front_figure(front).savefig(io.BytesIO(), dpi=40)


def test_dollar_signs_in_names_are_no_mathematics():
    front = made_front()
    front["name"] = "cost $5 to $10 \\frac"
    front["points"][0]["method"] = "a$b$"
    figure = front_figure(front, [made_references()[0] | {"label": "$x$"}])
    written = [text for text in figure.findobj(Text) if "$" in text.get_text()]
    assert {"a$b$", "$x$"} <= {text.get_text().split(" (")[0] for text in written}
    assert not any(text.get_parse_math() for text in written)


def test_the_chosen_label_gives_way_to_the_label_of_a_reference_mark():
    """The mark is put where the label of the chosen point would be without it."""
    front = made_front(confirmed=True)
    label = chosen_label(next(point for point in front["points"] if point["chosen"]))
    boxes = boxes_of(alone := front_figure(front))
    axes = alone.axes[0]
    corners = axes.transData.inverted().transform(boxes[label].corners())
    place = {"bias": corners[:, 0].min(), "performance": corners[:, 1].mean()}

    boxes = boxes_of(front_figure(front, [made_references()[0] | place]))

    box = boxes.pop(label)
    assert len(boxes) > 2
    assert not [text for text, other in boxes.items() if box.overlaps(other)]


def boxes_of(figure):
    """What each text inside the axes covers."""
    figure.draw_without_rendering()
    return {text.get_text(): text.get_window_extent() for text in figure.axes[0].texts}


def test_the_legend_explains_ring_and_crosses():
    (legend,) = front_figure(made_front(), made_references()).legends

    said = [text.get_text() for text in legend.get_texts()]
    assert {"chosen", "dense net", "dense net, group thresholds"} <= set(said)
    (without,) = front_figure(made_front(feasible=False)).legends
    assert "chosen" not in [text.get_text() for text in without.get_texts()]

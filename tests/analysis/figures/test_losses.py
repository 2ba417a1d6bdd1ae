"""The losses of the trials on the front, one small picture per name."""

import pandas as pd
import pytest

from analysis.figures.losses import MOST_TRIALS, POINT_BUDGET, losses_figure
from analysis.palette import INK, method_looks
from tests.search.made_front import front, point

METHODS = ["faprune", "scratch"]


def reports_of(trial, epochs, **losses):
    """One row per epoch; a loss is a function of the epoch."""
    return pd.DataFrame(
        {
            "trial": trial,
            "epoch": range(1, epochs + 1),
            **{
                f"loss.{name}": [of(e) for e in range(1, epochs + 1)]
                for name, of in losses.items()
            },
        }
    )


def made(**changes):
    """Two trials on a front, of which only one has an adversary; a third is not on it."""
    reports = pd.concat(
        [
            reports_of("trial of a", 4, loss=lambda e: 1 / e, advantage=lambda e: 0.123456789 * e),
            reports_of("trial of b", 3, loss=lambda e: 2 / e),
            reports_of("elsewhere", 3, loss=lambda e: 9.0, other=lambda e: 1.0),
        ]
    )
    points = [point("a", "faprune", chosen=True), point("b", "scratch", **changes)]
    return front(*points), reports


def titles(figure):
    return [each.text for each in figure.layout.annotations]


def lines(figure, place):
    """The lines of one picture: axis name -> traces."""
    axis = "x" if place == 0 else f"x{place + 1}"
    return [trace for trace in figure.data if trace.xaxis == axis]


def test_each_loss_of_a_trial_on_the_front_has_a_picture_over_epochs():
    figure = losses_figure(*made(), METHODS)

    assert titles(figure) == ["loss", "advantage"]  # not "other", which no trial shown reports
    by_trial = {trace.hovertemplate.split(",")[0]: trace for trace in lines(figure, 0)}
    assert by_trial.keys() == {"trial of a", "trial of b"}
    assert list(by_trial["trial of a"].x) == [1, 2, 3, 4]
    assert list(by_trial["trial of a"].y) == pytest.approx([1, 1 / 2, 1 / 3, 1 / 4], rel=1e-3)
    (advantage,) = lines(figure, 1)
    assert list(advantage.y) == [0.1235, 0.2469, 0.3704, 0.4938]  # four digits


def test_methods_have_their_colours_and_the_chosen_trial_is_in_bold_and_on_top():
    figure = losses_figure(*made(), METHODS)

    other, chosen = lines(figure, 0)
    assert other.line.color == method_looks(METHODS)["scratch"].colour
    assert (chosen.line.color, chosen.name) == (INK, "chosen: trial of a")
    assert chosen.line.width > other.line.width


def test_each_name_stands_in_the_legend_once():
    figure = losses_figure(*made(), METHODS)

    assert sorted(trace.name for trace in figure.data if trace.showlegend) == [
        "chosen: trial of a",
        "scratch",
    ]


def test_without_losses_there_is_no_picture():
    found, reports = made()

    assert losses_figure(found, reports[["trial", "epoch"]], METHODS) is None
    assert losses_figure(front(), reports, METHODS) is None


def test_many_long_trials_stay_within_the_limits_and_keep_their_ends():
    points = [point(f"p{n}", "scratch", chosen=n == 77) for n in range(100)]
    length = 1000
    reports = pd.concat(
        [reports_of(p["trial"], length, loss=float, advantage=float) for p in points]
    )

    figure = losses_figure(front(*points), reports, METHODS)

    assert sum(len(trace.x) for trace in figure.data) < 1.1 * POINT_BUDGET
    trials = {trace.hovertemplate.split(",")[0] for trace in figure.data}
    assert MOST_TRIALS <= len(trials) <= MOST_TRIALS + 1
    assert "trial of p77" in trials
    assert all(trace.x[0] == 1 and trace.x[-1] == length for trace in figure.data)


def test_names_from_outside_cannot_become_markup():
    evil = "<b>loss</b>"
    reports = reports_of("trial of a", 2, **{evil: float})

    figure = losses_figure(front(point("a", "<i>x</i>")), reports, ["<i>x</i>"])

    assert titles(figure) == ["&lt;b&gt;loss&lt;/b&gt;"]
    assert "<i>" not in figure.to_json()

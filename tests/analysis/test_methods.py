"""Methods side by side, and the price of fairness: numbers that can be counted by hand."""

import numpy as np
import pandas as pd
import pytest

from analysis.methods import (
    attained,
    attainment_figure,
    hypervolume_by_method,
    methods_compared,
    methods_over_compute_figure,
)
from analysis.price import price_as_searched, price_figure, tolerances_around
from analysis.trials import hypervolume_by_trial, is_candidate
from tests.analysis.made_search import BOX, OBJECTIVE, frames_of, made_events

# trial, method, status, performance, bias, sparsity, feasible; box from (.5, .05, 0) to (1, 0, 1)
ROWS = [
    ("t1", "a", "finished", 0.75, 0.02, 0.5, True),  # covers .5 * .6 * .5 = .15
    ("t2", "a", "finished", 0.70, 0.03, 0.4, True),  # t1 is better in everything
    ("t3", "b", "finished", 0.60, 0.01, 0.5, True),  # covers .2 * .8 * .5 = .08
    ("t4", "b", "finished", 0.90, 0.10, 0.5, False),
    ("t5", "c", "stopped", 0.95, 0.00, 0.9, True),  # a stopped trial enters no front
]
COLUMNS = ["trial", "method", "status", "performance", "bias", "sparsity", "feasible"]


def frames():
    table = pd.DataFrame(ROWS, columns=COLUMNS)
    trials = table[["trial", "method", "status"]].assign(charged=100)
    stands = table["trial"].where(table["status"] == "finished", None)
    reports = table.drop(columns="status").assign(candidate=stands, beats_trivial=True)
    reports["needs_group"] = False
    return trials, reports.assign(bias_upper=reports["bias"] + 0.02)


def test_each_method_is_shown_with_what_it_covers_and_what_it_adds():
    table = methods_compared(*frames(), **BOX).set_index("method")

    assert list(table.index) == ["a", "b", "c"]
    assert table["hypervolume"].tolist() == pytest.approx([0.15, 0.08, 0.0])
    assert table["adds"].tolist() == pytest.approx([0.09, 0.02, 0.0])  # .17 in all
    assert table["adds_share"].tolist() == pytest.approx([9 / 17, 2 / 17, 0.0])
    assert table["on_front"].tolist() == [1, 1, 0]
    assert table["best_performance"].tolist()[:2] == [0.75, 0.6]
    assert np.isnan(table.loc["c", "best_performance"])
    assert table.loc["b", ["candidates", "feasible"]].tolist() == [2, 1]
    assert table["stopped"].tolist() == [0, 0, 1]


def test_what_needs_the_group_covers_nothing_unless_it_may_be_chosen():
    trials, reports = frames()
    reports.loc[reports["method"] == "a", "needs_group"] = True

    table = methods_compared(trials, reports, **BOX).set_index("method")
    allowed = methods_compared(trials, reports, **BOX, group_allowed=True).set_index("method")

    assert table.index[0] == "b"
    assert table.loc["a", ["hypervolume", "adds", "on_front"]].tolist() == [0, 0, 0]
    assert table.loc["a", ["needs_group", "feasible", "best_performance"]].tolist() == [
        True,
        2,
        0.75,
    ]
    assert table.loc["b", "adds"] == pytest.approx(0.08)
    assert allowed.loc["a", "hypervolume"] == pytest.approx(0.15)
    assert reports[is_candidate(reports, group_allowed=False)]["trial"].tolist() == ["t3", "t4"]


def test_what_is_attained_is_shown_of_networks_that_could_be_chosen():
    _, reports = frames()
    reports.loc[reports["method"] == "a", "needs_group"] = True

    shown = attainment_figure(reports, OBJECTIVE)
    allowed = attainment_figure(reports, {**OBJECTIVE, "group_at_prediction": True})

    assert [trace.name for trace in shown.data] == ["b"]
    assert sorted(trace.name for trace in allowed.data) == ["a", "b"]


def test_without_a_sparsity_objective_the_box_has_two_dimensions():
    table = methods_compared(*frames(), [0.5, 0.05], [1.0, 0.0]).set_index("method")

    assert table["hypervolume"].tolist() == pytest.approx([0.3, 0.16, 0.0])


def test_candidates_are_those_that_may_enter_a_front():
    _, reports = frames()
    reports.loc[0, "candidate"] = None
    reports.loc[1, "beats_trivial"] = False

    assert reports[is_candidate(reports)]["trial"].tolist() == ["t3", "t4"]


def test_what_is_attained_is_the_best_at_each_level_of_bias_or_below():
    reached = attained([0.7, 0.8, np.nan], [0.02, 0.05, 0.0], [0.01, 0.02, 0.04, 0.05])

    assert reached.tolist() == pytest.approx([np.nan, 0.7, 0.7, 0.8], nan_ok=True)
    assert np.isnan(attained([], [], [0.1])).all()


def test_a_tighter_tolerance_costs_performance():
    """With a margin of 40 % of the tolerance: feasible below .6 t, or with an upper bound below t.
    At .01 nothing is; at .04 t3 (.01 < .024) and t1 (.02 < .024); at .2 t4 (.1 < .12) as well."""
    _, reports = frames()

    price = price_as_searched(reports, [0.01, 0.02, 0.04, 0.2], 0.4)

    assert price["performance"].tolist() == pytest.approx([np.nan, 0.6, 0.75, 0.9], nan_ok=True)
    assert price["candidate"].tolist()[1:] == ["t3", "t1", "t4"]
    assert price["margin"].tolist() == pytest.approx([0.004, 0.008, 0.016, 0.08])


def test_an_upper_bound_below_the_tolerance_is_feasible_too():
    _, reports = frames()

    price = price_as_searched(reports, [0.045], 0.9)  # .01 + .02 and .02 + .02 are below .045

    assert price["candidate"].tolist() == ["t1"]


def test_tolerances_lie_around_the_one_that_was_searched():
    around = tolerances_around(0.05)

    assert 0.05 in around
    assert (around[0], around[-1]) == (0.01, 0.2)
    assert around == sorted(around)
    assert max(tolerances_around(0.6)) < 1


def test_the_figures_show_every_method_and_the_price():
    events = made_events()
    trials, reports = frames_of(events)

    staircases = attainment_figure(reports, OBJECTIVE)
    price = price_as_searched(reports, tolerances_around(0.05), 0.4)
    figure = price_figure(price, OBJECTIVE, (0.14, 0.82))

    assert {trace.name for trace in staircases.data} == set(trials["method"])
    assert (np.diff(price["performance"].dropna()) >= 0).all()
    assert figure.data[0].x.tolist() == price["tolerance"].tolist()


def test_hypervolume_over_compute_is_that_of_each_methods_own_trials():
    """a: t1 (.15, after 100 samples), then t2, which adds nothing; b: t3, then t4, infeasible."""
    trials, reports = frames()
    trials = trials.assign(ended=range(5), charged=[100, 20, 30, None, 50])

    curves = hypervolume_by_method(trials, reports, **BOX).set_index("trial")
    together = hypervolume_by_trial(trials, reports, **BOX)

    assert curves["method"].tolist() == ["a", "a", "b", "b", "c"]
    assert curves["charged"].tolist() == [100, 120, 30, 30, 50]
    assert curves["hypervolume"].tolist() == pytest.approx([0.15, 0.15, 0.08, 0.08, 0.0])
    assert together["charged"].tolist() == [100, 120, 150, 150, 200]
    assert together["hypervolume"].tolist() == pytest.approx([0.15, 0.15, 0.17, 0.17, 0.17])


def test_the_figure_over_compute_has_a_line_for_each_method_that_covers_something_and_for_all():
    trials, reports = frames()
    trials = trials.assign(ended=range(5))

    figure = methods_over_compute_figure(trials, reports, **BOX)
    area = [trace for trace in figure.data if trace.xaxis == "x"]
    volume = {trace.name: trace for trace in figure.data if trace.xaxis == "x2"}

    assert [trace.name for trace in area] == ["a", "b", "all methods"]
    assert [trace.name for trace in figure.data if trace.showlegend] == ["a", "b", "all methods"]
    assert volume["a"].y == pytest.approx([0.15, 0.15])
    assert area[0].y == pytest.approx([0.3, 0.3])  # performance and bias alone: .5 * .6
    assert area[0].line.color != area[1].line.color
    assert area[0].marker.symbol != area[1].marker.symbol
    untrained = trials.assign(charged=[100, 100, 0, 0, 100])  # b: the axis is logarithmic
    drawn = methods_over_compute_figure(untrained, reports, **BOX).data
    assert {trace.name for trace in drawn} == {"a", "all methods"}
    alone = methods_over_compute_figure(trials, reports, [0.5, 0.05], [1.0, 0.0])
    assert {trace.xaxis for trace in alone.data} == {"x"}

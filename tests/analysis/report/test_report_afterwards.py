"""What the report says beyond the front: other seeds, the price of fairness, importances."""

import json

import pytest

from analysis.figures.curves import curves_figure
from analysis.importance import PALE, importance_by_method, importance_figure
from analysis.report.report import report_html
from analysis.report.seeds import seeds_table, spread, spread_lines
from tests.analysis.made_search import (
    BOX,
    OBJECTIVE,
    frames_of,
    made_events,
    made_facts,
    made_front,
    made_references,
)


def values(performance, bias):
    return {"performance": performance, "bias": bias, "sparsity": 0.5}


def row(seed, tune, test=None, *, feasible=True, kept=None):
    verdict = None if kept is None else {"verdict": kept, "p": 0.5, "certified_at": 0.06}
    return {"seed": seed, "feasible": feasible, "tune": tune, "test": test, "claim": verdict}


ROWS = [
    row(1, values(0.8, 0.02), values(0.79, 0.03), kept="certified"),
    row(2, values(0.7, 0.02), values(0.69, 0.07), kept="broke"),
    row(3, values(0.6, 0.08), values(0.59, None), feasible=False, kept="not estimable"),
    row(4, None, feasible=False, kept="not estimable"),  # failed
]


def test_the_spread_has_mean_sd_least_and_largest_of_the_seeds_that_have_a_value():
    found = spread(ROWS)

    assert (found["seeds"], found["feasible"], found["judged"], found["certified"]) == (4, 2, 4, 1)
    assert found["tune"]["performance"] == pytest.approx(
        {"mean": 0.7, "sd": 0.1, "min": 0.6, "max": 0.8}
    )
    assert found["test"]["bias"]["mean"] == pytest.approx(0.05)
    assert "sd" not in spread(ROWS[:1])["tune"]["bias"]


def test_before_test_is_opened_nothing_is_said_of_it():
    found = spread([row(1, values(0.8, 0.02)), row(2, None, feasible=False)])

    assert (found["test"], found["certified"], found["judged"]) == (None, None, 0)
    assert found["tune"]["performance"]["mean"] == 0.8


def test_a_confirmed_front_says_in_words_how_its_seeds_fared():
    front = made_front(confirmed=True) | {"seeds": ROWS, "spread": spread(ROWS)}

    lines = spread_lines(front)

    assert lines[0] == "The chosen settings with 4 other seeds: 2 of 4 feasible on tune."
    assert lines[1] == "On test 1 of 4 are certified to keep the tolerance of 0.05."
    assert "balanced accuracy on tune: mean 0.700 ± 0.100 (sd), range 0.600 to 0.800" in lines
    assert spread_lines(made_front()) == []
    assert seeds_table(front).count("<tr") == 1 + 1 + 4  # heading, chosen, seeds
    assert seeds_table(made_front(confirmed=True)) == ""
    assert "abs. AOD, test" in seeds_table(front)


def test_the_report_has_a_section_for_each_where_there_is_something_to_say():
    events = made_events(trials=120)
    front = made_front(confirmed=True) | {"seeds": ROWS, "spread": spread(ROWS)}
    frames = frames_of(events)

    full = report_html(front, *frames, made_references(), made_facts())
    bare = report_html(made_front(), *(frame.iloc[:0] for frame in frames), [], made_facts())

    for title in ("Other seeds", "Price of fairness", "Settings that mattered"):
        assert f"<h2>{title}</h2>" in full
        assert f"<h2>{title}</h2>" not in bare


def test_the_price_and_the_hypervolume_are_those_of_networks_that_could_be_chosen():
    events = made_events(trials=60)
    frames = frames_of(events)
    frames[1]["needs_group"] = frames[1]["method"] != "adv_ft"
    front = made_front(confirmed=True)
    allowing = {**front, "objective": {**front["objective"], "group_at_prediction": True}}

    shown = [_prices(report_html(one, *frames, [], made_facts())) for one in (front, allowing)]

    assert shown[0] == {"adv_ft"}
    assert len(shown[1]) > 1


def _prices(source):
    """The methods that the figure of the price of fairness names."""
    data = source.split('data-figure="price">')[1].split("</script>")[0]
    return {method for *_, method in json.loads(data)["data"][0]["customdata"] if method != "None"}


def test_the_chosen_epoch_is_ringed_in_both_curves():
    events = made_events(trials=24)
    trials, reports = frames_of(events)
    last = reports[reports["candidate"].notna()].iloc[0]

    figure = curves_figure(OBJECTIVE, trials, reports, last["trial"], last["epoch"])

    rings = [trace for trace in figure.data if trace.marker.size == 13]
    assert [list(ring.x) for ring in rings] == [[last["epoch"]]] * 2
    assert rings[0].y[0] == pytest.approx(last["bias"], abs=1e-4)


def test_bars_that_chance_would_show_too_are_pale():
    events = made_events(trials=120)
    table = importance_by_method(*frames_of(events), **BOX)

    figure = importance_figure(table)

    shown = table[table["target"] == "hypervolume"]
    assert sum(len(bar.y) for bar in figure.data) == len(shown)
    pale = sum(one == PALE for bar in figure.data for one in bar.marker.opacity)
    assert pale == (shown["divergence"] <= shown["chance"]).sum()

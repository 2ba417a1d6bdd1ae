import pytest

from analysis.headline import explanation, headline
from analysis.without_group import unbeaten_reference

OBJECTIVE = {
    **{"performance": "balanced_accuracy", "bias": "aod", "tolerance": 0.05, "margin": 0.02},
    "sparsity": False,
}


def values(performance, bias, feasible=True):
    return {
        **{"performance": performance, "bias": bias, "sparsity": 0.0},
        **{"feasible": feasible, "beats_trivial": True, "measures": {}},
    }


def point(performance, *, needs_group=False, test=None, feasible=True, chosen=False):
    return {
        **{"candidate": "c", "method": "adv_ft", "needs_group": needs_group},
        **{"tune": values(performance, 0.01, feasible), "test": test, "kept_promise": None},
        **{"feasible": feasible, "chosen": chosen},
    }


def front(*points, line=None, on_test=None):
    references = [
        {
            "label": "dense net",
            "needs_group": False,
            "tune": values(0.99, 0.2, False),
            "test": None,
        },
        {"label": "by group", "needs_group": True, "tune": line, "test": on_test},
    ]
    return {
        **{"name": "made", "objective": OBJECTIVE, "dense": None, "points": list(points)},
        "references": references if line else [],
    }


def test_a_search_that_does_not_beat_group_thresholds_says_what_doing_without_the_group_costs():
    made = front(point(0.8), point(0.79, needs_group=True), line=values(0.83, 0.02))

    said = unbeaten_reference(made)

    assert said.startswith("On tune no network that works without the group beats")
    assert "balanced accuracy 0.830 and |AOD| 0.020" in said
    assert "the best is 0.800 (adv_ft), so that doing without the group costs 0.030." in said
    assert said in explanation(front(point(0.8, chosen=True), line=values(0.83, 0.02)))


def test_a_point_that_needs_the_group_does_not_count_as_beating_them():
    made = front(point(0.9, needs_group=True), line=values(0.83, 0.02))

    assert unbeaten_reference(made).endswith("none keeps the tolerance.")


@pytest.mark.parametrize(
    "made",
    [
        front(point(0.84), line=values(0.83, 0.02)),
        front(point(0.8), line=values(0.83, 0.045, feasible=False)),  # nothing to beat
        front(point(0.8)),  # more than two classes have no such line
    ],
)
def test_nothing_is_said_where_they_are_beaten_or_not_there_to_be_beaten(made):
    assert unbeaten_reference(made) is None


def test_once_confirmed_the_values_on_test_are_compared():
    kept, broken = values(0.81, 0.049), values(0.95, 0.051)
    confirmed = [point(0.9, test=kept), point(0.9, test=broken)]

    said = unbeaten_reference(
        front(*confirmed, line=values(0.7, 0.02), on_test=values(0.82, 0.04))
    )
    beaten = front(*confirmed, line=values(0.99, 0.02), on_test=values(0.80, 0.04))
    broke = front(*confirmed, line=values(0.99, 0.02), on_test=values(0.99, 0.06))

    assert said.startswith("On test")
    assert "costs 0.010" in said
    assert unbeaten_reference(beaten) is None
    assert unbeaten_reference(broke) is None


def test_where_only_points_that_need_the_group_are_feasible_the_report_says_how_to_allow_them():
    made = front(point(0.9, needs_group=True), point(0.7, feasible=False))

    assert headline(made) == (
        "Only networks that need the group at prediction time keep 0.05 on tune."
    )
    text = " ".join(explanation(made))
    assert "Feasible points: 1." in text
    assert "objective.group_at_prediction = true" in text

import pytest

from analysis.words import explanation, headline, unbeaten_reference

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


def best(performance, *, test=None, tried=True):
    """What front.json says of the best network without the group; None: there is none."""
    if performance is None:
        named = {"candidate": None, "method": None, "tune": None}
    else:
        named = {"candidate": "c", "method": "adv_ft", "tune": values(performance, 0.01)}
    return {"tried": tried, **named, "test": test}


def front(*points, line=None, on_test=None, without=None):
    references = [
        {
            "label": "dense net",
            "needs_group": False,
            "tune": values(0.99, 0.2, False),
            "test": None,
        },
        {
            "label": "dense net, group thresholds",
            "needs_group": True,
            "tune": line,
            "test": on_test,
        },
    ]
    return {
        **{"name": "made", "objective": OBJECTIVE, "points": list(points)},
        **{"references": references if line else [], "without_group": without},
        "dense": {"tune": None, "test": None},
    }


def test_a_search_that_does_not_beat_group_thresholds_says_what_doing_without_the_group_costs():
    made = front(point(0.8, chosen=True), line=values(0.83, 0.02), without=best(0.8))

    said = unbeaten_reference(made)

    assert said.startswith("On tune the unrepaired dense net with one threshold per group keeps")
    assert "balanced accuracy 0.830 and |AOD| 0.020" in said
    assert "without the group (adv_ft) comes to 0.800, so that doing without" in said
    assert said.endswith("costs 0.030.")
    assert said in explanation(made)


def test_a_network_that_a_point_with_the_group_hides_is_compared_all_the_same():
    made = front(point(0.9, needs_group=True), line=values(0.83, 0.02), without=best(0.84))

    assert unbeaten_reference(made) is None


@pytest.mark.parametrize(
    ("without", "end"),
    [
        (best(None), "no network that works without the group keeps it on tune."),
        (best(None, tried=False), "no network that works without the group was tried."),
    ],
)
def test_it_is_said_whether_networks_without_the_group_failed_or_were_never_tried(without, end):
    made = front(point(0.9, needs_group=True), line=values(0.83, 0.02), without=without)

    assert unbeaten_reference(made).endswith(f"; {end}")


@pytest.mark.parametrize(
    "made",
    [
        front(point(0.84), line=values(0.83, 0.02), without=best(0.84)),
        front(
            point(0.8), line=values(0.83, 0.045, feasible=False), without=best(0.8)
        ),  # nothing to beat
        front(point(0.8), without=best(0.8)),  # more than two classes have no such line
        front(point(0.8), line=values(0.83, 0.02)),  # of an earlier version
    ],
)
def test_nothing_is_said_where_they_are_beaten_or_not_there_to_be_beaten(made):
    assert unbeaten_reference(made) is None


def test_once_confirmed_the_network_that_was_best_on_tune_is_compared_on_test_and_no_other():
    kept, better, broken = values(0.81, 0.049), values(0.95, 0.01), values(0.95, 0.051)
    points = [point(0.9, test=kept), point(0.88, test=better)]
    worse, line = best(0.9, test=kept), {"line": values(0.7, 0.02), "on_test": values(0.82, 0.04)}

    said = unbeaten_reference(front(*points, **line, without=worse))
    gone = unbeaten_reference(front(*points, **line, without=best(0.9, test=broken)))
    beaten = {**line, "on_test": values(0.80, 0.04)}
    broke = {**line, "on_test": values(0.99, 0.06)}

    assert said.startswith("On test")
    assert "best on tune of those without the group (adv_ft) comes to 0.810" in said
    assert "costs 0.010" in said
    assert gone.endswith("(adv_ft) does not keep it.")
    assert unbeaten_reference(front(*points, **beaten, without=worse)) is None
    assert unbeaten_reference(front(*points, **broke, without=worse)) is None


def test_candidates_that_could_not_be_judged_are_named():
    left_out = {"method": "reject_option", "candidates": 3, "why": "needs two groups, got 4"}
    made = front(point(0.8, chosen=True)) | {"left_out": [left_out]}

    assert explanation(made)[-1] == (
        "Left out: candidates of reject_option, 3 (needs two groups, got 4)."
    )


def test_where_only_points_that_need_the_group_are_feasible_the_report_says_how_to_allow_them():
    made = front(point(0.9, needs_group=True), point(0.7, feasible=False))

    assert headline(made) == (
        "Only networks that need the group at prediction time keep 0.05 on tune."
    )
    text = " ".join(explanation(made))
    assert "Feasible points: 1." in text
    assert "objective.group_at_prediction = true" in text

import pytest

from search.selection import group_at_prediction, select

REFERENCE = (0.5, 0.1, 0.0)


def row(performance, bias=0.01, sparsity=0.0, *, needs_group=False, feasible=True):
    return {
        **{"performance": performance, "performance_se": 0.0, "bias": bias, "sparsity": sparsity},
        **{"feasible": feasible, "beats_trivial": True, "needs_group": needs_group},
    }


@pytest.mark.parametrize("sparsity", [False, True])
def test_what_needs_the_group_is_shown_but_hides_nothing_and_is_not_chosen(sparsity):
    rows = [row(0.8), row(0.9, 0.005, needs_group=True), row(0.7, needs_group=True)]

    places, chosen, volume = select(rows, REFERENCE, sparsity=sparsity, group_allowed=False)

    assert (places, chosen) == ([1, 0], 0)
    assert volume == (0 if sparsity else pytest.approx(0.8 * 0.95))  # of the better one


def test_where_the_group_is_allowed_it_is_no_cost():
    rows = [row(0.8), row(0.9, 0.005, needs_group=True)]

    places, chosen, _ = select(rows, REFERENCE, sparsity=False, group_allowed=True)

    assert (places, chosen) == ([1], 1)


def test_what_needs_the_group_is_dominated_by_what_does_not():
    rows = [row(0.8, needs_group=True), row(0.9)]

    assert select(rows, REFERENCE, sparsity=False, group_allowed=False)[:2] == ([1], 1)


def test_nothing_is_chosen_where_all_that_is_feasible_needs_the_group():
    rows = [row(0.9, needs_group=True), row(0.95, 0.2, feasible=False)]

    assert select(rows, REFERENCE, sparsity=False, group_allowed=False)[:2] == ([0], None)
    assert select(rows, REFERENCE, sparsity=False, group_allowed=True)[:2] == ([0], 0)


@pytest.mark.parametrize(
    ("said", "correction", "allowed"),
    [
        ({}, "threshold", False),
        ({"group_at_prediction": False}, "threshold", False),
        ({"group_at_prediction": True}, "threshold", True),
        ({"group_at_prediction": False}, "reject_option", True),
        ({}, "group_thresholds", True),
    ],
)
def test_the_group_is_allowed_by_the_run_or_by_its_own_correction(said, correction, allowed):
    facts = {**said, "correction": {"name": correction}}

    assert group_at_prediction(facts) is allowed

import numpy as np
import pytest

from analysis.pareto import non_dominated
from search.front.selection import front_of, select
from search.journal.candidates import group_at_prediction

REFERENCE = (0.5, 0.1, 0.0)


def row(performance, bias=0.01, sparsity=0.0, *, needs_group=False, feasible=True):
    return {
        **{"performance": performance, "performance_se": 0.0, "bias": bias, "sparsity": sparsity},
        **{"feasible": feasible, "beats_trivial": True, "needs_group": needs_group},
    }


@pytest.mark.parametrize("sparsity", [False, True])
def test_what_needs_the_group_is_shown_but_hides_nothing_and_is_not_chosen(sparsity):
    rows = [row(0.8), row(0.9, 0.005, needs_group=True), row(0.7, needs_group=True)]

    found = select(rows, REFERENCE, sparsity=sparsity, group_allowed=False)

    assert (found.on_front, found.chosen) == ([1, 0], 0)
    if not sparsity:  # the box begins at performance .5 and bias .1
        assert found.hypervolume == pytest.approx(0.6 * 0.9)  # of what could be chosen
        assert found.hypervolume_with_group == pytest.approx(0.8 * 0.95)


def test_where_the_group_is_allowed_it_is_no_cost():
    rows = [row(0.8), row(0.9, 0.005, needs_group=True)]

    found = select(rows, REFERENCE, sparsity=False, group_allowed=True)

    assert (found.on_front, found.chosen) == ([1], 1)
    assert found.hypervolume == found.hypervolume_with_group == pytest.approx(0.8 * 0.95)


def test_what_needs_the_group_is_dominated_by_what_does_not():
    rows = [row(0.8, needs_group=True), row(0.9)]

    found = select(rows, REFERENCE, sparsity=False, group_allowed=False)

    assert (found.on_front, found.chosen) == ([1], 1)


def test_nothing_is_chosen_where_all_that_is_feasible_needs_the_group():
    rows = [row(0.9, needs_group=True), row(0.95, 0.2, feasible=False)]

    found = select(rows, REFERENCE, sparsity=False, group_allowed=False)

    assert (found.on_front, found.chosen, found.hypervolume) == ([0], None, 0.0)
    assert found.hypervolume_with_group == pytest.approx(0.8 * 0.9)
    assert select(rows, REFERENCE, sparsity=False, group_allowed=True).chosen == 0


@pytest.mark.parametrize("columns", [2, 3])
def test_to_need_the_group_is_as_one_more_objective_that_is_minimised(columns):
    draw = np.random.default_rng(0)
    for size in (0, 1, 7, 400):
        values = draw.integers(0, 12, (size, columns)) / 12  # with many equal values
        by_group = draw.random(size) < 0.4
        maximise = [True, False, True][:columns]

        found = front_of(values, by_group, group_allowed=False)

        as_objective = np.column_stack([values, by_group])
        assert found.tolist() == non_dominated(as_objective, [*maximise, False]).tolist()


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

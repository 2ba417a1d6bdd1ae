import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from analysis.pareto import constrained_front, non_dominated

# A coarse grid makes ties and equal rows common.
TABLES = st.integers(1, 4).flatmap(
    lambda d: arrays(
        np.float64,
        st.tuples(st.integers(0, 25), st.just(d)),
        elements=st.sampled_from(np.arange(5.0)),
    )
)


def slow_front(values: np.ndarray, maximize: tuple[bool, ...]) -> list[int]:
    """Definition, pair by pair."""
    sign = [1 if up else -1 for up in maximize]
    rows = [[s * v for s, v in zip(sign, row, strict=True)] for row in values]

    def beats(a: list[float], b: list[float]) -> bool:
        return all(x >= y for x, y in zip(a, b, strict=True)) and a != b

    return [
        i
        for i, row in enumerate(rows)
        if not any(beats(other, row) for other in rows) and row not in rows[:i]
    ]


@given(TABLES, st.data())
def test_front_is_what_the_definition_says(values, data):
    maximize = tuple(data.draw(st.booleans()) for _ in range(values.shape[1]))
    assert np.flatnonzero(non_dominated(values, maximize)).tolist() == slow_front(values, maximize)


@pytest.mark.parametrize("digits", [1, 2, 6])  # ties and equal rows: many, some, none
def test_large_three_column_front_is_what_the_definition_says(digits):
    rng = np.random.default_rng(digits)
    sphere = np.abs(rng.normal(size=(400, 3)))
    values = np.round(sphere / np.linalg.norm(sphere, axis=1, keepdims=True), digits)
    found = np.flatnonzero(non_dominated(values, (True, True, True))).tolist()
    assert found == slow_front(values, (True, True, True))
    assert len(found) > 64 or digits == 1  # past where the staircase takes over


def test_front_by_hand_with_one_column_up_and_one_down():
    values = [[0.80, 0.10], [0.80, 0.05], [0.75, 0.02], [0.70, 0.02], [0.90, 0.30]]
    assert non_dominated(values, (True, False)).tolist() == [False, True, True, False, True]


def test_of_equal_rows_only_the_first_is_on_the_front():
    assert non_dominated([[1, 1], [1, 1], [1, 1]], (True, True)).tolist() == [True, False, False]


def test_row_with_nan_is_never_on_a_front_and_dominates_nothing():
    values = [[np.nan, 5.0], [1.0, 1.0], [5.0, np.nan]]
    assert non_dominated(values, (True, True)).tolist() == [False, True, False]


def test_empty_table_has_an_empty_front():
    assert non_dominated(np.empty((0, 3)), (True, True, True)).shape == (0,)


def test_infinite_values_are_ordered_like_numbers():
    assert non_dominated([[np.inf, 0.0], [1.0, 1.0], [np.inf, -1.0]], (True, True)).tolist() == [
        True,
        True,
        False,
    ]


@pytest.mark.parametrize("values", [[1.0, 2.0], [[1.0], [2.0]], [[[1.0, 2.0]]]])
def test_wrong_shape_is_refused(values):
    with pytest.raises(ValueError, match="non_dominated: values must be"):
        non_dominated(values, (True, True))


@given(TABLES, st.data())
def test_constrained_front_is_the_front_of_the_feasible_rows(values, data):
    feasible = np.array([data.draw(st.booleans()) for _ in values], dtype=bool)
    maximize = (True,) * values.shape[1]
    rows = np.flatnonzero(feasible)
    expected = rows[slow_front(values[rows], maximize)].tolist()
    assert np.flatnonzero(constrained_front(values, maximize, feasible)).tolist() == expected


def test_constrained_front_refuses_a_mask_of_another_length():
    with pytest.raises(ValueError, match="one entry per row"):
        constrained_front([[1.0, 2.0]], (True, True), [True, False])


def test_eighty_thousand_points_take_less_than_a_second():
    angle = np.random.default_rng(0).uniform(0, np.pi / 2, 80_000)
    circle = np.column_stack([np.cos(angle), np.sin(angle)])  # all of them on the front
    start = time.process_time()  # the machine may have other work
    assert non_dominated(circle, (True, True)).all()
    assert time.process_time() - start < 1

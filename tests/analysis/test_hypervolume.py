import itertools
import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from analysis.hypervolume import GrowingHypervolume, hypervolume

# performance up, bias down, sparsity up: the box of a search
REFERENCE, IDEAL = (0.5, 0.05, 0.0), (1.0, 0.0, 1.0)
VALUES = st.one_of(
    st.sampled_from([-0.1, 0.0, 0.02, 0.05, 0.5, 0.75, 1.0, 1.2, np.nan]), st.floats(-0.2, 1.2)
)
TABLES = st.integers(2, 3).flatmap(
    lambda d: arrays(np.float64, st.tuples(st.integers(0, 8), st.just(d)), elements=VALUES)
)


def by_inclusion_exclusion(points: np.ndarray, reference, ideal) -> float:
    """Union of boxes as an alternating sum over all subsets; 2^n terms."""
    low, high = np.array(reference), np.array(ideal)
    boxes = [
        [max(min((v - r) / (i - r), 1), 0) for v, r, i in zip(p, low, high, strict=True)]
        for p in points
        if not np.isnan(p).any()
    ]
    total = 0.0
    for size in range(1, len(boxes) + 1):
        for chosen in itertools.combinations(boxes, size):
            total -= (-1) ** size * np.prod(np.min(chosen, axis=0))
    return total


@given(TABLES)
def test_hypervolume_agrees_with_inclusion_exclusion(points):
    d = points.shape[1]
    expected = by_inclusion_exclusion(points, REFERENCE[:d], IDEAL[:d])
    assert hypervolume(points, REFERENCE[:d], IDEAL[:d]) == pytest.approx(expected, abs=1e-9)


@given(TABLES)
def test_a_growing_hypervolume_is_that_of_every_prefix(points):
    d = points.shape[1]
    growing = GrowingHypervolume(REFERENCE[:d], IDEAL[:d])
    curve = [growing.add(point) for point in points]
    prefixes = [hypervolume(points[: n + 1], REFERENCE[:d], IDEAL[:d]) for n in range(len(points))]
    assert curve == pytest.approx(prefixes, abs=1e-9)


@given(TABLES, st.randoms(use_true_random=False))
def test_order_of_points_does_not_matter(points, random):
    d = points.shape[1]
    shuffled = list(points)
    random.shuffle(shuffled)
    assert hypervolume(shuffled, REFERENCE[:d], IDEAL[:d]) == pytest.approx(
        hypervolume(points, REFERENCE[:d], IDEAL[:d]), abs=1e-12
    )


def test_two_dimensional_value_by_hand():
    # scaled to the box: (.5, .4) and (.8, .2): .5 * .4 + .3 * .2
    points = [[0.75, 0.03], [0.90, 0.04]]
    assert hypervolume(points, (0.5, 0.05), (1, 0)) == pytest.approx(0.26)


def test_three_dimensional_value_by_hand():
    # scaled: (.5, .5, .5) and (.25, 1, .5): union = .125 + .125 - .25 * .5 * .5
    points = [[0.75, 0.025, 0.5], [0.625, 0.0, 0.5]]
    assert hypervolume(points, REFERENCE, IDEAL) == pytest.approx(0.1875)


def test_large_three_dimensional_front_agrees_with_a_fine_grid():
    rng = np.random.default_rng(3)
    points = rng.uniform(0, 1, (200, 3))
    cells = (np.indices((60, 60, 60)).reshape(3, -1).T + 0.5) / 60
    inside = np.zeros(len(cells), dtype=bool)
    for point in points:
        inside |= (cells <= point).all(axis=1)
    assert hypervolume(points, (0, 0, 0), (1, 1, 1)) == pytest.approx(inside.mean(), abs=5e-3)


def test_the_ideal_covers_everything_and_the_reference_nothing():
    assert hypervolume([IDEAL], REFERENCE, IDEAL) == 1.0
    assert hypervolume([REFERENCE], REFERENCE, IDEAL) == 0.0
    assert hypervolume(np.empty((0, 3)), REFERENCE, IDEAL) == 0.0


def test_point_at_the_tolerance_counts_nothing():
    assert hypervolume([[0.9, 0.05, 0.9], [0.9, 0.08, 0.9]], REFERENCE, IDEAL) == 0.0


def test_dense_net_counts_nothing_when_sparsity_is_an_objective():
    assert hypervolume([[0.9, 0.01, 0.0]], REFERENCE, IDEAL) == 0.0


@pytest.mark.parametrize(
    ("reference", "ideal", "rule"),
    [
        ((0.5, 0.0), (1.0, 0.0), "differ in every entry"),
        ((0.5, np.nan), (1.0, 0.0), "finite"),
        ((0.5,), (1.0,), "2 or 3 entries"),
        ((0.5, 0.05), (1.0, 0.0, 1.0), "2 or 3 entries"),
    ],
)
def test_box_without_inside_is_refused(reference, ideal, rule):
    with pytest.raises(ValueError, match=rule):
        hypervolume([[0.7, 0.02]], reference, ideal)
    with pytest.raises(ValueError, match=rule):
        GrowingHypervolume(reference, ideal)


def test_points_of_another_width_are_refused():
    with pytest.raises(ValueError, match="points must have 3 columns"):
        hypervolume([[0.7, 0.02], [0.8, 0.02], [0.9, 0.02]], REFERENCE, IDEAL)


def test_eighty_thousand_points_take_less_than_a_second():
    angle = np.random.default_rng(0).uniform(0, np.pi / 2, 80_000)
    circle = np.column_stack([np.cos(angle), np.sin(angle)])  # all of them on the front
    start = time.process_time()  # the machine may have other work
    assert hypervolume(circle, (0, 0), (1, 1)) == pytest.approx(np.pi / 4, abs=1e-4)
    assert time.process_time() - start < 1


def test_a_restart_forgets_all_points_but_those_given():
    growing = GrowingHypervolume((0.0, 0.0), (1.0, 1.0))
    growing.add((0.9, 0.9))
    growing.restart([(0.5, 0.2), (0.2, 0.5), (-1.0, 2.0)])

    assert growing.value == pytest.approx(0.5 * 0.2 + 0.2 * 0.3)
    assert growing.add((0.5, 0.5)) == pytest.approx(0.25)

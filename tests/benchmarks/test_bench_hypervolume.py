"""Hypervolume of as many results as a large search has, beside slow references."""

from __future__ import annotations

import time

import numpy as np
import pytest
from numpy.typing import NDArray

from analysis.hypervolume import GrowingHypervolume, hypervolume
from analysis.pareto import non_dominated

Points = NDArray[np.float64]


def _front(n: int, dimensions: int) -> Points:
    """(n, d) points of a sphere, none of which beats another: the worst case."""
    points = np.abs(np.random.default_rng(n).normal(size=(n, dimensions)))
    return np.asarray(points / np.linalg.norm(points, axis=1, keepdims=True))


def _cloud(n: int, dimensions: int) -> Points:
    """(n, d) points of which few are on the front: what searches find."""
    return np.random.default_rng(n).uniform(size=(n, dimensions))


def _slow_area(points: list[list[float]]) -> float:
    """Strip by strip between the values of x: the highest y at or right of it, times its width."""
    area, highest = 0.0, 0.0
    by_x = sorted(points, reverse=True)
    for (x, y), (following, _) in zip(by_x, [*by_x[1:], [0.0, 0.0]], strict=True):
        highest = max(highest, y)
        area += (x - following) * highest
    return area


def _slow_volume(points: list[list[float]]) -> float:
    """Slab by slab between the values of z: the area under all points at least that high."""
    by_z = sorted(points, key=lambda point: -point[2])
    below = [*(point[2] for point in by_z[1:]), 0.0]
    return sum(
        _slow_area([[x, y] for x, y, _ in by_z[: number + 1]]) * (point[2] - floor)
        for number, (point, floor) in enumerate(zip(by_z, below, strict=True))
    )


def _timed(points: Points) -> tuple[float, float]:
    """Hypervolume, and seconds of CPU that it took."""
    zero, one = [0.0] * points.shape[1], [1.0] * points.shape[1]
    begin = time.process_time()
    found = hypervolume(points, zero, one)
    return found, time.process_time() - begin


@pytest.mark.benchmark
@pytest.mark.parametrize("made", [_front, _cloud])
def test_eighty_thousand_results_in_two_objectives_take_a_second_at_most(made) -> None:
    points = made(80_000, 2)
    found, seconds = _timed(points)
    print(f"\n2 objectives, 80,000 points of a {made.__name__[1:]}: {seconds:.3f} s")
    assert found == pytest.approx(_slow_area(points.tolist()), rel=1e-12)
    assert seconds < 1


@pytest.mark.benchmark
@pytest.mark.parametrize("made", [_front, _cloud])
def test_twenty_thousand_results_in_three_objectives_take_a_second_at_most(made) -> None:
    small = made(500, 3)
    assert _timed(small)[0] == pytest.approx(_slow_volume(small.tolist()), rel=1e-12)
    for n in (2_000, 20_000):
        _, seconds = _timed(made(n, 3))
        print(f"\n3 objectives, {n:,} points of a {made.__name__[1:]}: {seconds:.3f} s")
        assert seconds < 1


@pytest.mark.benchmark
def test_the_hypervolume_of_a_running_search_costs_little_per_candidate() -> None:
    """5,000 trials of 10 feasible candidates each, one by one, the front not held small."""
    rng = np.random.default_rng(0)
    near = _front(50_000, 3) * rng.uniform(0.5, 1, (50_000, 1)) ** 0.1  # just below a sphere
    growing = GrowingHypervolume([0.0] * 3, [1.0] * 3)
    begin = time.process_time()
    for point in near:
        growing.add(point)
    seconds = time.process_time() - begin
    front = non_dominated(near, (True, True, True)).sum()
    print(f"\n50,000 candidates in 3 objectives: {seconds:.1f} s, {front} on the front at the end")
    assert growing.value == pytest.approx(_timed(near)[0], rel=1e-9)
    assert seconds / len(near) < 0.002

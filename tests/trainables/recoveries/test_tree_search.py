import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import norm

from trainables.recoveries.layerwise import LEAST_GAIN, expected_improvement, propose


@pytest.mark.parametrize(("mean", "spread"), [(0.4, 0.1), (0.7, 0.05), (0.2, 0.5)])
def test_expected_improvement_is_the_mean_of_what_exceeds_the_best(mean, spread):
    best = 0.5
    slow, _ = quad(
        lambda f: max(0.0, f - best - LEAST_GAIN) * norm.pdf(f, mean, spread),
        best + LEAST_GAIN,
        mean + 12 * spread,
    )
    fast = expected_improvement(np.array([mean]), np.array([spread]), best)

    assert fast[0] == pytest.approx(slow, abs=1e-9)


def test_nothing_is_expected_where_the_trees_are_sure():
    assert expected_improvement(np.array([0.9, 0.9]), np.array([0.0, -0.1]), 0.5).tolist() == [
        0,
        0,
    ]


def test_proposals_come_nearer_to_the_top_of_a_hill_than_random_points():
    distances = []
    for seed in range(5):
        draws = np.random.default_rng(seed)
        points = draws.random((20, 2), dtype=np.float32)
        values = 1.0 - np.abs(points - 0.8).sum(axis=1).astype(np.float64)
        distances.append(np.abs(propose(points, values, draws) - 0.8).sum())

    assert np.mean(distances) < 0.35  # of random points: .68


def test_the_same_generator_proposes_the_same_point():
    points, values = np.random.default_rng(0).random((12, 3), dtype=np.float32), np.arange(12.0)
    one, two = (propose(points, values, np.random.default_rng(4)) for _ in range(2))

    assert one.shape == (3,)
    assert np.array_equal(one, two)

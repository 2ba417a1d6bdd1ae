"""Ellipses of points in a plane, against a general optimiser, by hand and by counting."""

import numpy as np
import pytest
from matplotlib.patches import Ellipse as Patch
from scipy import optimize, stats

from search.reproduce.figures.t_ellipse import DEGREES, fit_t, t_ellipse


def drawn_points(rows, seed=0):
    draws = np.random.default_rng(seed).standard_t(DEGREES, size=(rows, 2))
    return draws @ np.array([[3.0, 1.0], [0.0, 0.5]]) + [2.0, -1.0]


def inside(ellipse, points):
    """Whether each point lies in the patch that matplotlib draws for the ellipse."""
    patch = Patch(ellipse.centre, ellipse.width, ellipse.height, angle=ellipse.angle)
    along = patch.get_patch_transform().inverted().transform(points)
    return (along**2).sum(axis=1) <= 1


def negative_likelihood(parameters, points):
    """Of location and of the scatter's Cholesky factor, by scipy's own density."""
    lower = np.array([[np.exp(parameters[2]), 0.0], [parameters[3], np.exp(parameters[4])]])
    return -stats.multivariate_t.logpdf(
        points, loc=parameters[:2], shape=lower @ lower.T, df=DEGREES
    ).sum()


@pytest.mark.parametrize("seed", [0, 1])
def test_location_and_scatter_are_those_that_a_general_optimiser_finds(seed):
    points = drawn_points(25, seed)
    best = optimize.minimize(
        negative_likelihood,
        np.array([0.0, 0.0, 0.0, 0.0, 0.0]),
        args=(points,),
        method="BFGS",
    ).x
    lower = np.array([[np.exp(best[2]), 0.0], [best[3], np.exp(best[4])]])

    centre, scatter = fit_t(points)

    assert centre == pytest.approx(best[:2], abs=1e-4)
    assert scatter == pytest.approx(lower @ lower.T, rel=1e-3)


def test_a_point_lies_inside_where_its_distance_is_below_the_quantile_of_f():
    points = drawn_points(60)
    centre, scatter = fit_t(points)
    distances = [(p - centre) @ np.linalg.solve(scatter, p - centre) for p in points]

    for level in (0.95, 0.5):
        quantile = 2 * stats.f(2, 59).ppf(level)
        held = inside(t_ellipse(points, level), points)
        assert held.tolist() == [bool(distance <= quantile) for distance in distances]
        assert 0 < held.sum() < 60


def test_an_ellipse_follows_its_points_when_they_are_moved_turned_and_stretched():
    points = drawn_points(12)
    plain = t_ellipse(points)
    angle = np.radians(30.0)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])

    other = t_ellipse(2.0 * points @ turn.T + [5.0, 7.0])

    assert other.centre == pytest.approx(2.0 * turn @ plain.centre + [5.0, 7.0], rel=1e-6)
    assert (other.width, other.height) == pytest.approx((2 * plain.width, 2 * plain.height))
    assert (other.angle - plain.angle) % 180 == pytest.approx(30.0, abs=1e-4)


def test_four_points_of_a_square_have_a_circle_with_the_radius_worked_out_by_hand():
    """All weights are equal, w = (5 + 2) / (5 + 1 / s), and the scatter is s = w / 2: s = 1 / 2.
    The radius is sqrt(2 F s), F = F(.95; 2, 3) = 9.5521."""
    square = np.array([[1.0, 0.0], [-1.0, 0.0], [0.0, 1.0], [0.0, -1.0]])
    ellipse = t_ellipse(square)

    assert ellipse.centre == pytest.approx((0.0, 0.0), abs=1e-9)
    assert ellipse.width == pytest.approx(ellipse.height)
    assert ellipse.width == pytest.approx(2 * np.sqrt(2 * 9.5521 * 0.5), rel=1e-4)


@pytest.mark.parametrize(
    "points",
    [
        [[0.0, 1.0], [1.0, 0.0], [2.0, 2.0]],  # too few
        [[0.0, 0.0], [1.0, 1.0], [2.0, 2.0], [3.0, 3.0], [4.0, 4.0]],
        [[0.0, 1.0], [1.0, 1.0], [2.0, 1.0], [3.0, 1.0]],
    ],
)
def test_points_that_span_no_area_have_no_ellipse(points):
    assert t_ellipse(np.array(points)) is None

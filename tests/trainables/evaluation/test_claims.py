from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trainables.evaluation.claims import (
    WEIGHTS,
    certified,
    evidence,
    level_of_opening,
    p_value,
    shares_of,
    smallest_level,
)
from trainables.evaluation.counts import Counts
from trainables.evaluation.intervals import BootstrapEstimate, estimate
from trainables.evaluation.measures import MEASURES
from trainables.evaluation.pairs import tables_of_pairs

LEVEL = 0.05
P_VALUES = st.lists(
    st.sampled_from([0.0001, 0.004, 0.0125, 0.02, 0.03, 0.05, 0.2, 1.0]), min_size=1, max_size=6
)


def made(point, deviations, log_of=None):
    return BootstrapEstimate(point, np.sort(np.array(deviations, float)), 1.0, log_of)


def test_half_of_the_draws_that_deviate_so_much_count():
    found = made(0.02, [0.01, 0.02, 0.03, 0.04])

    assert p_value(found, 0.05) == (1 + 2) / (2 * 5)  # .03 and .04 reach .05 - .02
    assert p_value(found, 0.1) == 1 / 10
    assert p_value(found, 0.02) == 1.0  # not below
    assert p_value(made(float("nan"), [float("nan")]), 0.05) == 1.0
    with pytest.raises(ValueError, match="tolerance must be positive, got 0"):
        p_value(found, 0.0)


def test_errors_of_a_ratio_are_those_of_its_logarithm():
    found = made(1 - np.exp(-0.1), [0.05, 0.15, 0.35], log_of=0.1)

    # -log(1 - .2) - .1 = .123: two of three draws
    assert p_value(found, 0.2) == (1 + 2) / (2 * 4)
    assert p_value(found, 1.0) == 1 / 8


def test_an_upper_bound_lies_below_the_tolerance_where_the_claim_passes():
    """Two ways to the same answer: a p-value and a one-sided bound, but for the added draw."""
    generator = np.random.default_rng(0)
    for seed in range(40):
        cells = generator.integers(60, 400, (2, 2))
        positives = generator.binomial(cells, [0.2, 0.7])
        counts = Counts(np.stack([cells - positives, positives], axis=-1))
        for name in ("aod", "deo_max", "di"):
            found = estimate(name, counts, seed=seed)
            p = p_value(found, 0.15)
            if abs(p - 0.025) > 0.002:
                assert (found.upper(0.975) < 0.15) == (p < 0.025)


# A population, as P(positive | group, label), for each kind of measure; its bias is the tolerance.
POPULATIONS = {
    "two groups": np.array([[0.25, 0.60], [0.15, 0.70]]),
    "the other way": np.array([[0.15, 0.70], [0.25, 0.60]]),
    "three groups": np.array([[0.20, 0.60], [0.15, 0.75], [0.30, 0.70]]),
}
BINARY = [n for n, m in MEASURES.items() if m.compares_groups and not m.against_dense]


def made_cells(population):
    """(groups, labels, predictions) rows of a large sample of the population."""
    rates = POPULATIONS[population]
    cells = np.full(rates.shape, 300) + 50 * np.arange(rates.size).reshape(rates.shape)
    return np.stack([1 - rates, rates], axis=-1) * cells[..., None]


BIASED = [  # (measure, population, its bias there)
    (name, population, bias)
    for name in BINARY
    for population in POPULATIONS
    if (bias := float(MEASURES[name].bias(made_cells(population)))) > 0.01
]


@pytest.mark.parametrize(("name", "population", "truth"), BIASED)
def test_a_network_at_the_tolerance_is_certified_no_more_often_than_the_level(
    name, population, truth
):
    """400 samples at .05: at most 32 with probability .99."""
    shares = made_cells(population)
    generator = np.random.default_rng(11)
    passed = 0
    for sample in range(400):
        rows = generator.multinomial(round(shares.sum()), (shares / shares.sum()).ravel())
        counts = Counts(rows.reshape(shares.shape))
        passed += evidence(name, counts, LEVEL, sample).p_value(truth) <= LEVEL
    assert passed <= 32


def test_copies_of_an_image_at_the_tolerance_are_certified_no_more_often_than_the_level():
    shares = np.array([[[0.35, 0.05], [0.02, 0.08]], [[0.09, 0.02], [0.06, 0.33]]])
    truth = float(MEASURES["spd"].bias(tables_of_pairs(shares)))
    generator = np.random.default_rng(5)
    passed = 0
    for sample in range(400):
        pairs = generator.multinomial(400, shares.ravel() / shares.sum()).reshape(shares.shape)
        counts = Counts(tables_of_pairs(pairs), pairs)
        passed += evidence("spd", counts, LEVEL, sample).p_value(truth) <= LEVEL
    assert passed <= 32


def test_openings_together_stay_below_the_error_rate():
    levels = [level_of_opening(0.05, k) for k in range(1, 60)]

    assert levels[:3] == [0.025, 0.0125, 0.00625]
    assert sum(levels) <= 0.05
    with pytest.raises(ValueError, match="count from 1, got 0"):
        level_of_opening(0.05, 0)


def test_holm_by_hand():
    # sorted .01 <= .05/4, .013 <= .05/3, .02 <= .05/2, .06 > .05
    assert certified([0.02, 0.06, 0.01, 0.013], LEVEL).tolist() == [True, False, True, True]
    assert certified([0.013, 0.013, 0.013, 0.013], LEVEL).tolist() == [False] * 4
    assert certified([], LEVEL).tolist() == []


def test_the_chosen_one_first():
    p = [0.04, 0.01, 0.03]

    assert certified(p, LEVEL, "chosen", chosen=0).tolist() == [True, True, True]
    assert certified(p, LEVEL, "chosen", chosen=2).tolist() == [True, True, True]
    assert certified([0.06, 0.001], LEVEL, "chosen", chosen=0).tolist() == [False, False]
    assert certified(p, LEVEL, "half", chosen=0).tolist() == [False, True, False]
    assert certified(p, LEVEL).tolist() == [False, True, False]


def closed_test(p, level, weights, chosen):
    """The slow obvious form: a point is rejected where every set of hypotheses that holds it is,
    by Bonferroni with the shares of the set's members."""
    points = range(len(p))
    shares = shares_of(weights, len(p), chosen)

    def refuted(subset):
        own = shares[list(subset)]
        own = own / own.sum() if own.sum() else np.full(len(subset), 1 / len(subset))
        return any(p[i] <= level * share + 1e-15 for i, share in zip(subset, own, strict=True))

    subsets = [s for size in range(1, len(p) + 1) for s in combinations(points, size)]
    return [all(refuted(s) for s in subsets if i in s) for i in points]


@given(P_VALUES, st.sampled_from(sorted(WEIGHTS)), st.data())
def test_it_is_the_closed_test_of_weighted_bonferroni(p, weights, data):
    chosen = data.draw(st.none() | st.integers(0, len(p) - 1))
    assert certified(p, LEVEL, weights, chosen).tolist() == closed_test(p, LEVEL, weights, chosen)


@given(st.integers(1, 80), st.sampled_from(sorted(WEIGHTS)), st.booleans())
def test_no_point_is_tested_below_the_smallest_level(points, weights, named):
    shares = shares_of(weights, points, 0 if named else None)
    assert shares.sum() == pytest.approx(1)
    assert LEVEL * shares[shares > 0].min() >= smallest_level(LEVEL, points) - 1e-12
    # the others, once the chosen one has passed
    assert LEVEL / max(1, points - 1) >= smallest_level(LEVEL, points)

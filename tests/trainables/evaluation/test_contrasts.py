from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar
from scipy.stats import binom

from trainables.evaluation.claims import evidence
from trainables.evaluation.contrasts import (
    Contrasts,
    _drawn,
    _summed,
    constrained,
    gaps,
    p_value_of,
)
from trainables.evaluation.counts import Counts
from trainables.evaluation.measures import MEASURES

LINEAR = {name: measure for name, measure in MEASURES.items() if measure.contrasts is not None}


def counted(positives, cells):
    return Counts(np.stack([cells - positives, positives], axis=-1))


@given(
    st.sampled_from(sorted(LINEAR)), st.integers(2, 4), st.integers(0, 10**6), st.floats(0.02, 1)
)
def test_a_bias_is_below_the_tolerance_where_all_its_contrasts_are(name, groups, seed, tolerance):
    cells = np.full((groups, 2), 40)
    counts = counted(np.random.default_rng(seed).integers(0, 41, cells.shape), cells)
    measure = LINEAR[name]
    bias = float(measure.bias(counts.table))
    if np.isnan(bias) or abs(bias - tolerance) < 1e-9:
        return
    table = measure.reduce(counts.table)
    rates = (table[..., 1] / table.sum(-1)).reshape(-1)
    contrasts = measure.contrasts(groups, tolerance)
    below = contrasts.weights.reshape(len(contrasts.bounds), -1) @ rates < contrasts.bounds

    assert below.all() == (bias < tolerance)


@given(st.integers(1, 90), st.integers(1, 90), st.data())
def test_constrained_rates_are_the_most_likely_ones_on_the_bound(first, second, data):
    """The slow way: the likelihood along the line on which the gap is the bound."""
    x = np.array([data.draw(st.integers(0, first)), data.draw(st.integers(0, second))])
    n, bound = np.array([first, second]), data.draw(st.sampled_from([-0.6, -0.1, 0.05, 0.3]))

    def unlikely(rate):
        p = np.clip([rate, rate - bound], 1e-12, 1 - 1e-12)
        return -binom.logpmf(x, n, p).sum()

    low, high = max(0.0, bound), min(1.0, 1 + bound)
    best = minimize_scalar(unlikely, (low, high), bounds=(low, high), options={"xatol": 1e-9})
    found = constrained(x, n, np.array([[1.0, -1.0]]), np.array([bound]))[0]

    assert found[0] - found[1] == pytest.approx(bound, abs=1e-6)
    assert unlikely(found[0]) <= best.fun + 1e-6


@given(
    st.tuples(st.integers(1, 25), st.integers(1, 25)),
    st.sampled_from([(1.0, -1.0), (-1.0, 1.0), (-1.0, 0.9), (0.8, -1.0), (1.0, 1.0)]),
    st.floats(-0.5, 0.5),
    st.data(),
)
def test_two_cells_have_the_p_value_of_all_their_tables(rows, weights, bound, data):
    """The slow way: every table that is as small, with its probability on the bound."""
    n, w = np.array(rows), np.array([weights])
    x = np.array([data.draw(st.integers(0, most)) for most in rows])
    contrasts = Contrasts(w.reshape(1, 2, 1), np.array([bound]))
    found = p_value_of(x, n, contrasts)
    if w[0] @ (x / n) >= bound - 1e-9:
        assert found == 1
        return
    at = constrained(x, n, w, contrasts.bounds)[0]
    slow = sum(
        binom.pmf(i, n[0], at[0]) * binom.pmf(j, n[1], at[1])
        for i in range(n[0] + 1)
        for j in range(n[1] + 1)
        if w[0] @ ([i, j] / n) <= w[0] @ (x / n) + 1e-12
    )
    assert found == pytest.approx(slow, rel=1e-6, abs=1e-12)


@given(st.integers(0, 10**6), st.floats(-0.4, 0.6))
@settings(max_examples=60, deadline=None)
def test_a_contrast_of_four_cells_has_the_p_value_of_all_its_tables(seed, bound):
    """The slow way again; cells of few rows, positives none and all among them."""
    generator = np.random.default_rng(seed)
    n, w = generator.integers(1, 6, 4), np.array([[0.5, 0.5, -0.5, -0.5]])
    x = generator.integers(0, n + 1)
    contrasts = Contrasts(w.reshape(1, 2, 2), np.array([bound]))
    found = p_value_of(x.reshape(2, 2), n.reshape(2, 2), contrasts)
    if w[0] @ (x / n) >= bound - 1e-9:
        assert found == 1
        return
    at = constrained(x, n, w, contrasts.bounds)[0]
    tables = np.array(list(product(*(range(rows + 1) for rows in n))))
    as_small = tables[tables / n @ w[0] <= w[0] @ (x / n) + 1e-12]
    slow = binom.pmf(as_small, n, at).prod(1).sum()
    assert found == pytest.approx(slow, rel=0.08, abs=1e-12)  # four standard errors


def test_a_tiny_p_value_is_drawn_as_well_as_a_large_one():
    """Two cells, which are summed exactly, drawn as more cells are."""
    two = np.array([900, 1200]), np.array([0.37, 0.31]), np.array([1.0, -1.0])
    for seen, size in ((0.05, 1.0), (-0.02, 1e-3), (-0.09, 1e-10)):
        exact = _summed(*two, seen)
        assert exact < size
        assert _drawn(*two, seen, np.random.default_rng(0)) == pytest.approx(exact, rel=0.08)


# rows of two groups, tolerances: what certifies anything at all
SMALL = [
    ((8, 60), (0.4, 0.5)),
    ((15, 15), (0.5, 0.6)),
    ((12, 70), (0.3,)),
    ((30, 30), (0.3,)),
]


@pytest.mark.parametrize(("rows", "tolerances"), SMALL)
@pytest.mark.parametrize("level", [0.025, 0.00625])
def test_in_small_cells_the_level_is_kept_exactly(rows, tolerances, level):
    """All tables of two cells, each with its probability, at every truth on the bound: nothing is
    drawn. The bootstrap that intervals use claims up to 26 times the level here."""
    first, second = (np.arange(n + 1) for n in rows)
    for tolerance in tolerances:
        claimed = np.array(
            [[_p_of_eod(x, y, rows, tolerance, level) <= level for y in second] for x in first]
        )
        worst = max(
            binom.pmf(first, rows[0], a) @ claimed @ binom.pmf(second, rows[1], b)
            for low in np.linspace(0, 1 - tolerance, 41)
            for a, b in ((low, low + tolerance), (low + tolerance, low))
        )
        assert worst <= 1.1 * level


def _p_of_eod(x, y, rows, tolerance, level):
    if abs(x / rows[0] - y / rows[1]) >= tolerance:
        return 1.0
    positives = np.array([[0, x], [0, y]])
    return evidence(
        "eod", counted(positives, np.array([[9, rows[0]], [9, rows[1]]])), level
    ).p_value(tolerance)


@pytest.mark.parametrize("name", ["deo_max", "abs_aod", "aod"])
@pytest.mark.parametrize("rates", [[[0.0, 1.0], [0.3, 1.0]], [[0.02, 0.68], [0.01, 0.98]]])
def test_groups_of_few_rows_and_extreme_rates(name, rates):
    """Groups of 8 to 15 rows a label beside one of hundreds, at a truth on the bound."""
    cells, level = np.array([[15, 12], [300, 200]]), 0.05
    exact = np.stack([1 - np.array(rates), np.array(rates)], axis=-1)
    tolerance = float(MEASURES[name].bias(exact))
    generator = np.random.default_rng(3)
    passed = sum(
        evidence(name, counted(generator.binomial(cells, rates), cells), level, seed).p_value(
            tolerance
        )
        <= level
        for seed in range(400)
    )
    assert passed <= 32  # 20 expected at most, more than 32 in one run of a hundred


def test_a_bound_is_the_smallest_tolerance_that_passes():
    counts = counted(np.array([[60, 150], [80, 210]]), np.array([[300, 250], [420, 330]]))
    for name in ("aod", "deo_max", "di"):
        shown = evidence(name, counts, 0.01)
        bound = shown.upper(0.99)
        assert shown.p_value(bound) <= 0.01 < shown.p_value(bound - 0.01)
        assert bound == pytest.approx(shown.found.upper(0.99), rel=0.25)  # where cells are large


def test_one_pair_of_groups_has_a_contrast_for_each_direction():
    made = gaps([(1, 0), (-1, 0)])(3, 0.2)

    assert made.weights.shape == (6, 3, 2)
    assert made.bounds.tolist() == [0.2] * 6
    assert made.weights[1].tolist() == [[-1, 0], [1, 0], [0, 0]]

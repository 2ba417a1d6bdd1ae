import numpy as np
import pytest
from scipy.stats import norm

from trainables.evaluation.claims import p_value
from trainables.evaluation.counts import Counts
from trainables.evaluation.intervals import chance_of_claim, estimate

CELLS = np.array([[600, 400], [900, 800]])
LEVEL = 0.025


def with_rates(rates, cells=CELLS):
    positives = np.rint(cells * np.array(rates)).astype(int)
    return Counts(np.stack([cells - positives, positives], axis=-1))


@pytest.mark.parametrize("gap", [0.0, 0.02, 0.05, 0.08])
@pytest.mark.parametrize("rows", [1.0, 1.5])
def test_of_a_gap_of_two_rates_it_is_the_normal_formula(gap, rows):
    rates = np.array([[0.2 + gap, 0.6 + gap], [0.2, 0.6]])
    s = 0.5 * np.sqrt((rates * (1 - rates) / CELLS).sum())
    on_test = s / rows**0.5
    room = 0.1 - norm.ppf(1 - LEVEL) * on_test
    spread = np.hypot(s, on_test)
    expected = norm.cdf((room - gap) / spread) - norm.cdf((-room - gap) / spread)

    found = chance_of_claim("aod", with_rates(rates), 0.1, LEVEL, rows)
    assert found == pytest.approx(expected, abs=0.05)


@pytest.mark.parametrize("name", ["aod", "deo_max", "di"])
def test_claims_pass_as_often_as_it_says(name):
    """The slow way: a true network for each pair of tables on tune and test."""
    tolerance = {"aod": 0.08, "deo_max": 0.16, "di": 0.25}[name]
    rates = np.array([[0.22, 0.61], [0.2, 0.6]])
    cells = np.array([[600, 600], [800, 800]])
    generator = np.random.default_rng(2)

    def drawn():
        positives = generator.binomial(cells, rates)
        return Counts(np.stack([cells - positives, positives], axis=-1))

    said = np.mean([chance_of_claim(name, drawn(), tolerance, LEVEL, 1.0) for _ in range(60)])
    passed = np.mean(
        [p_value(estimate(name, drawn(), seed), tolerance) <= LEVEL for seed in range(200)]
    )
    # tune's own error makes it less sure than the truth is, on either side of one half
    assert said == pytest.approx(passed, abs=0.2)
    assert (said > 0.5) == (passed > 0.5)


def test_what_cannot_be_estimated_has_no_chance():
    empty = Counts(np.array([[[5, 5], [0, 0]], [[5, 5], [5, 5]]]))
    assert chance_of_claim("aod", empty, 0.1, LEVEL, 1.0) == 0

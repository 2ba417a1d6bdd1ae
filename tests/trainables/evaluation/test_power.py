import numpy as np
import pytest
from scipy.stats import norm

from trainables.evaluation.claims import p_value
from trainables.evaluation.counts import Counts
from trainables.evaluation.intervals import estimate
from trainables.evaluation.measures import MEASURES
from trainables.evaluation.pairs import tables_of_pairs
from trainables.evaluation.power import fair_counts, fair_like, half_right_shares, power_of

CELLS = np.array([[400, 300], [900, 700]])
RATES = np.array([0.2, 0.7])  # P(positive | label), the same in both groups
SHARES = np.stack([1 - RATES, RATES], axis=-1)
LEVEL = 0.025


def standard_error(cells):
    """Of the average odds difference of independent rows, by hand."""
    return 0.5 * np.sqrt((RATES * (1 - RATES) / cells).sum())


def test_a_gap_of_two_rates_has_the_power_of_the_normal_formula():
    s, z = standard_error(CELLS), norm.ppf(1 - LEVEL)
    power = power_of("aod", fair_counts(CELLS, SHARES), LEVEL)

    assert power.certifiable_above == pytest.approx(z * s, rel=0.03)
    assert power.tolerance_for(0.8) == pytest.approx((z + norm.ppf(0.9)) * s, rel=0.03)
    between = 2.6 * s
    assert power.at(between) == pytest.approx(2 * norm.cdf(2.6 - z) - 1, abs=0.02)
    assert power.at(z * s * 0.9) == 0
    assert power.at(0.5) == 1


def test_the_rows_it_asks_for_have_the_power_it_promises():
    tolerance = 0.05
    power = power_of("aod", fair_counts(CELLS, SHARES), LEVEL)
    more = power.rows_for(tolerance)
    scaled = np.rint(CELLS * more / CELLS.sum()).astype(int)

    assert power_of("aod", fair_counts(scaled, SHARES), LEVEL).at(tolerance) == pytest.approx(
        0.8, abs=0.05
    )
    assert power.with_rows(more).at(tolerance) == pytest.approx(0.8, abs=0.03)
    assert power.with_rows(more).rows == more


@pytest.mark.parametrize("name", ["aod", "abs_aod", "deo_max", "di", "spd"])
def test_fair_networks_are_certified_as_often_as_it_says(name):
    """The slow way: draw the test rows of fair networks and test each one's claim."""
    three = np.array([[300, 250], [480, 400], [240, 200]])
    power = power_of(name, fair_counts(three, SHARES), LEVEL)
    tolerance = power.tolerance_for(0.6)
    generator = np.random.default_rng(3)
    fair = np.repeat(RATES[None], 3, axis=0)
    passed = 0
    for draw in range(200):
        positives = generator.binomial(three, fair)
        counts = Counts(np.stack([three - positives, positives], axis=-1))
        passed += p_value(estimate(name, counts, seed=draw), tolerance) <= LEVEL
    assert passed / 200 == pytest.approx(0.6, abs=0.12)


def test_a_fair_network_keeps_the_rows_of_each_cell_and_treats_groups_alike():
    cells = np.array([[7, 10], [3, 5]])
    for shares in (SHARES, half_right_shares(2)):
        counts = fair_counts(cells, shares)
        assert np.array_equal(counts.cells, cells)
    big = fair_counts(CELLS * 100, SHARES)
    assert MEASURES["deo_max"].compute(big.table) == pytest.approx(0, abs=1e-4)


def test_a_fair_network_is_right_as_often_as_the_one_it_is_like():
    biased = Counts(np.array([[[90, 10], [20, 80]], [[160, 40], [30, 170]]]))
    fair = fair_like(biased, CELLS)

    assert np.array_equal(fair.cells, CELLS)
    assert fair.table[:, 0, 1] / CELLS[:, 0] == pytest.approx([50 / 300] * 2, abs=0.002)
    assert fair.table[:, 1, 1] / CELLS[:, 1] == pytest.approx([250 / 300] * 2, abs=0.002)


def test_copies_that_are_mostly_treated_alike_need_fewer_rows():
    """700 pairs whose copies differ in 1 of 50: independent rows would say far less."""
    pairs = np.array([[[290, 6], [10, 44]], [[30, 4], [4, 312]]])
    of_pairs = fair_like(Counts(tables_of_pairs(pairs), pairs), np.full((2, 2), 350))
    unpaired = Counts(of_pairs.table)

    assert MEASURES["spd"].compute(of_pairs.table) == 0
    assert of_pairs.pairs is not None and of_pairs.pairs.sum() == pytest.approx(700, abs=4)
    alone, together = (power_of("spd", each, LEVEL) for each in (unpaired, of_pairs))
    assert together.tolerance_for(0.8) < 0.5 * alone.tolerance_for(0.8)


def of_copies(differ, labels=4):
    """(labels, labels, labels) shares: a share of the pairs differs, in either direction alike."""
    shares = np.zeros((labels,) * 3)
    for label in range(labels):
        other = (label + 1) % labels
        shares[label, label, label] = (1 - differ) / labels
        shares[label, label, other] = shares[label, other, label] = differ / 2 / labels
    return shares


def counts_of(pairs):
    return Counts(tables_of_pairs(pairs), pairs)


def test_copies_that_nearly_always_agree_need_the_rows_that_simulation_says():
    """The slow way: draw test rows, and test each draw's claim. By the square root of the rows,
    23 would do; with so few no claim passes at all."""
    generator, level, tolerance = np.random.default_rng(1), 0.002, 0.1
    seen = counts_of(generator.multinomial(360, of_copies(0.01).ravel()).reshape(4, 4, 4))
    rows = power_of("bias_amplification", fair_like(seen, seen.cells), level).rows_for(tolerance)

    def certified(pairs, searches=80):
        shares, passed = of_copies(0.01).ravel(), 0
        for draw in range(searches):
            counts = counts_of(generator.multinomial(pairs, shares).reshape(4, 4, 4))
            found = estimate("bias_amplification", counts, draw, 5000)
            passed += p_value(found, tolerance) <= level
        return passed / searches

    assert 80 < rows < 250
    assert certified(rows // 2) == pytest.approx(0.8, abs=0.2)
    assert certified(rows // 8) < 0.1


def test_no_pair_that_differs_is_lost_by_rounding():
    shares = of_copies(0.0)
    for differ in (1, 2, 3):
        pairs = np.rint(400 * shares).astype(int)
        for label in range(differ):  # one pair each, of another kind
            pairs[label, label, (label + 1) % 4] += 1
        fair = fair_like(counts_of(pairs), counts_of(pairs).cells).pairs
        unlike = fair.sum() - np.einsum("laa->", fair)
        assert differ <= unlike <= differ + 1
        assert fair.sum() == pairs.sum()
        assert np.array_equal(fair, fair.transpose(0, 2, 1))


@pytest.mark.parametrize("tolerance", [0.02, 0.05, 0.3])
def test_the_rows_are_the_fewest_with_that_power_to_a_few_percent(tolerance):
    power = power_of("aod", fair_counts(CELLS, SHARES), LEVEL)
    rows = power.rows_for(tolerance)
    assert power.with_rows(rows).at(tolerance) > 0.78
    assert power.with_rows(int(rows / 1.12) - 2).at(tolerance) < 0.82


def test_an_empty_cell_certifies_nothing():
    power = power_of("eod", fair_counts(np.array([[5, 0], [5, 5]]), SHARES), LEVEL)
    assert power.at(0.5) == 0
    assert power.rows_for(0.5) is None


def test_what_is_no_level_or_no_share_is_refused():
    with pytest.raises(ValueError, match=r"level must lie in \(0, 0.5\), got 0.5"):
        power_of("aod", fair_counts(CELLS, SHARES), 0.5)
    with pytest.raises(ValueError, match="rows that add up to 1"):
        fair_counts(CELLS, np.array([[0.5, 0.4], [0.5, 0.5]]))

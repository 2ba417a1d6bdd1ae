import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from trainables.evaluation.counts import Counts
from trainables.evaluation.intervals import (
    beats_trivial,
    bias_interval,
    estimate,
    performance_se,
    simultaneous_level,
)
from trainables.evaluation.measures import MEASURES
from trainables.evaluation.pairs import tables_of_pairs
from trainables.evaluation.trivial import is_trivial, prediction_shares, trivial_performance

TABLES = arrays(np.int64, (2, 2, 2), elements=st.integers(0, 40))
# What compares with the dense net: test_intervals_against_dense.py.
BIASES = [name for name, m in MEASURES.items() if m.compares_groups and not m.against_dense]
PERFORMANCES = [name for name, m in MEASURES.items() if not m.compares_groups]
TRIALS = 300

# (measure, shares of (group, label, prediction) in the population, rows drawn)
UNFAIR = np.array([[[0.20, 0.05], [0.10, 0.15]], [[0.15, 0.10], [0.05, 0.20]]])
FAIR = np.array([[[0.20, 0.05], [0.05, 0.20]], [[0.20, 0.05], [0.05, 0.20]]])
THREE = np.array(
    [[[0.2, 0.1], [0.1, 0.1]], [[0.1, 0.1], [0.05, 0.05]], [[0.1, 0.02], [0.03, 0.05]]]
)
TEN_CLASSES = np.full((2, 10, 10), 0.3 / 180) + np.eye(10) * (0.7 / 20 - 0.3 / 180)
POPULATIONS = [
    *[(name, FAIR, 400) for name in BIASES],
    *[(name, UNFAIR, 400) for name in (*BIASES, *PERFORMANCES)],
    *[(name, THREE, 300) for name in (*BIASES, *PERFORMANCES)],
    *[(name, TEN_CLASSES, 1000) for name in ("bias_amplification", "accuracy_std", "accuracy")],
]


def made_pairs(agreeing, off, label_skew=0.0):
    """Shares (10, 10, 10) of pairs: alike with probability `agreeing`, and right in .9 of these;
    else the first copy is right and the second one class off with probability `off`, or reversed.
    """
    pairs = np.zeros((10, 10, 10))
    for label in range(10):
        wrong = (label + 1) % 10
        mass = 1 + label_skew * (label - 4.5)
        pairs[label, label, label] = 0.9 * agreeing * mass
        pairs[label, wrong, wrong] = 0.1 * agreeing * mass
        pairs[label, label, wrong] = (1 - agreeing) * off * mass
        pairs[label, wrong, label] = (1 - agreeing) * (1 - off) * mass
    return pairs / pairs.sum()


def to_one_class(share):
    """The second copies of `share` of the pairs are taken for class 0: the groups do differ."""
    pairs = made_pairs(1.0, 0.5) * (1 - share)
    pairs[np.arange(10), np.arange(10), 0] += share / 10
    return pairs


BINARY_PAIRS = np.array([[[0.35, 0.05], [0.02, 0.08]], [[0.09, 0.02], [0.06, 0.33]]])
OF_ANY_TASK = [name for name, m in MEASURES.items() if not m.binary and not m.against_dense]
PAIRED_POPULATIONS = [
    *[(name, BINARY_PAIRS, 200) for name in (*BIASES, *PERFORMANCES)],
    *[(name, made_pairs(0.98, 0.5), 270) for name in OF_ANY_TASK],
    *[(name, made_pairs(0.9, 0.8, 0.1), 300) for name in OF_ANY_TASK],
    *[(name, to_one_class(0.05), 300) for name in OF_ANY_TASK],
    *[(name, to_one_class(0.01), 270) for name in OF_ANY_TASK],  # some draws have no such pair
    *[(name, to_one_class(0.03), 270) for name in ("bias_amplification", "accuracy_std")],
]


def value_of(name, table):
    m = MEASURES[name]
    return float(m.bias(table) if m.compares_groups else m.compute(table))


def interval_of(performance, counts):
    return estimate(performance, counts).interval()


def better_than_trivial(performance, counts):
    return beats_trivial(performance, counts, estimate(performance, counts))


def covering(name, truth, counts_of):
    """The shares of 300 intervals, and of 300 upper bounds, that cover the truth."""
    generator = np.random.default_rng(7)
    covered, above = 0, 0
    for sample in range(TRIALS):
        result = estimate(name, counts_of(generator), seed=sample, resamples=400)
        low, high = result.interval(0.95)
        covered += low <= truth <= high
        above += truth <= result.upper(0.95)
    return covered / TRIALS, above / TRIALS


def drawn(generator, shares, rows):
    return generator.multinomial(rows, shares.ravel() / shares.sum()).reshape(shares.shape)


@pytest.mark.parametrize(("name", "shares", "rows"), POPULATIONS)
def test_an_interval_of_95_percent_covers_the_truth_at_least_that_often(name, shares, rows):
    """300 samples: 95 % coverage gives at least .92 with probability .98; seeds are fixed."""
    shown = covering(name, value_of(name, shares), lambda g: Counts(drawn(g, shares, rows)))
    assert min(shown) >= 0.92


def of_pairs(pairs):
    return Counts(tables_of_pairs(pairs), pairs)


@pytest.mark.parametrize(("name", "shares", "pairs"), PAIRED_POPULATIONS)
def test_an_interval_from_pairs_covers_the_truth_at_least_that_often(name, shares, pairs):
    truth = value_of(name, tables_of_pairs(shares))
    shown = covering(name, truth, lambda g: of_pairs(drawn(g, shares, pairs)))
    assert min(shown) >= 0.92


def width(interval):
    return interval[1] - interval[0]


def test_pairs_that_mostly_agree_tell_more_of_gaps_and_less_of_performance_than_rows():
    pairs = of_pairs(drawn(np.random.default_rng(0), made_pairs(0.98, 0.5), 270))
    rows = Counts(pairs.table)

    for gap, share in (("bias_amplification", 0.4), ("accuracy_std", 0.8)):
        assert width(bias_interval(gap, pairs)) < share * width(bias_interval(gap, rows))
    for name in ("accuracy", "balanced_accuracy"):
        # two copies that always agree are one row: wider by sqrt(2)
        wider = width(interval_of(name, pairs)) / width(interval_of(name, rows))
        assert 1.2 < wider < 1.6
        assert 1.2 < performance_se(name, pairs) / performance_se(name, rows) < 1.6


def test_independent_copies_are_as_informative_as_rows():
    shares = made_pairs(1.0, 0.5).sum(-1)  # (label, prediction)
    independent = shares[:, :, None] * shares[:, None, :] / shares.sum(-1)[:, None, None]
    pairs = of_pairs(drawn(np.random.default_rng(0), independent, 5000))
    rows = Counts(pairs.table)

    for name in ("accuracy", "balanced_accuracy"):
        assert performance_se(name, pairs) == pytest.approx(performance_se(name, rows), rel=0.08)
    gaps = [width(bias_interval("accuracy_std", counts)) for counts in (pairs, rows)]
    assert gaps[0] == pytest.approx(gaps[1], rel=0.1)


def test_no_disagreement_in_a_few_pairs_is_not_read_as_certainty():
    perfect = np.zeros((10, 10, 10), dtype=int)
    perfect[np.arange(10), np.arange(10), np.arange(10)] = 3

    low, high = bias_interval("bias_amplification", of_pairs(perfect))
    assert low == 0.0
    assert 0.01 < high < 0.1
    assert interval_of("accuracy", of_pairs(perfect))[0] < 0.96  # 3 of 60 rows: .05


def test_an_interval_of_a_signed_gap_away_from_zero_is_as_wide_as_the_formula_says():
    table = np.array([[[800, 200], [300, 700]], [[500, 500], [200, 800]]])
    fpr, tpr = table[:, 0, 1] / 1000, table[:, 1, 1] / 1000
    se = np.sqrt((fpr * (1 - fpr) + tpr * (1 - tpr)).sum() / 1000) / 2

    low, high = bias_interval("aod", Counts(table))

    assert (low + high) / 2 == pytest.approx(value_of("aod", table))
    assert (high - low) / 2 == pytest.approx(1.96 * se, rel=0.08)


def test_the_interval_of_disparate_impact_is_that_of_the_log_ratio():
    table = np.array([[[400, 100], [300, 200]], [[250, 250], [250, 250]]])
    rates = np.array([0.3, 0.5])
    se = np.sqrt(((1 - rates) / (rates * 1000)).sum())

    low, high = bias_interval("di", Counts(table))

    assert low == pytest.approx(1 - 0.6 * np.exp(1.96 * se), abs=0.01)
    assert high == pytest.approx(1 - 0.6 * np.exp(-1.96 * se), abs=0.01)


def test_a_group_that_nobody_selects_has_a_disparate_impact_of_0_but_no_certainty():
    table = np.array([[[6, 0], [6, 0]], [[10, 10], [5, 15]]])

    low, high = bias_interval("di", Counts(table))
    assert value_of("di", table) == high == 1.0
    assert 0 < low < 0.99


def test_rates_of_0_or_1_in_small_cells_are_not_read_as_certainty():
    table = np.array([[[5, 0], [0, 5]], [[5, 0], [0, 5]]])

    low, high = bias_interval("aod", Counts(table))
    assert low == 0.0
    assert high > 0.1
    assert interval_of("balanced_accuracy", Counts(table))[0] < 0.9


def test_what_is_not_estimable_has_no_interval_and_never_passes():
    counts = Counts(np.array([[[5, 1], [0, 0]], [[5, 1], [2, 4]]]))

    assert np.isnan(bias_interval("eod", counts)).all()
    assert not estimate("eod", counts).upper() < 0.05
    empty = Counts(np.zeros((2, 2, 2), dtype=int))
    assert np.isnan(performance_se("accuracy", empty))
    assert not better_than_trivial("accuracy", empty)


@settings(deadline=None)
@given(TABLES)
def test_an_interval_holds_its_point_and_stays_within_the_measures_limits(table):
    for name, m in MEASURES.items():
        result = estimate(name, Counts(table), resamples=50)
        if not np.isnan(result.point):
            low, high = result.interval()
            assert 0 <= low <= result.point <= high <= m.limit
            inner_low, inner_high = result.interval(0.8)
            assert low <= inner_low <= inner_high <= high


def test_the_same_seed_gives_the_same_interval_and_another_one_a_different_one():
    counts = Counts(np.array([[[80, 20], [20, 30]], [[72, 8], [4, 36]]]))

    assert bias_interval("abs_aod", counts, seed=3) == bias_interval("abs_aod", counts, seed=3)
    assert bias_interval("abs_aod", counts, seed=3) != bias_interval("abs_aod", counts, seed=4)


def test_simultaneous_intervals_are_wider():
    counts = Counts(np.array([[[80, 20], [20, 30]], [[72, 8], [4, 36]]]) * 10)
    level = simultaneous_level(0.95, 50)

    alone, together = bias_interval("aod", counts), bias_interval("aod", counts, level)
    assert level == pytest.approx(0.999)
    assert (together[1] - together[0]) / (alone[1] - alone[0]) == pytest.approx(
        3.29 / 1.96, rel=0.08
    )


def test_standard_errors_are_those_of_binomial_rates():
    counts = Counts(np.array([[[80, 20], [20, 30]], [[72, 8], [4, 36]]]))
    recalls, rows = np.array([152 / 180, 66 / 90]), np.array([180, 90])

    assert performance_se("accuracy", counts) == pytest.approx(np.sqrt(218 / 270 * 52 / 270 / 270))
    assert performance_se("balanced_accuracy", counts) == pytest.approx(
        np.sqrt((recalls * (1 - recalls) / rows).sum()) / 2
    )
    assert performance_se("worst_group_accuracy", counts) == pytest.approx(
        np.sqrt(110 / 150 * 40 / 150 / 150), rel=0.1
    )  # the other group is clearly better


def test_trivial_performances_by_hand():
    counts = Counts(np.array([[[30, 30], [30, 10]], [[100, 50], [10, 40]]]))

    assert trivial_performance("balanced_accuracy", counts) == 0.5
    assert trivial_performance("accuracy", counts) == pytest.approx(210 / 300)
    assert trivial_performance("worst_group_accuracy", counts) == pytest.approx(0.6)
    ten = Counts(np.full((2, 10, 10), 3))
    assert trivial_performance("balanced_accuracy", ten) == pytest.approx(0.1)


def test_a_constant_classifier_does_not_beat_the_trivial_one_and_is_flagged():
    constant = Counts(np.array([[[500, 0], [100, 0]], [[500, 0], [100, 0]]]))

    for name in PERFORMANCES:
        assert not better_than_trivial(name, constant)
    assert is_trivial(constant)
    assert prediction_shares(constant) == [1.0, 0.0]


def test_slightly_better_than_trivial_is_not_clearly_better():
    hardly = Counts(np.array([[[26, 24], [24, 26]], [[26, 24], [24, 26]]]))
    clearly = Counts(np.array([[[40, 10], [10, 40]], [[40, 10], [10, 40]]]))

    assert not better_than_trivial("balanced_accuracy", hardly)
    assert better_than_trivial("balanced_accuracy", clearly)
    assert not is_trivial(hardly)


def test_nearly_constant_is_not_better_than_trivial_even_if_significantly_so():
    """.505 of balanced accuracy by 50 of 10,000 rows: surely above .5, and of no use."""
    nearly = Counts(np.array([[[25, 2475], [0, 2500]], [[25, 2475], [0, 2500]]]))

    assert estimate("balanced_accuracy", nearly).lower() > 0.5
    assert not better_than_trivial("balanced_accuracy", nearly)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda c: bias_interval("aod", c, level=1.0), r"level must lie in \(0, 1\), got 1.0"),
        (lambda c: bias_interval("accuracy", c), "accuracy: is a performance"),
        (lambda c: performance_se("aod", c), "aod: is a bias"),
        (lambda c: simultaneous_level(0.95, 0), "at least one point, got 0"),
        (lambda c: performance_se("acuracy", c), "did you mean 'accuracy'"),
    ],
)
def test_questions_without_an_answer_are_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call(Counts(np.ones((2, 2, 2), dtype=int)))

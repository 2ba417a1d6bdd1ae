"""Intervals of what is lost against the dense net: rows are drawn with both of their decisions."""

import numpy as np
import pytest

from trainables.evaluation.counts import Counts
from trainables.evaluation.intervals import bias_interval, estimate
from trainables.evaluation.measures import MEASURES

PAIRED = [name for name, m in MEASURES.items() if m.against_dense]
TRIALS = 300


def population(right_before, lost, won, shares):
    """Shares (groups, 1 label of 2, 2, 2) of rows; `lost` and `won` are shares of each group."""
    tables = np.zeros((len(shares), 2, 2, 2))
    for group, share in enumerate(shares):
        before, gone, new = right_before[group], lost[group], won[group]
        tables[group, 1] = [[1 - before - new, new], [gone, before - gone]]
        tables[group] *= share
    return tables


POPULATIONS = {
    # (rows drawn, shares): groups of all sizes; equal and unequal drops, small and large ones
    "nothing lost": (400, population([0.8, 0.7], [0, 0], [0, 0], [0.6, 0.4])),
    "equal, small": (400, population([0.8, 0.7], [0.02, 0.02], [0.01, 0.01], [0.6, 0.4])),
    "one-sided": (300, population([0.8, 0.7], [0.02, 0.0], [0.0, 0.0], [0.7, 0.3])),
    "equal, large": (400, population([0.8, 0.7], [0.2, 0.2], [0.05, 0.05], [0.5, 0.5])),
    "unequal": (400, population([0.8, 0.7], [0.05, 0.25], [0.03, 0.05], [0.75, 0.25])),
    "seven groups": (
        700,
        population(
            [0.7, 0.8, 0.6, 0.8, 0.7, 0.75, 0.65],
            [0.05, 0.06, 0.15, 0.05, 0.12, 0.07, 0.2],
            [0.03, 0.03, 0.03, 0.03, 0.02, 0.02, 0.03],
            [0.19, 0.14, 0.15, 0.14, 0.13, 0.14, 0.11],
        ),
    ),
    "seven equal": (
        500,
        population([0.7] * 7, [0.1] * 7, [0.05] * 7, [0.3, 0.1, 0.1, 0.1, 0.1, 0.1, 0.2]),
    ),
}


def drawn(generator, shares, rows):
    table = generator.multinomial(rows, shares.ravel() / shares.sum()).reshape(shares.shape)
    return Counts(table.sum(2), beside_dense=table)


@pytest.mark.parametrize("name", PAIRED)
@pytest.mark.parametrize("named", POPULATIONS)
def test_an_interval_of_95_percent_covers_the_truth_at_least_that_often(name, named):
    """300 samples: 95 % coverage gives at least .92 with probability .98; seeds are fixed."""
    rows, shares = POPULATIONS[named]
    truth = float(MEASURES[name].bias(shares))
    generator = np.random.default_rng(7)
    covered, above = 0, 0
    for sample in range(TRIALS):
        result = estimate(name, drawn(generator, shares, rows), seed=sample, resamples=400)
        low, high = result.interval(0.95)
        covered += low - 1e-12 <= truth <= high
        above += truth <= result.upper(0.95)
    assert min(covered, above) / TRIALS >= 0.92


def width(interval):
    return interval[1] - interval[0]


def test_the_interval_of_a_difference_of_two_drops_is_that_of_paired_proportions():
    """Far from 0 and with many rows: normal, with the variance of lost - won in each group."""
    shares = population([0.8, 0.7], [0.1, 0.3], [0.05, 0.02], [0.5, 0.5])
    counts = drawn(np.random.default_rng(0), shares, 8000)
    table = counts.beside_dense[:, 1] / counts.cells[:, 1, None, None]
    lost, won = table[:, 1, 0], table[:, 0, 1]
    se = np.sqrt(((lost + won - (lost - won) ** 2) / counts.cells[:, 1]).sum())

    low, high = bias_interval("excess_gap_pairwise", counts)

    assert (high - low) / 2 == pytest.approx(1.96 * se, rel=0.08)


def test_decisions_that_mostly_agree_tell_more_of_a_drop_than_two_tables_would():
    shares = population([0.75, 0.75], [0.03, 0.03], [0.02, 0.02], [0.5, 0.5])
    paired = drawn(np.random.default_rng(0), shares, 2000)
    loose = paired.beside_dense.sum(3, keepdims=True) * paired.beside_dense.sum(2, keepdims=True)
    cells = np.maximum(paired.cells, 1)[:, :, None, None]
    table = np.round(loose / cells).astype(int)  # the same two accuracies, decided independently
    unpaired = Counts(table.sum(2), beside_dense=table)

    for name in PAIRED:
        assert width(bias_interval(name, paired)) < 0.6 * width(bias_interval(name, unpaired))


def test_no_change_in_a_few_rows_is_not_read_as_certainty_and_in_many_rows_nearly_is():
    few = np.zeros((2, 2, 2, 2), dtype=int)
    few[:, 1] = [[3, 0], [0, 7]]
    many = few * 1000

    for name in PAIRED:
        assert bias_interval(name, Counts(few.sum(2), beside_dense=few))[0] == 0
        assert bias_interval(name, Counts(few.sum(2), beside_dense=few))[1] > 0.1
        assert bias_interval(name, Counts(many.sum(2), beside_dense=many))[1] < 0.002

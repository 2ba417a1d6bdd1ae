"""Measures of what a network has lost against the dense net, on the same rows."""

import json

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from trainables.evaluation.counting import count, count_predictions
from trainables.evaluation.counts import Counts, ScoreCounts, counts_from_dict, weighted
from trainables.evaluation.fairness import measure
from trainables.evaluation.measures import MEASURES, all_measures
from trainables.evaluation.objective import Objective
from trainables.evaluation.report import evaluate

PAIRED = {name: m for name, m in MEASURES.items() if m.against_dense}
FILLED = arrays(np.int64, (3, 2, 2, 2), elements=st.integers(1, 30))
ROWS = st.integers(1, 60).flatmap(
    lambda n: st.tuples(*(arrays(np.int64, n, elements=st.integers(0, 2)) for _ in range(4)))
)


def beside(table):
    return Counts(np.asarray(table).sum(2), beside_dense=np.asarray(table))


def by_accuracies(dense, pruned, rows):
    """Counts of two classes, all labels 1, with the given right shares; as few rows change sides
    as can be."""
    tables = np.zeros((len(rows), 2, 2, 2), dtype=np.int64)
    for group, (before, after, n) in enumerate(zip(dense, pruned, rows, strict=True)):
        right, kept = round(before * n), round(after * n)
        both = min(right, kept)
        tables[group, 1, 1] = right - both, both
        tables[group, 1, 0] = n - right - (kept - both), kept - both
    return beside(tables)


# Table 2 of Lin et al. (ECCV 2022), FairFace, race by race at 99 %: White, Black, Hispanic, East
# Asian, Southeast Asian, Indian, Middle Eastern; and everybody.
NO_PRUNING = [73.9, 83.2, 59.6, 77.6, 66.9, 75.4, 66.2]
OF_TABLE_2 = {
    "Lottery": ([69.7, 78.8, 33.0, 74.1, 43.5, 61.7, 30.4], 57.1, 12.9, None, None),
    "SNIP": ([74.1, 80.8, 44.5, 73.7, 53.7, 66.0, 34.8], 62.3, 10.7, 21.7, 31.6),
    "FairGRAPE": ([72.2, 80.3, 47.5, 75.8, 56.3, 70.2, 48.6], 65.1, 6.13, 10.7, 15.9),
}
ALL = 72.0  # the dense net's accuracy of everybody
MILLION = 1_000_000
TEST_ROWS = [2085, 1556, 1623, 1550, 1415, 1516, 1209]  # of these races in FairFace's test part


def rows_of_groups(pruned, everybody):
    """Rows of each group, near those of FairFace, at which everybody's accuracies are those
    printed: the printed ones are of other rows than the printed ones of the groups."""
    near = np.array(TEST_ROWS) / sum(TEST_ROWS)
    conditions = np.array([np.ones(7), NO_PRUNING, pruned])
    missing = np.array([1.0, ALL, everybody]) - conditions @ near
    shares = near + np.linalg.pinv(conditions) @ missing
    assert np.abs(shares - near).max() < 0.02
    return np.round(shares * MILLION).astype(int)


@pytest.mark.parametrize("method", OF_TABLE_2)
def test_the_printed_row_of_fairgrape_gives_its_printed_values(method):
    pruned, everybody, spread, excess, pairwise = OF_TABLE_2[method]
    counts = by_accuracies(
        np.array(NO_PRUNING) / 100, np.array(pruned) / 100, rows_of_groups(pruned, everybody)
    )
    values = all_measures(counts)

    assert 100 * values["accuracy_drop_std"] == pytest.approx(spread, abs=0.06)
    worst = max(before - after for before, after in zip(NO_PRUNING, pruned, strict=True))
    assert 100 * values["worst_group_drop"] == pytest.approx(worst, abs=1e-3)
    if excess is None:
        return
    assert 100 * values["excess_gap"] == pytest.approx(excess, abs=1e-3)
    assert 100 * values["excess_gap_pairwise"] == pytest.approx(pairwise, abs=1e-3)


def test_two_groups_by_hand():
    # group 0: of 10 rows 8 were right, 5 still are and 1 newly is; group 1: of 20 rows 10 and 10
    table = [[[[0, 0], [0, 0]], [[1, 1], [3, 5]]], [[[8, 2], [7, 3]], [[0, 0], [0, 0]]]]
    values = all_measures(beside(table))

    losses = [2 / 10, -(7 - 2) / 20]
    assert values["accuracy_drop_std"] == pytest.approx(np.std(losses, ddof=1))
    assert values["worst_group_drop"] == pytest.approx(0.2)
    assert values["excess_gap"] == pytest.approx(0.2 - (2 - 5) / 30)
    assert values["excess_gap_pairwise"] == pytest.approx(0.45)


def test_who_only_wins_has_no_worst_drop_and_the_others_still_compare():
    values = all_measures(by_accuracies([0.5, 0.5], [0.6, 0.9], [100, 100]))

    assert values["worst_group_drop"] == 0.0
    assert values["excess_gap"] == pytest.approx(0.15)
    assert values["excess_gap_pairwise"] == pytest.approx(0.3)


TWOS = np.full(3, 2)


@given(ROWS)
@example((TWOS, np.arange(3), TWOS, TWOS))
def test_values_are_differences_of_the_accuracies_of_two_counts(rows):
    """Slowly: two tables, and the accuracies of both."""
    labels, groups, dense, predictions = rows
    values = all_measures(count_predictions(predictions, labels, groups, 3, 3, dense))

    if len(set(groups.tolist())) < 3:
        assert all(np.isnan(values[name]) for name in PAIRED)
        return
    right = np.stack([dense == labels, predictions == labels]).astype(float)
    losses = np.array(
        [right[0, groups == g].mean() - right[1, groups == g].mean() for g in range(3)]
    )
    excess = losses - (right[0].mean() - right[1].mean())
    expected = {
        "accuracy_drop_std": losses.std(ddof=1),
        "worst_group_drop": max(losses.max(), 0),
        "excess_gap": excess.max(),
        "excess_gap_pairwise": np.ptp(losses),
    }
    assert {name: values[name] for name in PAIRED} == pytest.approx(expected, abs=1e-12)
    if (np.concatenate([labels, predictions, dense]) == 2).all():  # arrays name no other class
        with pytest.raises(ValueError, match="needs at least two labels, got only 2"):
            measure("excess_gap", labels, predictions, groups, dense)
        return
    by_arrays = {name: measure(name, labels, predictions, groups, dense) for name in PAIRED}
    assert by_arrays == pytest.approx(expected, abs=1e-12)


@given(ROWS)
def test_the_dense_net_itself_has_lost_nothing(rows):
    labels, groups, dense, _ = rows
    counts = count_predictions(dense, labels, groups, 3, 3, dense)

    for name in PAIRED:
        value = all_measures(counts)[name]
        assert np.isnan(value) or value == 0


@given(FILLED, FILLED)
def test_no_value_changes_more_than_the_deviation_of_its_rates(first, second):
    """What the intervals rest on."""
    for m in PAIRED.values():
        difference = m.rates(first) - m.rates(second)
        assert abs(m.compute(first) - m.compute(second)) <= m.deviation(difference) + 1e-12


@given(FILLED)
def test_reduced_tables_have_the_same_rates_and_stacks_those_of_each(table):
    for m in PAIRED.values():
        np.testing.assert_allclose(m.rates(m.reduce(table)), m.rates(table), atol=1e-12)
        stack = np.stack([table, table[::-1]])
        np.testing.assert_allclose(
            m.compute(stack), [m.compute(table), m.compute(table[::-1])], atol=1e-12
        )


def test_priors_restore_the_drops_of_the_natural_mix():
    natural = np.array(
        [[[[60, 4], [8, 8]], [[1, 1], [3, 15]]], [[[5, 5], [5, 25]], [[9, 1], [5, 5]]]]
    )
    cells = natural.sum((2, 3), keepdims=True)
    balanced = natural * 800 // cells
    priors = natural.sum((2, 3)) / natural.sum()

    for m in PAIRED.values():
        restored = m.bias(weighted(balanced, priors, beside_dense=True))
        assert restored == pytest.approx(m.bias(natural))
        assert abs(m.bias(balanced) - m.bias(natural)) > 0.005


SCORED = st.integers(1, 40).flatmap(
    lambda n: st.tuples(
        arrays(np.float64, n, elements=st.floats(0, 1)),
        arrays(np.int64, n, elements=st.integers(0, 1)),
        arrays(np.int64, n, elements=st.integers(0, 2)),
        arrays(np.int64, n, elements=st.integers(0, 1)),
    )
)


@given(SCORED, st.integers(0, 1000))
def test_scores_beside_the_dense_decisions_are_decided_regrouped_and_written_with_them(
    rows, index
):
    scores, labels, groups, dense = rows
    counts = count(scores, labels, groups, 3, dense=dense)
    decided = (scores > index / 1000).astype(int)
    expected = count_predictions(decided, labels, groups, 3, 2, dense)
    two = np.array([1, 0, 1])

    assert isinstance(counts, ScoreCounts)
    assert counts.at(index) == expected
    assert counts.at([index] * 3) == expected
    assert counts.at(index) != count_predictions(decided, labels, groups, 3, 2)
    merged = count_predictions(decided, labels, two[groups], 2, 2, dense)
    assert counts.regroup(two).at(index) == expected.regroup(two) == merged
    for each in (counts, expected):
        assert counts_from_dict(json.loads(json.dumps(each.to_dict()))) == each


def test_counts_that_lack_the_dense_decisions_open_and_are_not_estimable():
    state = {"kind": "decided", "shape": [2, 2, 2], "counts": [8, 2, 2, 8, 7, 3, 3, 7]}
    counts = counts_from_dict(state)
    values = evaluate(counts, Objective(bias="accuracy_drop_std"))

    assert counts.beside_dense is None
    assert counts.to_dict() == state
    assert (values["bias"], values["bias_upper"], values["feasible"]) == (None, None, False)
    assert all(values["measures"][name] is None for name in PAIRED)
    with pytest.raises(ValueError, match="accuracy_drop_std: compares with the dense net, whose"):
        Objective(bias="accuracy_drop_std").counted(counts)


def test_dense_decisions_must_be_of_the_same_rows():
    table = np.ones((2, 2, 2), dtype=int)

    with pytest.raises(ValueError, match=r"beside_dense must have shape \(2, 2, 2, 2\)"):
        Counts(table, beside_dense=np.ones((2, 2, 2, 2), dtype=int))
    with pytest.raises(ValueError, match="dense predictions must have shape"):
        count_predictions([0, 1], [0, 1], [0, 0], 1, 2, dense=[0])
    with pytest.raises(ValueError, match="compares with the dense net: dense must be given"):
        measure("excess_gap", [0, 1], [0, 1], [0, 1])

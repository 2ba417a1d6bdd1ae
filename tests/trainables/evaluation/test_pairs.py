import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trainables.evaluation.counting import count
from trainables.evaluation.counts import Counts, ScoreCounts, counts_from_dict
from trainables.evaluation.pairs import count_pairs, tables_of_pairs

OBJECTS = st.lists(st.tuples(*[st.integers(0, 2)] * 3), min_size=1, max_size=30)


def rows_of(objects, seed=0):
    """Columns of shuffled rows: predictions, labels, groups, units of (label, first, second)."""
    rows = [
        (prediction, label, group, 100 - unit)
        for unit, (label, *copies) in enumerate(objects)
        for group, prediction in enumerate(copies)
    ]
    return np.random.default_rng(seed).permutation(rows).T


def one_hot(predictions):
    return np.eye(3)[predictions]


@given(OBJECTS, st.integers(0, 9))
def test_pairs_are_counted_whatever_the_order_of_the_rows(objects, seed):
    expected = np.zeros((3, 3, 3), dtype=int)
    for cell in objects:
        expected[cell] += 1

    np.testing.assert_array_equal(count_pairs(*rows_of(objects, seed), 3), expected)


@given(OBJECTS)
def test_counts_of_rows_with_units_keep_the_pairs_through_json(objects):
    predictions, labels, groups, units = rows_of(objects)
    counts = count(one_hot(predictions), labels, groups, 2, units)

    assert isinstance(counts, Counts)
    np.testing.assert_array_equal(tables_of_pairs(counts.pairs), counts.table)
    assert counts.table.sum() == len(predictions)
    again = counts_from_dict(json.loads(json.dumps(counts.to_dict())))
    assert again == counts
    assert again != Counts(counts.table)
    assert Counts.from_dict(Counts(counts.table).to_dict()).pairs is None


def test_equal_tables_of_other_pairs_are_not_equal():
    alike = rows_of([(0, 0, 0), (0, 1, 1)])
    crossed = rows_of([(0, 0, 1), (0, 1, 0)])
    one, other = (count(one_hot(p), y, g, 2, u) for p, y, g, u in (alike, crossed))

    np.testing.assert_array_equal(one.table, other.table)
    assert one != other


@pytest.mark.parametrize(
    ("labels", "groups", "units"),
    [
        ([0, 0, 1], [0, 1, 0], [7, 7, 8]),  # a unit with one row
        ([0, 0, 0, 0], [0, 0, 1, 1], [7, 7, 7, 7]),  # with two rows in each group
        ([0, 0, 0, 0], [0, 1, 1, 0], [7, 7, 7, 8]),
        ([0, 0], [0, 0], [7, 7]),
        ([0, 0], [1, 2], [7, 7]),
        ([0, 1], [0, 1], [7, 7]),  # with two labels
        ([0, 0], [0, 1], [7, 8]),
        ([], [], []),
    ],
)
def test_rows_that_are_no_pairs_have_none(labels, groups, units):
    assert count_pairs(np.zeros(len(labels), dtype=int), labels, groups, units, 3) is None


def test_rows_that_are_no_pairs_are_counted_all_the_same():
    counts = count(one_hot([0, 1, 2]), [0, 1, 2], [0, 1, 0], 2, [1, 2, 3])

    assert counts == Counts(counts.table)
    assert counts.total == 3


def test_scores_of_a_binary_task_and_more_than_two_groups_have_no_pairs():
    assert isinstance(count([0.2, 0.7], [1, 1], [0, 1], 2, [5, 5]), ScoreCounts)
    assert count(one_hot([0, 1]), [1, 1], [0, 1], 3, [5, 5]).pairs is None


def test_regrouping_keeps_the_pairs_where_the_groups_stay_apart_and_drops_them_elsewhere():
    predictions, labels, groups, units = rows_of([(0, 0, 1), (2, 2, 2), (1, 1, 2)])
    scores = one_hot(predictions)
    counts = count(scores, labels, groups, 2, units)

    assert counts.regroup([0, 1]) == counts
    assert counts.regroup([1, 0]) == count(scores, labels, 1 - groups, 2, units)
    for mapping in ([0, 0], [-1, 0], [0, 2]):
        assert counts.regroup(mapping).pairs is None


def test_pairs_cannot_be_written_to_nor_changed_through_the_array_they_came_from():
    pairs = np.ones((2, 2, 2), dtype=np.int64)
    counts = Counts(tables_of_pairs(pairs), pairs)
    pairs[0] = 7

    assert counts.pairs.max() == 1
    with pytest.raises(ValueError, match="read-only"):
        counts.pairs[0, 0, 0] = 5


@pytest.mark.parametrize(
    ("table", "pairs", "message"),
    [
        (np.full((2, 2, 2), 2), np.ones((2, 2, 2)), "whole numbers of shape"),
        (np.full((2, 2, 2), 2), np.ones((2, 2), dtype=int), r"got int64 of shape \(2, 2\)"),
        (np.full((3, 2, 2), 2), np.ones((2, 2, 2), dtype=int), "for 3 groups"),
        (np.zeros((2, 2, 2), dtype=int), np.array([[[1, -1], [-1, 1]]] * 2), "negative, got -1"),
        (np.full((2, 2, 2), 3), np.ones((2, 2, 2), dtype=int), "got 8 rows that differ"),
        (
            np.array([[[1, 0], [0, 0]], [[0, 1], [0, 0]]]),
            np.array([[[0, 0], [1, 0]], [[0, 0], [0, 0]]]),
            "got 4 rows that differ",  # the groups are swapped
        ),
    ],
)
def test_pairs_that_do_not_fit_the_table_are_refused(table, pairs, message):
    with pytest.raises(ValueError, match=message):
        Counts(table, pairs)


def test_columns_of_different_lengths_are_refused():
    with pytest.raises(ValueError, match=r"count_pairs: all columns need the same shape"):
        count_pairs([0, 1], [0, 0], [0, 1], [0], 2)

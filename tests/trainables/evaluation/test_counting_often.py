"""Rows that are counted again and again, against a loop over them; counts that follow from valid
ones are valid, though nobody checks them again."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trainables.evaluation.counting import Cells, count_predictions
from trainables.evaluation.counts import BINS, THRESHOLDS, Counts, ExpectedCounts, ScoreCounts
from trainables.evaluation.trivial import trivial_performance

GROUPS = 3
SCORES = st.one_of(st.floats(0, 1), st.integers(0, 1000).map(lambda k: k / 1000))
ROW = st.tuples(SCORES, st.integers(0, 1), st.integers(0, GROUPS - 1), st.integers(0, 1))
ROWS = st.lists(ROW, min_size=1, max_size=30).map(
    lambda rows: tuple(np.array(column) for column in zip(*rows, strict=True))
)
MAPPINGS = st.lists(st.integers(-1, 2), min_size=GROUPS, max_size=GROUPS).filter(
    lambda groups: max(groups) >= 0
)


def counted(rows, *, beside=True):
    scores, labels, groups, dense = rows
    cells = Cells.of(len(scores), labels, groups, GROUPS, 2, dense if beside else None)
    return cells.count_scores(scores)


def checked(counts):
    """The same counts through a constructor that checks them."""
    if isinstance(counts, ScoreCounts):
        return ScoreCounts(counts.histogram, counts.beside_dense)
    return Counts(counts.table, counts.pairs, counts.beside_dense)


@given(ROWS)
def test_scores_are_counted_as_by_a_loop_over_the_rows(rows):
    expected = np.zeros((GROUPS, 2, 2, BINS), int)
    for score, label, group, dense in zip(*rows, strict=True):
        expected[group, label, dense, (score > THRESHOLDS).sum()] += 1

    counts = counted(rows)
    np.testing.assert_array_equal(counts.beside_dense, expected)
    np.testing.assert_array_equal(counts.histogram, expected.sum(2))
    alone = counted(rows, beside=False)
    np.testing.assert_array_equal(alone.histogram, expected.sum(2))
    assert alone.beside_dense is None


@given(ROWS, st.integers(0, 1000), MAPPINGS, st.booleans())
def test_what_follows_from_valid_counts_is_valid_and_nobody_can_write_to_it(
    rows, index, mapping, beside
):
    whole = counted(rows, beside=beside)
    expected = np.zeros((max(mapping) + 1, *whole.finest.shape[1:]), int)
    for old, new in enumerate(mapping):
        if new >= 0:
            expected[new] += whole.finest[old]

    merged = whole.regroup(mapping)
    np.testing.assert_array_equal(merged.finest, expected)
    for counts in (whole, merged, whole.at(index), merged.at(index)):
        assert checked(counts) == counts
        assert not counts.array.flags.writeable
        assert not counts.finest.flags.writeable


def test_pairs_are_swapped_with_their_groups_and_lost_without_them():
    pairs = np.array([[[5, 2], [1, 3]], [[4, 0], [6, 7]]])
    table = np.stack([pairs.sum(2), pairs.sum(1)])
    counts = Counts(table, pairs)

    swapped = counts.regroup([1, 0])
    assert checked(swapped) == swapped == Counts(table[::-1], pairs.swapaxes(1, 2))
    assert counts.regroup([0, 1]) == counts
    assert counts.regroup([0, 0]) == Counts(table.sum(0, keepdims=True))


def test_other_numbers_of_rows_and_unknown_predictions_are_refused():
    cells = Cells.of(2, [0, 1], [0, 0], 1, 2)

    with pytest.raises(ValueError, match=r"predictions must have shape \(2,\), got \(1,\)"):
        cells.count_predictions([1])
    with pytest.raises(ValueError, match=r"scores must have shape \(2,\), got \(3,\)"):
        cells.count_scores(np.array([0.1, 0.2, 0.3]))
    with pytest.raises(ValueError, match=r"predictions lie in \[0, 2\)"):
        cells.count_predictions([0, 2])
    with pytest.raises(ValueError, match=r"groups must have shape \(2,\)"):
        Cells.of(2, [0, 1], [0], 1, 2)


def test_a_constant_prediction_is_worth_the_same_on_expected_counts_and_on_other_rows_another():
    labels, groups = np.repeat([0, 1], (30, 10)), np.tile([0, 1], 20)
    whole = count_predictions(labels, labels, groups, 2, 2)
    expected = ExpectedCounts(whole.table.astype(float))

    for _ in range(2):  # as computed, as remembered
        assert trivial_performance("accuracy", whole) == 0.75
        assert trivial_performance("accuracy", expected) == 0.75
        assert trivial_performance("balanced_accuracy", whole) == 0.5
        other = count_predictions(labels[:35], labels[:35], groups[:35], 2, 2)
        assert trivial_performance("accuracy", other) == pytest.approx(30 / 35)

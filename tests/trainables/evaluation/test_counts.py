import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trainables.evaluation.counting import count, count_predictions
from trainables.evaluation.counts import (
    BINS,
    THRESHOLDS,
    Counts,
    ScoreCounts,
    counts_from_dict,
    tables_at_all_thresholds,
    weighted,
)

# scores that sit on, just below and just above thresholds, where rounding could go wrong
EDGES = st.integers(0, 1000).flatmap(
    lambda k: st.sampled_from(
        [k / 1000, float(np.nextafter(k / 1000, 0)), float(np.nextafter(k / 1000, 1))]
    )
)
SCORES = st.one_of(EDGES, st.floats(0, 1), st.floats(0, 1, width=32))
ROWS = st.lists(
    st.tuples(SCORES, st.integers(0, 1), st.integers(0, 2)), min_size=1, max_size=40
).map(lambda rows: tuple(np.array(column) for column in zip(*rows, strict=True)))


def test_two_rows_are_counted_where_they_belong():
    counts = count([0.25, 0.7505], [1, 0], [0, 1], 2)

    assert isinstance(counts, ScoreCounts)
    assert counts.total == 2
    assert counts.histogram[0, 1, 250] == 1  # 0, .001, ..., .249 lie below .25; .25 does not
    assert counts.histogram[1, 0, 751] == 1


def test_scores_0_and_1_fall_into_the_first_and_the_last_bin():
    histogram = count([0.0, 1.0], [0, 0], [0, 0], 1).array

    assert histogram[0, 0, 0] == 1
    assert histogram[0, 0, BINS - 1] == 1


@given(ROWS, st.integers(0, 1000))
def test_counts_at_a_threshold_equal_counting_the_decided_rows(rows, index):
    scores, labels, groups = rows
    decided = (scores > THRESHOLDS[index]).astype(int)

    assert count(scores, labels, groups, 3).at(index) == count_predictions(
        decided, labels, groups, 3, 2
    )


@given(ROWS, st.tuples(*[st.integers(0, 1000)] * 3))
def test_a_threshold_per_group_is_used_for_that_group_alone(rows, indices):
    scores, labels, groups = rows
    decided = (scores > THRESHOLDS[np.array(indices)[groups]]).astype(int)

    assert count(scores, labels, groups, 3).at(indices) == count_predictions(
        decided, labels, groups, 3, 2
    )


@given(ROWS)
def test_the_cumulative_tables_equal_those_at_each_threshold(rows):
    counts = count(*rows, 3)
    tables = tables_at_all_thresholds(counts.histogram)

    assert tables.shape == (1001, 3, 2, 2)
    for index in (0, 1, 250, 999, 1000):
        np.testing.assert_array_equal(tables[index], counts.at(index).table)


@given(ROWS)
def test_counts_survive_json_and_stay_small(rows):
    counts = count(*rows, 3)
    text = json.dumps(counts.to_dict())

    assert counts_from_dict(json.loads(text)) == counts
    assert counts_from_dict(counts.at(300).to_dict()) == counts.at(300)
    assert len(text) < 1500


def test_large_counts_survive_json():
    counts = Counts(np.array([[[3_000_000_000, 1], [0, 256]]]))

    assert Counts.from_dict(json.loads(json.dumps(counts.to_dict()))) == counts


def test_reading_score_counts_as_decided_ones_is_refused():
    with pytest.raises(ValueError, match="Counts: cannot be read from kind 'scores'"):
        Counts.from_dict(count([0.5], [1], [0], 1).to_dict())


@given(ROWS)
def test_regrouping_equals_counting_the_new_groups(rows):
    scores, labels, groups = rows
    mapping = np.array([1, -1, 0])
    kept = mapping[groups] >= 0

    assert count(scores, labels, groups, 3).regroup(mapping) == count(
        scores[kept], labels[kept], mapping[groups][kept], 2
    )


def test_several_old_groups_add_up_to_one():
    counts = Counts(np.arange(12).reshape(3, 2, 2))

    np.testing.assert_array_equal(
        counts.regroup([0, 0, 0]).table, counts.table.sum(0, keepdims=True)
    )


def test_rows_of_class_scores_are_decided_by_the_largest_the_first_of_equals():
    counts = count([[0.2, 0.5, 0.3], [0.4, 0.4, 0.2]], [1, 1], [0, 1], 2)

    assert isinstance(counts, Counts)
    assert counts.table[0, 1].tolist() == [0, 1, 0]
    assert counts.table[1, 1].tolist() == [1, 0, 0]


def test_counts_cannot_be_written_to_nor_changed_through_the_array_they_came_from():
    given_array = np.ones((2, 2, 2), dtype=np.int64)
    counts = Counts(table=given_array)
    given_array[0] = 7

    assert counts.table.max() == 1
    with pytest.raises(ValueError, match="read-only"):
        counts.table[0, 0, 0] = 5


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([0.5, np.nan], [0, 1], [0, 0], 1), r"scores must lie in \[0, 1\], got nan"),
        (([1.5], [0], [0], 1), r"scores must lie in \[0, 1\], got 1.5"),
        (([0.5], [2], [0], 1), r"labels lie in \[0, 2\), got 2 to 2"),
        (([0.5], [0], [-1], 1), r"groups lie in \[0, 1\), got -1 to -1"),
        (([0.5], [0, 1], [0, 0], 1), r"groups must have shape \(1,\), got \(2,\)"),
        (([0.5], [0.0], [0], 1), "labels must be whole numbers, got float64"),
        (([[0.5, np.inf]], [0], [0], 1), "scores must be finite"),
        (([[[0.5]]], [0], [0], 1), r"scores must be \(n,\) or \(n, classes\)"),
    ],
)
def test_rows_that_cannot_be_counted_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        count(*arguments)


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.ones((2, 2)), "whole numbers"),
        (np.ones((2, 2), dtype=int), "3 filled axes"),
        (np.ones((2, 2, 3), dtype=int), "as many predictions as labels"),
        (np.full((2, 2, 2), -1), "cannot be negative, got -1"),
    ],
)
def test_tables_that_are_no_counts_are_refused(array, message):
    with pytest.raises(ValueError, match=message):
        Counts(array)


@pytest.mark.parametrize("mapping", [[0], [0, -2], [-1, -1], [0.0, 1.0]])
def test_mappings_that_do_not_fit_are_refused(mapping):
    with pytest.raises(ValueError, match="regroup"):
        Counts(np.ones((2, 2, 2), dtype=int)).regroup(mapping)


def test_weighted_tables_have_the_priors_as_cell_masses_and_keep_rates_within_cells():
    table = np.array([[[30, 10], [10, 30]], [[20, 20], [5, 35]]])
    priors = np.array([[0.4, 0.1], [0.3, 0.2]])

    result = weighted(table, priors)

    np.testing.assert_allclose(result.sum(-1), priors)
    np.testing.assert_allclose(
        result[..., 1] / result.sum(-1), [[0.25, 0.75], [0.5, 0.875]], rtol=1e-12
    )


def test_a_rare_label_of_which_a_group_has_no_rows_gives_its_mass_to_the_groups_other_cells():
    table = np.array([[[30, 10], [0, 0]], [[20, 20], [5, 35]]])
    priors = np.array([[0.38, 0.02], [0.3, 0.3]])

    result = weighted(table, priors)

    np.testing.assert_allclose(result.sum(-1), [[0.4, 0.0], [0.3, 0.3]])
    np.testing.assert_allclose(result[0, 0], [0.3, 0.1])


def test_an_empty_cell_that_should_have_half_of_a_groups_mass_is_not_estimable():
    table = np.array([[[1, 1], [0, 0]]])

    assert np.isnan(weighted(table, np.array([[0.5, 0.5]]))[0, 1]).all()
    assert (weighted(table, np.array([[1.0, 0.0]]))[0, 1] == 0).all()

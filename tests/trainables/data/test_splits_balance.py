"""Balancing debias, the small-cell rule, and the tolerance that a split can certify."""

from __future__ import annotations

import numpy as np
import pytest

from trainables.data.small_cells import resolve_small_cells
from trainables.data.splits import balance_weights, cap_cells


def test_large_cells_are_capped_and_small_ones_stay_whole():
    cells = np.repeat([0, 1, 2, 3], [1000, 900, 100, 300])
    kept = np.bincount(cells[cap_cells(cells, np.random.default_rng(0))])

    # three times the rarest is 300, half of the mean 2300 / 4 is 288
    assert kept.tolist() == [300, 300, 100, 300]


def test_a_very_rare_cell_does_not_pull_the_others_down_to_it():
    cells = np.repeat([0, 1, 2, 3], [1000, 900, 4, 300])
    kept = np.bincount(cells[cap_cells(cells, np.random.default_rng(0))])

    assert kept.tolist() == [276, 276, 4, 276]  # half of the mean 2204 / 4


def test_which_rows_are_kept_depends_on_the_generator():
    cells = np.repeat([0, 1], [100, 5])
    draws = [cap_cells(cells, np.random.default_rng(seed)).tolist() for seed in (0, 0, 1)]

    assert draws[0] == draws[1] != draws[2]


def test_weights_have_mean_one_and_equal_totals():
    cells = np.array([4, 4, 4, 7])
    weights = balance_weights(cells)

    assert weights.tolist() == pytest.approx([2 / 3, 2 / 3, 2 / 3, 2])
    assert weights.dtype == np.float32


CLASSES = ("no", "yes")
NAMES = ("a", "b", "c", "d")


def tables(*rows: tuple[int, int]) -> dict[str, np.ndarray]:
    return {"tune": np.full((len(rows), 2), 99), "test": np.array(rows)}


def test_nothing_happens_where_all_cells_are_large_enough():
    resolved = resolve_small_cells(
        "race", NAMES, CLASSES, tables((20, 20), (20, 30), (20, 20), (99, 20)), min_cell=20
    )

    assert resolved.names == NAMES
    assert resolved.mapping.tolist() == [0, 1, 2, 3]
    assert resolved.notes == ()


def test_small_groups_become_one_that_is_named_after_them():
    resolved = resolve_small_cells(
        "race", NAMES, CLASSES, tables((20, 12), (20, 30), (20, 11), (99, 20)), min_cell=20
    )

    assert resolved.names == ("b", "d", "a + c")
    assert resolved.mapping.tolist() == [2, 0, 2, 1]
    assert resolved.notes == (
        "race: groups under min_cell=20 were merged into one group: "
        "'a' (label 'yes' has 12 rows on test); 'c' (label 'yes' has 11 rows on test)",
    )


def test_groups_that_are_small_even_together_are_left_out():
    resolved = resolve_small_cells(
        "race", NAMES, CLASSES, tables((20, 2), (20, 30), (20, 1), (99, 20)), min_cell=20
    )

    assert resolved.names == ("b", "d")
    assert resolved.mapping.tolist() == [-1, 0, -1, 1]
    assert "too small even together (label 'yes' has 3 rows on test)" in resolved.notes[1]


def test_dropping_leaves_out_groups_that_merging_would_save():
    counts = tables((20, 12), (20, 30), (20, 11), (99, 20))
    resolved = resolve_small_cells("race", NAMES, CLASSES, counts, min_cell=20, policy="drop")

    assert resolved.names == ("b", "d")
    assert "were left out" in resolved.notes[0]


def test_fewer_than_two_groups_is_an_error_that_says_why():
    with pytest.raises(
        ValueError, match=r"race: at least two groups .* got \['b'\] .*'a' \(label"
    ):
        resolve_small_cells("race", ("a", "b"), CLASSES, tables((20, 2), (20, 30)), min_cell=20)

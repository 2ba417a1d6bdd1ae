"""Splits: disjoint, complete, stratified, and true to units, whatever the data look like."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trainables.data import SPLITS
from trainables.data.fair_data import Attribute, FairData
from trainables.data.splits import (
    apportion,
    draw_splits,
    hold_back,
    resolve_fractions,
)

CELLS = 6  # label x sex x race


def data_of(cells: np.ndarray, copies: int = 1, **options: object) -> FairData:
    """One row per entry of `cells` (0..5), each `copies` times, told apart by `medium`."""
    cells = np.concatenate([np.arange(CELLS), cells])  # so that nothing is absent
    units = np.repeat(np.arange(len(cells)), copies)
    cell = cells[units]
    attributes = {"race": Attribute(cell % 3, ("a", "b", "c"))}
    if copies > 1:
        medium = np.tile(np.arange(copies), len(cells))
        attributes["medium"] = Attribute(medium, tuple(str(i) for i in range(copies)))
    return FairData(
        name="made",
        inputs=np.zeros((len(cell), 2)),
        labels=cell // 3,
        classes=("no", "yes"),
        attributes=attributes,
        units=units if copies > 1 else None,
        **options,
    )


cell_lists = st.lists(st.integers(0, CELLS - 1), min_size=40, max_size=400).map(np.array)


@given(cells=cell_lists, seed=st.integers(0, 2**32), copies=st.sampled_from([1, 2, 3]))
@settings(deadline=None, max_examples=60)
def test_splits_are_disjoint_cover_all_rows_and_keep_units_together(cells, seed, copies):
    data = data_of(cells, copies)
    splits = draw_splits(data, split_seed=seed)
    rows = np.concatenate(list(splits.values()))

    assert sorted(rows) == list(range(len(data)))
    owner = np.empty(len(data), dtype=int)
    for index, part in enumerate(splits.values()):
        owner[part] = index
    for unit in np.unique(data.unit_of_row):
        assert len(np.unique(owner[data.unit_of_row == unit])) == 1


@given(cells=cell_lists, seed=st.integers(0, 2**32))
@settings(deadline=None, max_examples=60)
def test_each_cell_and_each_split_gets_its_fraction_up_to_rounding(cells, seed):
    data = data_of(cells)
    splits = draw_splits(data, split_seed=seed)
    whole = {**splits, "train": np.concatenate([splits["train"], splits["early_stop"]])}

    for name, share in {"train": 0.5, "debias": 0.15, "tune": 0.15, "test": 0.2}.items():
        rows = whole[name]
        assert abs(len(rows) - share * len(data)) < 2
        for label in (0, 1):
            for race in range(3):
                of_cell = (data.labels == label) & (data.attributes["race"].values == race)
                assert abs(of_cell[rows].sum() - share * of_cell.sum()) <= 2.5


@given(cells=cell_lists, seed=st.integers(0, 2**32), copies=st.sampled_from([1, 2]))
@settings(deadline=None, max_examples=60)
def test_held_back_and_debias_part_what_debias_was(cells, seed, copies):
    data = data_of(cells, copies)
    debias = draw_splits(data, split_seed=seed)["debias"]
    cell_of_row = data.crossing * 2 + data.labels
    parts = hold_back(data, debias, cell_of_row, split_seed=seed, min_cell=5)

    assert sorted(np.concatenate(list(parts.values()))) == debias.tolist()
    held_units = set(data.unit_of_row[parts["held_back"]])
    assert held_units.isdisjoint(data.unit_of_row[parts["debias"]])


def test_a_cell_too_small_for_its_share_gives_up_to_half_of_it_to_held_back():
    data = data_of(np.repeat(np.arange(CELLS), [100, 40, 20, 1000, 1000, 1000]))
    cells = data.labels * 3 + data.attributes["race"].values
    parts = hold_back(data, np.arange(len(data)), cells, split_seed=0, min_cell=18)
    held = np.bincount(cells[parts["held_back"]])

    # 101 rows: 30 %; 41 rows: 19 of them reach min_cell; 21 rows: half of them
    assert held.tolist() == pytest.approx([30, 19, 10, 300, 300, 300], abs=1)
    assert held[1] >= 18


@given(
    sizes=st.lists(st.integers(0, 60), min_size=1, max_size=30),
    shares=st.lists(st.integers(1, 20), min_size=1, max_size=6),
    seed=st.integers(0, 2**32),
)
@settings(deadline=None, max_examples=100)
def test_apportioning_never_strays_far_from_the_fractions_in_any_stratum(sizes, shares, seed):
    strata = np.repeat(np.arange(len(sizes)), sizes)
    fractions = {str(i): share / sum(shares) for i, share in enumerate(shares)}
    owner = apportion(strata, fractions, np.random.default_rng(seed))

    for index, share in enumerate(fractions.values()):
        assert abs((owner == index).sum() - share * len(strata)) < 2
        for stratum, size in enumerate(sizes):
            got = ((owner == index) & (strata == stratum)).sum()
            assert abs(got - share * size) < 3


def test_which_rows_of_a_cell_are_drawn_depends_on_the_seed():
    data = data_of(np.repeat(np.arange(CELLS), 100))
    draws = [draw_splits(data, split_seed=seed)["test"].tolist() for seed in (0, 0, 1)]

    assert draws[0] == draws[1] != draws[2]
    assert draws[0] != sorted(range(0, 606, 5))


def test_a_fixed_test_split_stays_and_the_rest_goes_by_other_fractions():
    fixed = np.arange(0, 606, 3)
    data = data_of(np.repeat(np.arange(CELLS), 100), splits={"test": fixed})
    splits = draw_splits(data, split_seed=0)

    assert (splits["test"] == fixed).all()
    rest = 606 - len(fixed)
    assert len(splits["train"]) + len(splits["early_stop"]) == pytest.approx(0.7 * rest, abs=2)
    assert len(splits["tune"]) == pytest.approx(0.15 * rest, abs=2)


def test_fractions_given_go_before_those_of_the_data_set():
    own = {"train": 0.4, "debias": 0.2, "tune": 0.2, "test": 0.2}
    given_ones = {"train": 0.7, "debias": 0.1, "tune": 0.1, "test": 0.1}
    data = data_of(np.arange(CELLS), fractions=own)

    assert resolve_fractions(data) == pytest.approx(own)
    assert resolve_fractions(data, given_ones) == pytest.approx(given_ones)


def test_fractions_of_a_fixed_split_cannot_be_set():
    data = data_of(np.arange(CELLS), splits={"test": np.arange(3)})

    with pytest.raises(ValueError, match=r"made fixes 'test', so it cannot be set, got 0\.5"):
        resolve_fractions(data, {"train": 0.2, "debias": 0.2, "tune": 0.1, "test": 0.5})


def test_a_share_out_of_range_is_refused_with_its_value():
    with pytest.raises(ValueError, match=r"fractions: tune must lie in \(0, 1\], got -0.1"):
        resolve_fractions(
            data_of(np.arange(CELLS)), {"train": 0.7, "debias": 0.2, "tune": -0.1, "test": 0.2}
        )


def test_too_few_rows_for_a_split_are_refused_by_name():
    rows = np.arange(12)
    splits = {"train": rows[:10], "debias": rows[10:], "tune": rows[:0]}
    data = data_of(np.arange(CELLS), splits=splits, fractions={"test": 1.0})

    with pytest.raises(ValueError, match=r"made: split 'tune' must have rows, got none of 12"):
        draw_splits(data, split_seed=0)


def test_the_names_of_splits_are_those_of_the_contract():
    assert SPLITS == ("train", "debias", "tune", "test")

"""Stratified batches: each row once, each cell's share kept, all drawn from the generator."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tests.trainables.made_data import PARTS, made_data
from trainables.data.batches import batch_sizes
from trainables.data.strata import rounded_shares, stratified_order


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


cells = st.lists(st.integers(0, 25), min_size=1, max_size=8).filter(lambda rows: sum(rows) > 1)


def batches_of(rows, size, drop_last, seed):
    """The strata of the rows of each batch, what is left out as the last one."""
    strata = torch.repeat_interleave(torch.arange(len(rows)), torch.tensor(rows))
    sizes = batch_sizes(len(strata), size, drop_last)
    sizes = [*sizes, len(strata) - sum(sizes)]
    order = stratified_order(strata, sizes, seeded(seed))
    return order, [strata[part] for part in order.split(sizes)]


@given(rows=cells, size=st.integers(2, 60), drop_last=st.booleans(), seed=st.integers(0, 5))
def test_each_batch_has_each_cells_share_to_within_one_and_each_row_comes_once(
    rows, size, drop_last, seed
):
    order, batches = batches_of(rows, size, drop_last, seed)

    assert sorted(order.tolist()) == list(range(sum(rows)))
    for batch in batches:
        share = len(batch) * np.asarray(rows) / sum(rows)
        assert np.all(np.abs(batch.bincount(minlength=len(rows)).numpy() - share) < 1 + 1e-9)


def test_shares_that_are_whole_numbers_are_kept_exactly():
    _, batches = batches_of([30, 10, 60], 10, False, seed=1)

    assert all(batch.bincount().tolist() == [3, 1, 6] for batch in batches[:-1])


def test_counts_by_hand():
    # shares 1.5 and .5 in either batch: the first to choose takes of the larger remainder
    counts = rounded_shares(np.array([3, 1]), np.array([2, 2]), [1, 0])

    assert counts.tolist() == [[1, 1], [2, 0]]


@pytest.mark.parametrize("drop_last", [False, True])
def test_an_epoch_is_stratified_by_group_and_label_and_drawn_from_its_generator(drop_last):
    data = made_data(groups=3)
    part = data.part("train")
    cell_of = dict(
        zip(part.inputs[:, 0].tolist(), (2 * part.groups + part.labels).tolist(), strict=True)
    )
    shares = np.bincount(list(cell_of.values())) / PARTS["train"]

    def epoch(seed):
        settings = {"drop_last": drop_last, "stratified": True}
        found = data.epoch("train", 40, seeded(seed), **settings)
        return [batch.inputs[:, 0].tolist() for batch in found]

    batches = epoch(1)
    assert [len(batch) for batch in batches] == [40, 40, 40] + [30] * (not drop_last)
    assert len({row for batch in batches for row in batch}) == 120 + 30 * (not drop_last)
    for batch in batches:
        counts = np.bincount([cell_of[row] for row in batch], minlength=6)
        assert np.all(np.abs(counts - len(batch) * shares) < 1)
    assert batches == epoch(1)
    assert batches != epoch(2)


def test_plain_epochs_are_not_stratified():
    """A control: the bound that stratified batches keep is broken by shuffles."""
    data = made_data(groups=3)
    part = data.part("train")
    shares = (2 * part.groups + part.labels).bincount().numpy() / PARTS["train"]
    gaps = [
        np.abs((2 * batch.groups + batch.labels).bincount(minlength=6).numpy() - 40 * shares).max()
        for batch in data.epoch("train", 40, seeded(), drop_last=True)
    ]
    assert max(gaps) > 1


def test_every_row_is_left_out_now_and_then_and_no_batch_is_special():
    """Which rows are dropped and which batches have the rare cell is drawn anew each epoch."""
    rows, dropped, with_rare = [57, 3], set(), set()
    for seed in range(200):
        order, batches = batches_of(rows, 25, True, seed)
        dropped |= set(order[50:].tolist())
        with_rare.add(tuple(int((batch == 1).sum()) for batch in batches[:2]))

    assert dropped == set(range(60))
    assert with_rare >= {(1, 2), (2, 1)}

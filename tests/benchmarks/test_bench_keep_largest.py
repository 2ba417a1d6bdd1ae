"""The mask of the largest scores by partition against a stable sort, in turns, on one thread.

Both keep a fifth of the scores and of equal ones the first. 65,536 are a layer of mlp_wide,
2,359,296 the largest of ResNet-18. A pruner that chooses its mask anew in every step pays this
each time; a tenth of what sorting takes is allowed.
"""

import statistics
import time

import pytest
import torch

from trainables.masks import keep_largest

LIMIT = 0.1


def by_sort(scores, kept):
    mask = torch.zeros(len(scores), dtype=torch.bool)
    mask[torch.sort(scores, descending=True, stable=True).indices[:kept]] = True
    return mask


def milliseconds(select, scores, kept):
    begin = time.perf_counter()
    select(scores, kept)
    return 1e3 * (time.perf_counter() - begin)


@pytest.mark.benchmark
@pytest.mark.parametrize(("size", "pairs"), [(65_536, 51), (2_359_296, 7)])
def test_a_partition_takes_a_tenth_of_what_a_sort_takes(capsys, size, pairs):
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        scores = torch.randn(size, generator=torch.Generator().manual_seed(0)).abs()
        kept = size // 5
        assert torch.equal(keep_largest(scores, kept), by_sort(scores, kept))  # and warms up
        times = [
            tuple(milliseconds(select, scores, kept) for select in (by_sort, keep_largest))
            for _ in range(pairs)
        ]
    finally:
        torch.set_num_threads(before)
    sort, partition = (statistics.median(side) for side in zip(*times, strict=True))
    with capsys.disabled():
        print(f"\n{size:,} scores: sort {sort:.2f} ms, partition {partition:.2f} ms")
    assert partition <= LIMIT * sort

"""Batches in which every stratum has its share of the rows."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor


def stratified_order(strata: Tensor, sizes: Sequence[int], generator: torch.Generator) -> Tensor:
    """(n,) an order of the rows that gives consecutive batches of `sizes` their share of each.

    `strata` (n,) are integers from 0; `sizes` add up to n. In every batch the rows of a stratum
    are as many as its share of all rows comes to, rounded up or down. Which batches have one more
    and which rows they are is drawn from `generator`.
    """
    drawn = torch.randperm(len(strata), generator=generator)
    turns = torch.randperm(len(sizes), generator=generator).tolist()
    counts = rounded_shares(strata.bincount().numpy(), np.asarray(sizes), turns)
    by_stratum = drawn[strata[drawn].argsort(stable=True)]
    numbers = torch.arange(len(sizes)).repeat(counts.shape[1])
    batch_of = torch.empty_like(drawn)
    batch_of[by_stratum] = numbers.repeat_interleave(torch.from_numpy(counts.T.reshape(-1)))
    return drawn[batch_of[drawn].argsort(stable=True)]


def rounded_shares(
    rows: NDArray[np.int64], sizes: NDArray[np.int64], turns: Sequence[int]
) -> NDArray[np.int64]:
    """(batches, strata) counts whose sums are `sizes` (batches,) and `rows` (strata,).

    Each is sizes[b] * rows[s] / n rounded down, or one more. Batches choose in the order `turns`
    where to have one more: among the strata with most rows left over. That always comes out even,
    as in the proof of the theorem of Gale and Ryser for matrices of 0 and 1.
    """
    counts: NDArray[np.int64] = sizes[:, None] * rows[None] // rows.sum()
    left_over, missing = rows - counts.sum(0), sizes - counts.sum(1)
    for batch in turns:
        more = np.argsort(-left_over, kind="stable")[: missing[batch]]
        counts[batch, more] += 1
        left_over[more] -= 1
    return counts

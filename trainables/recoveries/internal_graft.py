"""Grafts the strongest kept filters of a layer onto its weakest, then trains all weights.

Zhang, Gao, Huang, "Recover Fair Deep Classification Models via Altering Pre-trained Structure",
ECCV 2022, section 3.3 (internal scions: weights of the fair sub-network with the largest l1
norms), after Meng et al., "Filter Grafting for Deep Neural Networks", CVPR 2020. Masks remove
single weights there, not filters, so we graft position by position.
"""

from __future__ import annotations

from typing import Annotated, ClassVar

import torch
from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass
from torch import Tensor

from trainables.masks import MaskedNet, Masks
from trainables.recoveries.fair_tuning import FairTuning, TuningRun
from trainables.stage import Context, StageRun


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class InternalGraft(FairTuning):
    """Removed weights take kept ones of their layer; then fair tuning of every weight.

    Where no filter of the layer keeps a weight in the same position, the removed weight starts at
    0 and is trained like the rest. No weight is removed any more: sparsity ends at 0.
    """

    epochs: Annotated[int, Field(ge=1)] = 100
    lr: Annotated[float, Field(gt=0.0)] = 1e-3

    name: ClassVar[str] = "internal_graft"
    inputs: ClassVar[int] = 1

    def start(self, context: Context) -> StageRun:
        pruned = context.latest(self.name).clone()
        with torch.no_grad():
            for name, weight in pruned.masks.check(pruned.net).items():
                weight.copy_(grafted(weight, pruned.masks[name].to(weight.device)))
        run = TuningRun(self, context, MaskedNet(pruned.net, Masks.keep_all(pruned.net)))
        run.trainer.recalibrate(context.generator("recalibrate"))
        return run


def grafted(weight: Tensor, kept: Tensor) -> Tensor:
    """`weight` (filters, ...) with its removed positions filled from other filters; `kept` bool.

    Filters are ranked by the l1 norm of their kept weights; of equal ones the first is the
    stronger. A removed position of the j-th weakest filter takes the value that the j-th strongest
    has there. Where that is removed too, it takes that of the next strongest, and so on, after the
    weakest with the strongest again. Where every filter's is removed, it is 0.
    """
    filters = weight.shape[0]
    flat, keeps = weight.detach().reshape(filters, -1), kept.reshape(filters, -1)
    flat = flat * keeps
    order = flat.abs().sum(1).sort(descending=True, stable=True).indices  # strongest first
    flat, keeps = flat[order], keeps[order]
    scions = flat.gather(0, _next_kept(keeps))  # by the filter that the search begins with
    filled = torch.where(keeps, flat, scions.flip(0))
    return torch.empty_like(filled).index_copy_(0, order, filled).view(weight.shape)


def _next_kept(keeps: Tensor) -> Tensor:
    """(filters, positions) the first row, from each row on and cyclically, that keeps a position.

    For a position that no row keeps any row will do: its weight is 0 there.
    """
    rows = len(keeps)
    twice = torch.cat([keeps, keeps])
    index = torch.arange(2 * rows, device=keeps.device).unsqueeze(1)
    at = torch.where(twice, index, 2 * rows)
    return at.flip(0).cummin(0).values.flip(0)[:rows] % rows

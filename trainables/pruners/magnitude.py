"""Keeps the weights of largest magnitude.

Han, Pool, Tran, Dally, "Learning both Weights and Connections for Efficient Neural Networks",
NeurIPS 2015, arXiv:1506.02626, in one shot. Per layer it is the weight-selection baseline of Lin,
Kim, Joo, "FairGRAPE", ECCV 2022; we remove exactly the number asked for, where their strict
threshold also removes the weights equal to it.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

import torch
from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass
from torch import nn

from trainables.masks import Masks, masks_of_largest, prunable
from trainables.pruners.one_shot import OneShot
from trainables.stage import Context, Settings, StageRun


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class Magnitude(Settings):
    """Removes the weights with the smallest absolute values.

    Of n weights ceil(n * (1 - sparsity)) stay: of each layer, or of all layers together. Of equal
    magnitudes the weight of lower index (earlier layer) is kept.
    """

    sparsity: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.9  # share removed
    scope: Literal["global", "layer"] = "layer"

    learns_from: ClassVar[str] = "nothing"

    def start(self, context: Context) -> StageRun:
        return OneShot(context, lambda net, _: self.masks(net))

    @torch.no_grad()
    def masks(self, net: nn.Module) -> Masks:
        """The masks for `net` as it is."""
        magnitudes = {name: weight.abs() for name, weight in prunable(net).items()}
        return masks_of_largest(magnitudes, self.sparsity, self.scope)

"""Prunes by magnitude in rounds, and goes back to earlier weights after each.

With `rewind` "init" it is Frankle, Carbin, "The Lottery Ticket Hypothesis", ICLR 2019,
arXiv:1803.03635, with "early" Frankle, Dziugaite, Roy, Carbin, "Stabilizing the Lottery Ticket
Hypothesis", 2019, arXiv:1903.01611, with "trained" the Lottery row of Lin, Kim, Joo, "FairGRAPE",
ECCV 2022 (released code). As in the latter every layer is pruned by the same share; the first
prunes all layers of its larger networks together.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

import torch
from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass
from torch import nn

from trainables.pruners.rounds import RoundPlan, RoundsRun, by_magnitude
from trainables.stage import Context, EarlierWeights, Settings, StageRun


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class Lottery(Settings):
    """Rounds: keep the largest weights, set them to what they were, train them.

    After round i each layer keeps ceil(max(kappa^i, 1 - sparsity) * its weights).
    """

    kappa: Annotated[float, Field(gt=0.0, lt=1.0)] = 0.8  # share of the weights a round keeps
    sparsity: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.9  # share removed at the end
    # init: as the dense training starts; early: a while later; trained: the dense net
    rewind: Literal["init", "early", "trained"] = "init"
    round_epochs: Annotated[int, Field(ge=1)] = 5
    lr: Annotated[float, Field(gt=0.0, allow_inf_nan=False)] = 1e-3  # of Adam in the rounds
    batch_size: Annotated[int, Field(ge=2)] = 64

    learns_from: ClassVar[str] = "train"

    @property
    def leaves_candidates(self) -> bool:
        return True

    @property
    def needs(self) -> frozenset[EarlierWeights]:
        if self.rewind == "trained":
            return frozenset()
        return frozenset({"initial" if self.rewind == "init" else "early"})

    def start(self, context: Context) -> StageRun:
        plan = RoundPlan(
            kappa=self.kappa,
            sparsity=self.sparsity,
            round_epochs=self.round_epochs,
            lr=self.lr,
            batch_size=self.batch_size,
        )
        return RoundsRun("lottery", context, plan, by_magnitude(), self._rewound(context))

    def _rewound(self, context: Context) -> nn.Module:
        dense = context.latest_or_dense().net
        if self.rewind == "trained":
            return dense
        earlier = (
            context.start_of_training("lottery")
            if self.rewind == "init"
            else context.early_in_training("lottery")
        )
        if _shapes(earlier) != _shapes(dense):
            raise ValueError(
                f"lottery: rewind {self.rewind!r} needs earlier weights of the same layers, "
                "the dense net's training has replaced some"
            )
        return earlier


def _shapes(net: nn.Module) -> dict[str, torch.Size]:
    return {name: tensor.shape for name, tensor in net.state_dict().items()}

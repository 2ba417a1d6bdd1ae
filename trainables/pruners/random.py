"""Keeps weights by lot: what any other choice has to beat.

A control beside the methods of Lin, Kim, Joo, "FairGRAPE", ECCV 2022, whose code has one that
cannot run. With fresh weights it leaves what is then trained from scratch, a row of L. Zhang et
al., "Towards Fairness-aware Adversarial Network Pruning", ICCV 2023, which does not say how the
weights to keep are chosen there.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

import torch
from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass
from torch import nn

from trainables.learning.fresh_weights import fresh_copy
from trainables.masks import Masks
from trainables.pruners.one_shot import OneShot
from trainables.pruners.rounds import by_chance, kept_of
from trainables.stage import Context, Settings, StageRun


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class Random(Settings):
    """Keeps ceil((1 - sparsity) * its weights) of each layer, drawn uniformly.

    They are those of the newest network, or fresh ones, normal and scaled for the density (see
    `fresh_copy`).
    """

    sparsity: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.9  # share removed
    weights: Literal["given", "fresh"] = "given"

    learns_from: ClassVar[str] = "nothing"
    gained: ClassVar[frozenset[str]] = frozenset({"weights"})

    def start(self, context: Context) -> StageRun:
        def chosen(net: nn.Module, generator: torch.Generator) -> Masks:
            everything = Masks.keep_all(net)
            keep = kept_of(everything, 1.0 - self.sparsity)
            return by_chance().choose(net, everything, keep, generator).masks

        return OneShot(context, chosen, net=self._fresh(context))

    def _fresh(self, context: Context) -> nn.Module | None:
        if self.weights == "given":
            return None
        start, draws = context.latest_or_dense().net, context.generator("weights")
        return fresh_copy("random", start, "kaiming", 1.0 - self.sparsity, draws)

"""Keeps weights by lot: what any other choice has to beat.

A control beside the methods of Lin, Kim, Joo, "FairGRAPE", ECCV 2022, whose code has one that
cannot run.
"""

from __future__ import annotations

from typing import Annotated, ClassVar

import torch
from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass
from torch import nn

from trainables.masks import Masks
from trainables.pruners.one_shot import OneShot
from trainables.pruners.rounds import by_chance, kept_of
from trainables.stage import Context, Settings, StageRun


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class Random(Settings):
    """Keeps ceil((1 - sparsity) * its weights) of each layer, drawn uniformly."""

    sparsity: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.9  # share removed

    learns_from: ClassVar[str] = "nothing"

    def start(self, context: Context) -> StageRun:
        def chosen(net: nn.Module, generator: torch.Generator) -> Masks:
            everything = Masks.keep_all(net)
            keep = kept_of(everything, 1.0 - self.sparsity)
            return by_chance().choose(net, everything, keep, generator).masks

        return OneShot(context, chosen)

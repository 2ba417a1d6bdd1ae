"""Grafts Gaussian noise onto the corrupted weights, then trains all of them.

Zhang, Gao, Huang, "Recover Fair Deep Classification Models via Altering Pre-trained Structure",
ECCV 2022, section 3.3 (noise scions), after Meng et al., "Filter Grafting for Deep Neural
Networks", CVPR 2020, whose noise shrinks geometrically while training goes on.
"""

from __future__ import annotations

import math
from typing import Annotated, ClassVar

import torch
from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass
from torch import nn

from trainables.masks import MaskedNet, Masks, prunable
from trainables.recoveries.fair_tuning import FairTuning, TuningRun
from trainables.stage import Context, StageRun


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class NoiseGraft(FairTuning):
    """Weights that were removed become noise; then fair tuning of every weight.

    A layer's noise is N(0, sigma^2). Its expected l1 norm is `noise_ratio` times that of the dense
    network's weights in the same places. Each further epoch t in which the network learns begins
    with more noise, of sigma * decay^t, on top of what those weights have become. With decay = 0
    there is noise only once, at the start; with a decay close to 1 the last epochs still add
    noise, and it stays in the result. No weight is removed any more: sparsity ends at 0.
    """

    epochs: Annotated[int, Field(ge=1)] = 100
    lr: Annotated[float, Field(gt=0.0)] = 1e-3
    noise_ratio: Annotated[float, Field(ge=1.0)] = 1.5  # above 1: louder than the corrupted
    decay: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.0  # per epoch; 0: noise only once

    name: ClassVar[str] = "noise_graft"
    inputs: ClassVar[int] = 1

    def start(self, context: Context) -> StageRun:
        return _NoiseRun(self, context)


class _NoiseRun(TuningRun):
    def __init__(self, settings: NoiseGraft, context: Context) -> None:
        pruned = context.latest(settings.name).clone()
        super().__init__(settings, context, MaskedNet(pruned.net, Masks.keep_all(pruned.net)))
        self._rootstock = {name: ~mask for name, mask in pruned.masks.items()}
        self._sigmas = noise_sigmas(context.dense, pruned.masks, settings.noise_ratio)
        self._decay = settings.decay
        self._add_noise(1.0, context.generator("noise"))  # removed weights are 0: noise alone
        self.trainer.recalibrate(context.generator("recalibrate"))

    def epoch(self, generator: torch.Generator) -> dict[str, float]:
        if self._decay > 0.0 and self.trainer.epochs_learned:
            self._add_noise(self._decay**self.trainer.epochs_learned, generator)
        return super().epoch(generator)

    @torch.no_grad()
    def _add_noise(self, factor: float, generator: torch.Generator) -> None:
        """Adds N(0, (factor sigma)^2) to the rootstock of each layer."""
        for name, weight in prunable(self.trainer.masked.net).items():
            rootstock = self._rootstock[name].to(weight.device)
            noise = torch.randn(weight.shape, generator=generator, dtype=weight.dtype)
            weight.add_(noise.to(weight.device) * rootstock * (factor * self._sigmas[name]))


def noise_sigmas(dense: nn.Module, masks: Masks, ratio: float) -> dict[str, float]:
    """sigma = ratio * mean|w| * sqrt(pi / 2) over a layer's removed weights w, by weight name.

    Since E|x| = sigma sqrt(2 / pi) for Gaussian x. 0 where nothing is removed.
    """
    sigmas = {}
    for name, weight in masks.check(dense).items():
        corrupted = weight.detach()[~masks[name].to(weight.device)]
        mean = float(corrupted.abs().mean()) if corrupted.numel() else 0.0
        sigmas[name] = ratio * mean * math.sqrt(math.pi / 2)
    return sigmas

"""Tries randomly perturbed copies of the network and keeps the one with the best fair threshold.

Savani, White, Govindarajulu, "Intra-Processing Methods for Debiasing Neural Networks", NeurIPS
2020, arXiv:2006.08564, random perturbation. The unperturbed network is among the tries.
"""

from __future__ import annotations

import math
from typing import Annotated, ClassVar

import torch
from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass

from trainables.recoveries.best_net import TryingRun
from trainables.stage import Context, Settings, StageRun

BLOCK = 10  # tries of an epoch: about the work of training for one or two epochs on debias


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class RandomPerturbation(Settings):
    """Multiplies every parameter by 1 + stddev * n with n ~ N(0, 1); each try begins anew.

    Batch normalisation's scales and shifts are parameters too, its running statistics are not.
    Masks stay. An epoch is ten tries, so that there are few evaluations.
    """

    stddev: Annotated[float, Field(gt=0.0, allow_inf_nan=False)] = 0.1
    tries: Annotated[int, Field(ge=1)] = 101  # beside the unperturbed network

    learns_from: ClassVar[str] = "debias"

    def start(self, context: Context) -> StageRun:
        return _Perturbing(self, context)


class _Perturbing(TryingRun):
    def __init__(self, settings: RandomPerturbation, context: Context) -> None:
        super().__init__("random_perturbation", context)
        self.epochs = math.ceil(settings.tries / BLOCK)
        self._settings = settings

    def epoch(self, generator: torch.Generator) -> dict[str, float]:
        for _ in range(min(BLOCK, self._settings.tries - self._done)):
            self._perturb(generator)
            self._best.offer(self._tried)
            self._done += 1
        return self._best.losses()

    @torch.no_grad()
    def _perturb(self, generator: torch.Generator) -> None:
        start = self._best.start.net.parameters()
        for parameter, original in zip(self._tried.net.parameters(), start, strict=True):
            noise = torch.randn(original.shape, generator=generator).to(original)
            parameter.copy_(original * (1.0 + self._settings.stddev * noise))
        self._tried.masks.apply_(self._tried.net)

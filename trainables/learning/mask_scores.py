"""Masks of the weights with the largest scores, learned through straight-through gradients.

Ramanujan, Wortsman, Kembhavi, Farhadi, Rastegari, "What's Hidden in a Randomly Weighted Neural
Network?", CVPR 2020, arXiv:1911.13299 (edge-popup). The paper keeps the largest scores, its
released code, which we follow, the largest absolute ones. So a score below 0 gets the gradient of
its absolute value, with the sign turned round.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from trainables.learning.flat_mask import FlatWeights
from trainables.masks import keep_largest, kept_count
from trainables.optimizers import SGD, Adam
from trainables.stage import State, snapshot

ScoreInit = Literal["magnitude", "kaiming"]


@dataclass(frozen=True)
class ScoreSettings:
    """How many weights stay, how their scores start, and how they learn."""

    density: float  # share of the weights kept, in (0, 1]
    lr: float
    optimizer: Literal["sgd", "adam"] = "sgd"
    momentum: float = 0.9  # of SGD
    weight_decay: float = 5e-4  # of the scores: it pulls them towards 0
    scope: Literal["layer", "global"] = "layer"  # the share is that of each layer | of all
    init: ScoreInit = "magnitude"  # |w| / max|w| of the layer | uniform, +-1/sqrt(inputs)


class MaskScores:
    """One score s per weight, and the mask M of the k weights with the largest |s|.

    k is the number of weights times the density, rounded up: of each layer, or of all together.
    Of equal scores that of the lower index is kept.
    """

    def __init__(
        self, weights: FlatWeights, settings: ScoreSettings, generator: torch.Generator
    ) -> None:
        """`generator` lives on the CPU."""
        self.weights = weights
        self.scores = torch.cat(
            [
                _initial(theta, settings.init, generator).flatten()
                for theta in weights.views(weights.frozen).values()
            ]
        )
        self.optimizer = _optimizer(self.scores, settings)
        self.scores.grad = weights.slopes
        self._pieces = list(
            zip(weights.cut(weights.slopes), weights.cut(self.scores), strict=True)
        )
        self._sizes = torch.empty_like(self.scores)  # |s|
        self._mask = torch.empty_like(self.scores)  # 0 or 1: products with bools are slower
        together = [weights.size]  # how many scores are compared with one another
        if settings.scope == "layer":
            together = [theta.numel() for theta in weights.parameters.values()]
        self._compared = [
            (sizes, mask, kept_count(len(sizes), settings.density))
            for sizes, mask in zip(
                self._sizes.split(together), self._mask.split(together), strict=True
            )
        ]

    def set_lr(self, lr: float) -> None:
        for group in self.optimizer.param_groups:
            group["lr"] = lr

    @torch.no_grad()
    def mask(self) -> Tensor:
        """M, a new flat bool tensor (size,)."""
        return self._chosen() > 0

    def select(self) -> None:
        """Writes theta * M, for the M of the scores as they are."""
        self.weights.write(self._chosen())

    @torch.no_grad()
    def _chosen(self) -> Tensor:
        """M as zeros and ones (size,), written over by the next one."""
        torch.abs(self.scores, out=self._sizes)
        for sizes, mask, kept in self._compared:
            keep_largest(sizes, kept, out=mask)
        return self._mask

    def step(self, outputs: Tensor, slope: Tensor | None = None) -> None:
        """One step of the scores down a loss, of which `slope` is the gradient at `outputs`.

        `outputs` is the loss () itself, or what a network said. The slope of M by |s| is taken to
        be 1, so that dL/ds = theta * dL/dw * sign(s).
        """
        self.weights.gradient(outputs, slope)
        with torch.no_grad():
            for gradient, scores in self._pieces:
                gradient.mul_(scores.sign())
            self.optimizer.step()

    def state_dict(self) -> State:
        return snapshot({"scores": self.scores, "optimizer": self.optimizer.state_dict()})

    def load_state_dict(self, state: State) -> None:
        with torch.no_grad():
            self.scores.copy_(state["scores"])
        self.optimizer.load_state_dict(snapshot(state["optimizer"]))


def _initial(theta: Tensor, init: ScoreInit, generator: torch.Generator) -> Tensor:
    """The first scores of a layer with the weights `theta`."""
    if init == "magnitude":
        sizes = theta.abs()
        return sizes / sizes.max().clamp_min(torch.finfo(sizes.dtype).tiny)
    drawn = torch.empty(theta.shape, dtype=theta.dtype)
    nn.init.kaiming_uniform_(drawn, a=math.sqrt(5), generator=generator)
    return drawn.to(theta.device)


def _optimizer(scores: Tensor, settings: ScoreSettings) -> Optimizer:
    if settings.optimizer == "adam":
        decay = settings.weight_decay
        return Adam([scores], lr=settings.lr, weight_decay=decay, fused=True)
    return SGD(
        [scores],
        lr=settings.lr,
        momentum=settings.momentum,
        weight_decay=settings.weight_decay,
        fused=True,
    )

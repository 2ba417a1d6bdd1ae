"""Learns which weights of the frozen dense network make up a fair sub-network.

Zhang, Gao, Huang, "Recover Fair Deep Classification Models via Altering Pre-trained Structure",
ECCV 2022, section 3.2 and algorithm 1. The paper does not give the loss, the logits' start and
their learning rate; these are settings here. It keeps the last mask. Since its regulariser pushes
the density down to the target but never up again, we keep the best mask of all epochs.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Annotated, ClassVar, Literal

import torch
from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass as settings_dataclass

from trainables.learning.fair_loss import BiasFrom, FairLoss
from trainables.learning.flat_mask import LARGEST_LOGIT, DensityPull, LogitSettings, MaskLogits
from trainables.learning.learned_mask import LearnedMask
from trainables.learning.phi import held_back_phi
from trainables.masks import MaskedNet
from trainables.stage import Context, Settings, StageRun, State, finite, snapshot

_BIAS_FROM: dict[str, BiasFrom] = {"fair": "soft", "critic": "critic", "plain": "nothing"}


@settings_dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class MaskDiscovery(Settings):
    """Trains one logit per weight on loss + beta log(max(density, keep_target) / keep_target).

    Under Adam a logit falls by about `lr` per step. So a weight can only be removed if epochs *
    batches per epoch * lr is well above `logit_init`; three times is a fair rule. The result is
    the epoch of the largest Phi on held-back rows among those whose density is at most keep_target
    + density_tolerance. If there is none, it is the epoch of the smallest density, and the
    reported `density_reached` is 0.
    """

    epochs: Annotated[int, Field(ge=1)] = 80
    keep_target: Annotated[float, Field(gt=0.0, le=1.0)] = 0.1  # tau, share of weights kept
    beta: Annotated[float, Field(ge=0.0)] = 5.0
    lr: Annotated[float, Field(gt=0.0)] = 0.05  # of the logits
    logit_init: Annotated[float, Field(gt=0.0, le=LARGEST_LOGIT)] = 3.0
    loss: Literal["fair", "critic", "plain"] = "fair"
    slope: Annotated[float, Field(ge=0.0)] = 20.0
    delta: Annotated[float, Field(ge=0.0)] = 0.02  # .01 is usual for images
    batch_size: Annotated[int, Field(ge=2)] = 64
    ste: Literal["logit", "noisy"] = "logit"  # where the straight-through slope is taken
    noise: bool = True
    floor: bool = False  # always keep one weight per output
    density_tolerance: Annotated[float, Field(ge=0.0)] = 0.02
    critic_lr: Annotated[float, Field(gt=0.0)] = 1e-3

    learns_from: ClassVar[str] = "debias"
    starts_from_dense: ClassVar[bool] = True

    def start(self, context: Context) -> StageRun:
        return _Discovery(self, context)


@dataclass(frozen=True)
class _Best:
    """What the mask of an epoch is worth; the best one is kept."""

    epoch: int = -1  # -1: none yet
    phi: float = 0.0
    density: float = 2.0
    reached: bool = False  # density low enough

    def beaten_by(self, other: _Best) -> bool:
        if self.reached != other.reached:
            return other.reached
        return other.phi > self.phi if self.reached else other.density < self.density


class _Discovery(StageRun):
    def __init__(self, settings: MaskDiscovery, context: Context) -> None:
        self.epochs = settings.epochs
        self._settings = settings
        self._context = context
        self._data = context.data
        self._masked = LearnedMask(context, context.dense, settings.learns_from)
        logits = LogitSettings(
            initial=settings.logit_init,
            lr=settings.lr,
            ste=settings.ste,
            noise=settings.noise,
            floor=settings.floor,
        )
        self._logits = MaskLogits(self._masked.weights, logits)
        self._pull = DensityPull(settings.beta, settings.keep_target)
        self._net = self._masked.net
        self._loss = FairLoss(
            context,
            self._net,
            bias_from=_BIAS_FROM[settings.loss],
            slope=settings.slope,
            delta=settings.delta,
            critic_lr=settings.critic_lr,
        )
        self._done = 0
        self._best = _Best()
        self._best_mask = self._masked.mask
        self._best_buffers = self._masked.buffers()

    def epoch(self, generator: torch.Generator) -> dict[str, float]:
        self._pass(generator, self._logits.noise_generator(generator))
        losses = finite("mask_discovery", self._loss.means())  # before NaN scores are counted
        self._done += 1
        losses |= self._judge(generator)
        if self._done == self.epochs:
            self._masked.set_mask(self._best_mask)
            self._net.load_state_dict(self._best_buffers, strict=False)
        return losses

    def _pass(self, generator: torch.Generator, noise: torch.Generator) -> None:
        """One pass over debias (algorithm 1, lines 3-7)."""
        net, logits, size = self._net, self._logits, self._settings.batch_size
        with self._masked.learning(), self._loss.watching(net, self._masked.leaf):
            for batch in self._data.whole_batches("debias", size, generator):
                logits.sample(noise)
                slopes = self._loss.slopes(batch)
                loss = self._loss.of(net, batch) if slopes is None else slopes
                logits.step(loss, self._pull)

    def _judge(self, generator: torch.Generator) -> dict[str, float]:
        """Density and Phi without noise; remembers the mask if it is the best so far."""
        settings, context = self._settings, self._context
        objective = context.objective
        mask = self._logits.mask()
        self._masked.show(mask, generator)
        density = self._masked.result().masks.density
        judged = _Best(
            epoch=self._done,
            phi=held_back_phi(self._net, self._data, objective, context.seed, objective.tolerance),
            density=density,
            reached=density <= settings.keep_target + settings.density_tolerance,
        )
        if self._best.beaten_by(judged):
            self._best, self._best_mask = judged, mask
            self._best_buffers = self._masked.buffers()
        return {
            "density": judged.density,
            "phi": judged.phi,
            "density_reached": float(self._best.reached),
        }

    def result(self) -> MaskedNet:
        return self._masked.result()

    def state_dict(self) -> State:
        return {
            **self._masked.state_dict(),
            "logits": self._logits.state_dict(),
            "loss": self._loss.state_dict(),
            "done": self._done,
            "best": asdict(self._best),
            "best_mask": self._best_mask.clone(),
            "best_buffers": snapshot(self._best_buffers),
        }

    def load_state_dict(self, state: State) -> None:
        self._masked.load_state_dict(state)
        self._logits.load_state_dict(state["logits"])
        self._loss.load_state_dict(state["loss"])
        self._done = state["done"]
        self._best = _Best(**state["best"])
        self._best_mask = state["best_mask"].to(self._context.device, copy=True)
        self._best_buffers = snapshot(state["best_buffers"])

"""Fine-tunes the kept weights by cross-entropy that is multiplied while batches are biased.

Savani, White, Govindarajulu, "Intra-Processing Methods for Debiasing Neural Networks", NeurIPS
2020, arXiv:2006.08564, algorithm 3; as Prune + Adv.Ft in Zhang, Gao, Huang, "Recover Fair Deep
Classification Models via Altering Pre-trained Structure", ECCV 2022, section 4.1. Instead of
blocks of critic and of actor steps, each batch gives one of both, and an epoch is one pass.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

import torch
from pydantic import ConfigDict, Field, model_validator
from pydantic.dataclasses import dataclass

from trainables.batch_norm import batch_statistics
from trainables.batches import recalibrate_batch_norm
from trainables.fair_loss import FairLoss
from trainables.masks import MaskedNet, Masks
from trainables.stage import Context, Run, State, finite
from trainables.training import MaskedOptimizer, adam, schedule_factor, snapshot


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class Adversarial:
    """Adam on the kept weights of the newest result, or of the dense network; masks stay.

    The bias in the multiplier is the critic's prediction for the batch or, with "soft", the soft
    bias itself. During the first `critic_warmup` of the `epochs` only the critic learns ("soft"
    has none of those). The learning rate rises over `warmup_steps` steps and then falls along a
    cosine. The bias of a small batch is mostly sampling noise, which the multiplier punishes too:
    where cells are small or rates mix labels (spd), batches of 256 keep the accuracy that 64 lose.
    """

    epochs: Annotated[int, Field(ge=1)] = 90
    lr: Annotated[float, Field(gt=0.0)] = 0.01
    warmup_steps: Annotated[int, Field(ge=0)] = 5
    slope: Annotated[float, Field(ge=0.0)] = 20.0
    delta: Annotated[float, Field(ge=0.0)] = 0.02  # .01 is usual for images
    batch_size: Annotated[int, Field(ge=2)] = 64
    bias_from: Literal["critic", "soft"] = "critic"
    critic_lr: Annotated[float, Field(gt=0.0)] = 1e-3
    critic_warmup: Annotated[int, Field(ge=0)] = 1  # epochs

    inputs: ClassVar[int] = 0
    learns_from: ClassVar[str] = "debias"

    @model_validator(mode="after")
    def _network_gets_its_turn(self) -> Adversarial:
        if self.bias_from == "critic" and self.critic_warmup >= self.epochs:
            raise ValueError(
                f"adversarial: critic_warmup must be below epochs = {self.epochs}, "
                f"got {self.critic_warmup}"
            )
        return self

    def start(self, context: Context) -> Run:
        return _FineTuning(self, context)


class _FineTuning(Run):
    def __init__(self, settings: Adversarial, context: Context) -> None:
        self.epochs = settings.epochs
        self._settings = settings
        self._data = context.data
        self._masked = _newest(context).clone()
        net = self._masked.net
        self._optimizer = MaskedOptimizer(net, self._masked.masks, adam(net, settings.lr))
        self._loss = FairLoss(
            context,
            net,
            bias_from=settings.bias_from,
            slope=settings.slope,
            delta=settings.delta,
            critic_lr=settings.critic_lr,
        )
        self._warmup = settings.critic_warmup if settings.bias_from == "critic" else 0  # epochs
        rows = len(context.data.part("debias"))
        self._batches = max(1, rows // settings.batch_size)  # of an epoch
        self._done = 0

    def epoch(self, generator: torch.Generator) -> dict[str, float]:
        net = self._masked.net
        actor = self._done >= self._warmup
        with batch_statistics(net), self._loss.watching(net):
            self._pass(generator, actor=actor)
        self._done += 1
        if actor:
            recalibrate_batch_norm(net, self._data, generator)
        return finite("adversarial", self._loss.means())

    def _pass(self, generator: torch.Generator, *, actor: bool) -> None:
        settings, net = self._settings, self._masked.net
        steps = self._batches * (settings.epochs - self._warmup)
        step = self._batches * (self._done - self._warmup)
        warmup = min(settings.warmup_steps / steps, 0.5)
        for batch in self._data.epoch(
            "debias",
            settings.batch_size,
            generator,
            augment=self._data.augment,
            drop_last=True,
        ):
            with torch.set_grad_enabled(actor):
                logits = net(batch.inputs)
            loss = self._loss(logits, batch)
            if actor:
                factor = schedule_factor("cosine", step / steps, warmup)
                self._optimizer.set_lr(settings.lr * factor)
                self._optimizer.step(loss)
                step += 1

    def result(self) -> MaskedNet:
        return self._masked

    def state_dict(self) -> State:
        return {
            "net": snapshot(self._masked.net.state_dict()),
            "optimizer": self._optimizer.state_dict(),
            "loss": self._loss.state_dict(),
            "done": self._done,
        }

    def load_state_dict(self, state: State) -> None:
        self._masked.net.load_state_dict(state["net"])
        self._optimizer.load_state_dict(state["optimizer"])
        self._loss.load_state_dict(state["loss"])
        self._done = state["done"]


def _newest(context: Context) -> MaskedNet:
    if context.incoming:
        return context.incoming[-1]
    return MaskedNet(context.dense, Masks.keep_all(context.dense))

"""What every recovery that trains weights for fairness shares: settings, a trainer, a run.

Savani, White, Govindarajulu, "Intra-Processing Methods for Debiasing Neural Networks", NeurIPS
2020, arXiv:2006.08564 (adversarial fine-tuning). Instead of blocks of critic and of actor steps,
each batch gives one of both, and an epoch is one pass.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import nullcontext
from typing import Annotated, ClassVar, Literal

import torch
from pydantic import ConfigDict, Field, model_validator
from pydantic.dataclasses import dataclass
from torch import Tensor, nn

from trainables.data.batches import Batch, recalibrate_batch_norm
from trainables.learning.fair_loss import FairLoss
from trainables.learning.training import MaskedOptimizer, adam, batch_statistics, schedule_factor
from trainables.masks import MaskedNet
from trainables.stage import Context, Settings, StageRun, State, finite, snapshot

ALONE = 8  # passes over debias of an epoch in which only the critic learns
StepLoss = Callable[[Batch], Tensor]  # the loss () that a step goes down
AfterStep = Callable[[float], None]  # called with the step's learning rate, gradients at hand


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class FairTuning(Settings):
    """Adam on cross-entropy that is multiplied while batches are biased (FairLoss).

    The bias in the multiplier is what the critic predicts for the batch or, with "soft", the soft
    bias itself. During the first `critic_warmup` of the `epochs` only the critic learns, in
    `ALONE` passes each ("soft" has no such epochs). Then it takes `critic_steps` on each batch:
    one that falls behind punishes what is no bias. The learning rate rises from 0 over
    `warmup_steps` steps; then it falls along a cosine, or stays.

    The bias of a small batch is mostly sampling noise, and the multiplier punishes that too. Where
    cells are small or rates mix labels (spd), batches of 256 keep the accuracy that 64 lose.
    """

    epochs: Annotated[int, Field(ge=1)] = 90
    lr: Annotated[float, Field(gt=0.0)] = 0.01
    warmup_steps: Annotated[int, Field(ge=0)] = 5
    schedule: Literal["cosine", "constant"] = "cosine"
    slope: Annotated[float, Field(ge=0.0)] = 20.0
    delta: Annotated[float, Field(ge=0.0)] = 0.02  # .01 is usual for images
    batch_size: Annotated[int, Field(ge=2)] = 64
    bias_from: Literal["critic", "soft"] = "critic"
    critic_lr: Annotated[float, Field(gt=0.0)] = 1e-2
    critic_steps: Annotated[int, Field(ge=1)] = 3  # on each batch
    critic_warmup: Annotated[int, Field(ge=0)] = 1  # epochs

    name: ClassVar[str] = "fair_tuning"  # the registry's, for messages
    learns_from: ClassVar[str] = "debias"
    gained: ClassVar[frozenset[str]] = frozenset({"critic_steps"})

    @model_validator(mode="after")
    def _network_gets_its_turn(self) -> FairTuning:
        if self.bias_from == "critic" and self.critic_warmup >= self.epochs:
            raise ValueError(
                f"{self.name}: critic_warmup must be below epochs = {self.epochs}, "
                f"got {self.critic_warmup}"
            )
        return self


def fair_loss(settings: FairTuning, context: Context, net: nn.Module) -> FairLoss:
    """The loss of fair tuning for `net`, with a critic of its own where there is one."""
    return FairLoss(
        context,
        net,
        bias_from=settings.bias_from,
        slope=settings.slope,
        delta=settings.delta,
        critic_lr=settings.critic_lr,
        critic_steps=settings.critic_steps,
    )


class FairTrainer:
    """Trains the kept weights of one network, in place, a pass over debias at a time.

    `masked` must be the trainer's own. Its removed weights stay 0, all others are trained.
    """

    def __init__(self, settings: FairTuning, context: Context, masked: MaskedNet) -> None:
        self.masked = masked
        net = masked.net
        self.optimizer = MaskedOptimizer(
            net, masked.masks, adam(net, settings.lr), fused=context.data.fused
        )
        self._settings = settings
        self._data = context.data
        self._loss = fair_loss(settings, context, net)
        self._warmup = settings.critic_warmup if settings.bias_from == "critic" else 0  # epochs
        self._rows = len(context.data.part("debias"))
        self._batches = max(1, self._rows // settings.batch_size)  # of an epoch
        self._done = 0
        self.rows_taken = 0  # of debias, each as often as it was taken in the latest pass

    @property
    def epochs_learned(self) -> int:
        """Finished passes in which the network itself was trained, not only the critic."""
        return max(0, self._done - self._warmup)

    @property
    def learning(self) -> bool:
        """Whether the next pass trains the network, too."""
        return self._done >= self._warmup

    def pass_over(
        self,
        generator: torch.Generator,
        step_loss: StepLoss | None = None,
        after_step: AfterStep | None = None,
        also: FairLoss | None = None,
    ) -> dict[str, float]:
        """One pass over debias; the means of what `loss` saw meanwhile, by name.

        While only the critic learns they are several, which count as one.
        A step goes down what `step_loss` computes, from as many calls of `loss` as it likes;
        without it, it is one call. `after_step` trains what else took part, by the gradients of
        the same step. `also` is a second loss that `step_loss` asks for. Normalisations use the
        statistics of the batch; their running ones are not updated. Raises FloatingPointError
        where a mean is not finite.
        """
        net = self.masked.net
        second = nullcontext() if also is None else also.watching(net)
        passes = 1 if self.learning else ALONE
        with batch_statistics(net), self._loss.watching(net, self.optimizer.leaf), second:
            for _ in range(passes):
                self._steps(generator, step_loss, after_step)
            known = self._loss.critic_r2(net, self._settings.batch_size)
        self._done += 1
        self.rows_taken = passes * self._rows
        return finite(self._settings.name, self._loss.means() | known)

    def _steps(
        self,
        generator: torch.Generator,
        step_loss: StepLoss | None,
        after_step: AfterStep | None,
    ) -> None:
        settings, learning = self._settings, self.learning
        steps = self._batches * (settings.epochs - self._warmup)
        step = self._batches * (self._done - self._warmup)
        warmup = min(settings.warmup_steps / steps, 0.5)
        for batch in self._data.whole_batches("debias", settings.batch_size, generator):
            slopes = self._loss.slopes(batch) if learning and step_loss is None else None
            loss = (step_loss or self.loss)(batch) if slopes is None else slopes
            if learning:
                lr = settings.lr * schedule_factor(settings.schedule, step / steps, warmup)
                self.optimizer.set_lr(lr)
                self.optimizer.step(loss)
                if after_step is not None:
                    after_step(lr)
                step += 1

    def loss(
        self,
        batch: Batch,
        replaced: Mapping[str, Tensor] | None = None,
        fair: FairLoss | None = None,
    ) -> Tensor:
        """Forward pass and fair loss () of a batch, within `pass_over` only.

        `replaced` tensors take the place of parameters and buffers of the network by name in this
        pass, and get gradients. A network made so has a loss `fair` of its own, see `pass_over`.
        The critic takes its step on what it sees.
        """
        return (fair or self._loss).of(self.masked.net, batch, replaced, learning=self.learning)

    def recalibrate(self, generator: torch.Generator) -> None:
        """Estimates the running statistics of the network's normalisations anew."""
        recalibrate_batch_norm(self.masked.net, self._data, generator)

    def state_dict(self) -> State:
        return {
            "net": snapshot(self.masked.net.state_dict()),
            "optimizer": self.optimizer.state_dict(),
            "loss": self._loss.state_dict(),
            "done": self._done,
        }

    def load_state_dict(self, state: State) -> None:
        self.masked.net.load_state_dict(state["net"])
        self.optimizer.load_state_dict(state["optimizer"])
        self._loss.load_state_dict(state["loss"])
        self._done = state["done"]


class TuningRun(StageRun):
    """A stage that is one trainer from its first to its last epoch."""

    def __init__(self, settings: FairTuning, context: Context, masked: MaskedNet) -> None:
        self.epochs = settings.epochs
        self.trainer = FairTrainer(settings, context, masked)

    def epoch(self, generator: torch.Generator) -> dict[str, float]:
        learning = self.trainer.learning
        losses = self.trainer.pass_over(generator)
        self.samples = self.trainer.rows_taken
        if learning:
            self.trainer.recalibrate(generator)
        return losses

    def result(self) -> MaskedNet:
        return self.trainer.masked

    def state_dict(self) -> State:
        return self.trainer.state_dict()

    def load_state_dict(self, state: State) -> None:
        self.trainer.load_state_dict(state)

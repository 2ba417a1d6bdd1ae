"""Empirical risk minimisation: the ordinary training that makes the unfair dense network.

Settings of Savani, White, Govindarajulu, "Intra-Processing Methods for Debiasing Neural Networks",
NeurIPS 2020, arXiv:2006.08564 (released code): Adam 1e-3, batches of 64, at most 1001 epochs,
learning rate reduced on a plateau, early stopping checked every 10 epochs with a patience of 10
checks. We deviate in two points. The best weights are copied; theirs are a reference, which
training goes on to change. The plateau's patience is counted in checks and is shorter than that of
early stopping, so that a lower rate can take effect.
"""

from __future__ import annotations

import copy
from typing import ClassVar

import torch
from pydantic import ConfigDict
from pydantic.dataclasses import dataclass

from trainables.data.batches import loss_of
from trainables.dense.early_stopping import FromScratch, Learner, Training
from trainables.learning.training import train_epoch
from trainables.stage import Context, StageRun


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class Erm(FromScratch):
    """Cross-entropy on train; keeps the weights with the smallest early-stopping loss."""

    name: ClassVar[str] = "erm"

    def start(self, context: Context) -> StageRun:
        start = copy.deepcopy(context.start_of_training(self.name))
        return Training(self, _CrossEntropy(self, context, start))


class _CrossEntropy(Learner):
    def pass_over(self, done: int, generator: torch.Generator) -> dict[str, float]:
        loss = train_epoch(
            self.net, self.optimizer, self.data, "train", self.batch_size, generator
        )
        return {"loss": loss}

    def early_stop_loss(self) -> float:
        return loss_of(self.net, self.data, "early_stop")

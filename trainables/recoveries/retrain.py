"""Trains the kept weights on, by cross-entropy alone.

The fine-tuning of Han, Pool, Tran, Dally, NeurIPS 2015, arXiv:1506.02626; with schedule "steps"
the final retraining of Lin, Kim, Joo, "FairGRAPE", ECCV 2022 (released code: rates 1, 1/10
and 1/100 for 13, 3 and 3 epochs), where we keep one optimizer instead of a new one per stage.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

import torch
from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass

from trainables.learning.training import (
    MaskedOptimizer,
    Schedule,
    adam,
    schedule_factor,
    train_epoch,
)
from trainables.masks import MaskedNet
from trainables.stage import Context, Settings, StageRun, State, finite, snapshot


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class Retrain(Settings):
    """Adam on the kept weights; removed ones stay 0. Rows count by their weights in the split."""

    epochs: Annotated[int, Field(ge=1)] = 30
    lr: Annotated[float, Field(gt=0.0, allow_inf_nan=False)] = (
        1e-4  # Zhang et al., ICCV 2023: 30 epochs at 1e-4
    )
    batch_size: Annotated[int, Field(ge=2)] = 64
    schedule: Schedule = "cosine"  # from epoch to epoch
    learns_from: Literal["train", "debias"] = "train"

    inputs: ClassVar[int] = 1

    def start(self, context: Context) -> StageRun:
        return _Retraining(self, context)


class _Retraining(StageRun):
    def __init__(self, settings: Retrain, context: Context) -> None:
        self.epochs = settings.epochs
        self._settings = settings
        self._data = context.data
        self._masked = context.latest("retrain").clone()
        net = self._masked.net
        self._optimizer = MaskedOptimizer(
            net, self._masked.masks, adam(net, settings.lr), fused=context.data.fused
        )
        self._done = 0

    def epoch(self, generator: torch.Generator) -> dict[str, float]:
        settings = self._settings
        progress = self._done / settings.epochs
        self._optimizer.set_lr(settings.lr * schedule_factor(settings.schedule, progress))
        loss = train_epoch(
            self._masked.net,
            self._optimizer,
            self._data,
            settings.learns_from,
            settings.batch_size,
            generator,
        )
        self._done += 1
        return finite("retrain", {"loss": loss})

    def result(self) -> MaskedNet:
        return self._masked

    def state_dict(self) -> State:
        return {
            "net": snapshot(self._masked.net.state_dict()),
            "optimizer": self._optimizer.state_dict(),
            "done": self._done,
        }

    def load_state_dict(self, state: State) -> None:
        self._masked.net.load_state_dict(state["net"])
        self._optimizer.load_state_dict(state["optimizer"])
        self._done = state["done"]

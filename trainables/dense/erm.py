"""Empirical risk minimisation: the ordinary training that makes the unfair dense network.

Settings of Savani, White, Govindarajulu, "Intra-Processing Methods for Debiasing Neural Networks",
NeurIPS 2020, arXiv:2006.08564 (released code): Adam 1e-3, batches of 64, at most 1001 epochs,
learning rate reduced on a plateau, early stopping checked every 10 epochs with a patience of 10
checks. We deviate in two points: the best weights are copied (theirs are a reference that training
goes on changing), and the plateau's patience is counted in checks and shorter than that of early
stopping, so that the reduction can take effect.
"""

from __future__ import annotations

import copy
import math
from typing import Annotated, ClassVar, Literal

import torch
from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass

from trainables.batches import loss_of
from trainables.masks import MaskedNet, Masks
from trainables.stage import Context, Run, State, finite
from trainables.training import (
    MaskedOptimizer,
    adam,
    schedule_factor,
    sgd,
    snapshot,
    train_epoch,
)

Positive = Annotated[int, Field(ge=1)]


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class Erm:
    """Cross-entropy on train; keeps the weights with the smallest early-stopping loss."""

    lr: Annotated[float, Field(gt=0.0, allow_inf_nan=False)] = 1e-3
    batch_size: Annotated[int, Field(ge=2)] = 64
    max_epochs: Positive = 1001
    check_every: Positive = 10  # epochs between checks of the early-stopping loss
    patience: Positive = 10  # checks without improvement until training stops
    optimizer: Literal["adam", "sgd"] = "adam"  # sgd has momentum .9
    weight_decay: Annotated[float, Field(ge=0.0, allow_inf_nan=False)] = 0.0
    schedule: Literal["plateau", "cosine", "constant"] = "plateau"
    plateau_patience: Positive = 5  # checks without improvement until lr is divided by 10

    inputs: ClassVar[int] = 0
    learns_from: ClassVar[str] = "train"

    def start(self, context: Context) -> Run:
        return _Training(self, context)


class _Training(Run):
    """`epochs` is the maximum until early stopping sets it to the epochs done."""

    def __init__(self, settings: Erm, context: Context) -> None:
        self.epochs = settings.max_epochs
        self._settings = settings
        self._data = context.data
        self._net = copy.deepcopy(context.untrained).to(context.device)
        self._masks = Masks.keep_all(self._net)
        make = adam if settings.optimizer == "adam" else sgd
        optimizer = make(self._net, settings.lr, weight_decay=settings.weight_decay)
        self._optimizer = MaskedOptimizer(self._net, self._masks, optimizer)
        self._done = 0
        self._reductions = 0  # of the learning rate
        self._best_loss = math.inf
        self._best: State | None = None
        self._checks_since_best = 0

    def epoch(self, generator: torch.Generator) -> dict[str, float]:
        settings = self._settings
        self._optimizer.set_lr(settings.lr * self._lr_factor())
        loss = train_epoch(
            self._net, self._optimizer, self._data, "train", settings.batch_size, generator
        )
        self._done += 1
        losses = finite("erm", {"loss": loss})
        if self._done % settings.check_every == 0 or self._done == settings.max_epochs:
            early_stop = loss_of(self._net, self._data, "early_stop")
            losses |= finite("erm", {"early_stop": early_stop})
            self._check(early_stop)
        return losses

    def _lr_factor(self) -> float:
        if self._settings.schedule == "cosine":
            return schedule_factor("cosine", self._done / self._settings.max_epochs)
        return 0.1**self._reductions

    def _check(self, loss: float) -> None:
        """Keeps the best weights; reduces the learning rate and stops without improvement."""
        if loss < self._best_loss:
            self._best_loss = loss
            self._best = snapshot(self._net.state_dict())
            self._checks_since_best = 0
            return
        self._checks_since_best += 1
        plateau = self._checks_since_best % self._settings.plateau_patience == 0
        if plateau and self._settings.schedule == "plateau":
            self._reductions += 1
        if self._checks_since_best >= self._settings.patience:
            self.epochs = self._done

    def result(self) -> MaskedNet:
        """The best network so far; before the first check the current one."""
        net = copy.deepcopy(self._net)
        if self._best is not None:
            net.load_state_dict(self._best)
        return MaskedNet(net, self._masks)

    def state_dict(self) -> State:
        return {
            "net": snapshot(self._net.state_dict()),
            "optimizer": self._optimizer.state_dict(),
            "best": None if self._best is None else snapshot(self._best),
            "best_loss": self._best_loss,
            "checks_since_best": self._checks_since_best,
            "reductions": self._reductions,
            "done": self._done,
            "epochs": self.epochs,
        }

    def load_state_dict(self, state: State) -> None:
        self._net.load_state_dict(state["net"])
        self._optimizer.load_state_dict(state["optimizer"])
        self._best = None if state["best"] is None else snapshot(state["best"])
        self._best_loss = state["best_loss"]
        self._checks_since_best = state["checks_since_best"]
        self._reductions = state["reductions"]
        self._done = state["done"]
        self.epochs = state["epochs"]

"""How every dense stage trains from scratch: schedule, checks, the weights that are kept.

A Learner says what an epoch does with the network. When to check, to slow down and to stop is the
same for all of them.
"""

from __future__ import annotations

import copy
import math
from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import Annotated, ClassVar, Literal

import torch
from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass
from torch import nn

from trainables.data.batches import Batch
from trainables.learning.training import MaskedOptimizer, adam, schedule_factor, sgd
from trainables.masks import MaskedNet, Masks
from trainables.stage import Context, EarlierWeights, Settings, StageRun, State, finite, snapshot

Positive = Annotated[int, Field(ge=1)]


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class FromScratch(Settings):
    """The settings that all dense stages share; defaults are those of ordinary training.

    With keep "best" the result has the weights of the check with the smallest loss, and training
    stops after `patience` checks without a smaller one. With "last" all epochs are done, and the
    result is the network as it stands, so that every epoch of a trial offers another candidate.
    """

    lr: Annotated[float, Field(gt=0.0, allow_inf_nan=False)] = 1e-3
    batch_size: Annotated[int, Field(ge=2)] = 64
    max_epochs: Positive = 1001
    check_every: Positive = 10  # epochs between checks of the early-stopping loss
    patience: Positive = 10  # checks without improvement until training stops
    optimizer: Literal["adam", "sgd"] = "adam"  # sgd has momentum .9
    weight_decay: Annotated[float, Field(ge=0.0, allow_inf_nan=False)] = 0.0
    # quarters: divided by 10 after each quarter of the epochs
    schedule: Literal["plateau", "cosine", "quarters", "constant"] = "plateau"
    plateau_patience: Positive = 5  # checks without improvement until lr is divided by 10
    keep: Literal["best", "last"] = "best"

    name: ClassVar[str] = "from_scratch"  # the registry's, for messages
    learns_from: ClassVar[str] = "train"

    @property
    def needs(self) -> frozenset[EarlierWeights]:
        return frozenset({"initial"})


class Learner(ABC):
    """What an epoch does. It owns the network and whatever is trained beside it."""

    def __init__(self, settings: FromScratch, context: Context, net: nn.Module) -> None:
        """`net` must be the learner's own; it is moved to the context's device."""
        self.data = context.data
        self.net = net.to(context.device)
        self.masks = Masks.keep_all(self.net)
        self.batch_size = settings.batch_size
        make = adam if settings.optimizer == "adam" else sgd
        optimizer = make(self.net, settings.lr, weight_decay=settings.weight_decay)
        self.optimizer = MaskedOptimizer(self.net, self.masks, optimizer, fused=context.data.fused)

    def batches(self, generator: torch.Generator) -> Iterator[Batch]:
        """One pass over train, images augmented where the data say so."""
        return self.data.epoch("train", self.batch_size, generator, augment=self.data.augment)

    @abstractmethod
    def pass_over(self, done: int, generator: torch.Generator) -> dict[str, float]:
        """One epoch over train after `done` others; its mean losses by name."""

    @abstractmethod
    def early_stop_loss(self) -> float:
        """What training is meant to make small, on the early-stopping rows."""

    def finished(self, net: nn.Module) -> MaskedNet:
        """What the stage leaves, made of a copy `net` of the network with the kept weights."""
        return MaskedNet(net, self.masks)

    def state_dict(self) -> State:
        return {
            "net": snapshot(self.net.state_dict()),
            "optimizer": self.optimizer.state_dict(),
        }

    def load_state_dict(self, state: State) -> None:
        self.net.load_state_dict(state["net"])
        self.optimizer.load_state_dict(state["optimizer"])


class Training(StageRun):
    """A learner from first to last epoch. `epochs` becomes less where training stops early."""

    def __init__(self, settings: FromScratch, learner: Learner) -> None:
        self.epochs = settings.max_epochs
        self.learner = learner
        self._settings = settings
        self._done = 0
        self._reductions = 0  # of the learning rate
        self._best_loss = math.inf
        self._best: State | None = None  # the network's weights, where the best are kept
        self._checks_since_best = 0

    def epoch(self, generator: torch.Generator) -> dict[str, float]:
        settings = self._settings
        self.learner.optimizer.set_lr(settings.lr * self._lr_factor())
        losses = finite(settings.name, self.learner.pass_over(self._done, generator))
        self._done += 1
        if self._done % settings.check_every == 0 or self._done == settings.max_epochs:
            early_stop = self.learner.early_stop_loss()
            losses |= finite(settings.name, {"early_stop": early_stop})
            self._check(early_stop)
        return losses

    def _lr_factor(self) -> float:
        progress = self._done / self._settings.max_epochs
        if self._settings.schedule == "cosine":
            return schedule_factor("cosine", progress)
        if self._settings.schedule == "quarters":
            return 0.1 ** math.floor(4 * progress)
        return 0.1**self._reductions

    def _check(self, loss: float) -> None:
        """Keeps the best weights. Without improvement it lowers the learning rate, then stops."""
        keep_best = self._settings.keep == "best"
        if loss < self._best_loss:
            self._best_loss = loss
            self._best = snapshot(self.learner.net.state_dict()) if keep_best else None
            self._checks_since_best = 0
            return
        self._checks_since_best += 1
        plateau = self._checks_since_best % self._settings.plateau_patience == 0
        if plateau and self._settings.schedule == "plateau":
            self._reductions += 1
        if keep_best and self._checks_since_best >= self._settings.patience:
            self.epochs = self._done

    def result(self) -> MaskedNet:
        """The best network so far, or the last; before the first check the current one."""
        net = copy.deepcopy(self.learner.net)
        if self._best is not None:
            net.load_state_dict(self._best)
        return self.learner.finished(net)

    def state_dict(self) -> State:
        return {
            "learner": self.learner.state_dict(),
            "best": None if self._best is None else snapshot(self._best),
            "best_loss": self._best_loss,
            "checks_since_best": self._checks_since_best,
            "reductions": self._reductions,
            "done": self._done,
            "epochs": self.epochs,
        }

    def load_state_dict(self, state: State) -> None:
        self.learner.load_state_dict(state["learner"])
        self._best = None if state["best"] is None else snapshot(state["best"])
        self._best_loss = state["best_loss"]
        self._checks_since_best = state["checks_since_best"]
        self._reductions = state["reductions"]
        self._done = state["done"]
        self.epochs = state["epochs"]

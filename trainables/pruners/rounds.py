"""Pruning in rounds: choose masks, train what is left, choose again, then retrain to the end.

The loop of Lin, Kim, Joo, "FairGRAPE", ECCV 2022, section 3.2 and algorithm 1, and of lottery
tickets. How a round chooses its masks is a `Chooser`; what weights it starts from may be given.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from trainables.learning.training import MaskedOptimizer, adam, schedule_factor, train_epoch
from trainables.masks import MaskedNet, Masks, keep_largest, kept_count, prunable
from trainables.stage import Context, StageRun, State, finite, snapshot

_ROUNDING = 1e-9  # what floating point may add to a number of rounds


@dataclass(frozen=True)
class RoundPlan:
    """How many weights each round leaves, and how it trains them."""

    kappa: float  # share of the weights that a round keeps of those before it, in (0, 1)
    sparsity: float  # share removed at the end, in [0, 1)
    round_epochs: int  # at least 1: the statistics of batch norms have to follow the masks
    lr: float  # of Adam between two prunings
    batch_size: int
    final_epochs: int = 0  # of retraining after the last round
    final_lr: float = 1e-4  # its first rate: then a tenth, then a hundredth of it

    @property
    def densities(self) -> tuple[float, ...]:
        """The share of weights kept after each round: max(kappa^i, 1 - sparsity), i = 1, 2, ..."""
        density = 1.0 - self.sparsity
        rounds = max(1, math.ceil(math.log(density) / math.log(self.kappa) - _ROUNDING))
        return (*(max(self.kappa**i, density) for i in range(1, rounds)), density)

    @property
    def epochs_of_rounds(self) -> int:
        return len(self.densities) * self.round_epochs

    @property
    def epochs(self) -> int:
        return self.epochs_of_rounds + self.final_epochs


def kept_of(masks: Masks, density: float) -> dict[str, int]:
    """How many weights of each layer stay: ceil(density * all of the layer's weights).

    A layer is never left with more than `masks` keep of it, nor with none.
    """
    return {
        name: min(max(1, kept_count(mask.numel(), density)), int(mask.sum()))
        for name, mask in masks.items()
    }


@dataclass(frozen=True)
class Choice:
    """The masks of a round, and what it took to choose them."""

    masks: Masks
    rows: int = 0  # of train, each counted as often as it was taken
    # Layer -> share of each group in its importance, before this round removed anything
    importance: Mapping[str, list[float]] = field(default_factory=dict)
    groups: tuple[str, ...] = ()  # their names


class Chooser(ABC):
    """How a round chooses its masks."""

    def __init__(self) -> None:
        self.memory: State = {}  # what has to be known of earlier rounds; saved with the run

    @abstractmethod
    def choose(
        self, net: nn.Module, masks: Masks, keep: Mapping[str, int], generator: torch.Generator
    ) -> Choice:
        """Masks that keep `keep[name]` weights of each layer, all of them kept by `masks`.

        `net` is under `masks` and stays as it is. All draws come from `generator`.
        """


Score = Callable[[str, Tensor, torch.Generator], Tensor]  # (name, weight, generator) -> scores


class LargestScores(Chooser):
    """Keeps the weights of each layer with the largest scores; of equal ones the first."""

    def __init__(self, score: Score) -> None:
        super().__init__()
        self._score = score

    @torch.no_grad()
    def choose(
        self, net: nn.Module, masks: Masks, keep: Mapping[str, int], generator: torch.Generator
    ) -> Choice:
        chosen = {}
        for name, weight in prunable(net).items():
            scores = self._score(name, weight, generator)
            removed = ~masks[name].to(scores.device)
            chosen[name] = keep_largest(scores.masked_fill(removed, -math.inf), keep[name])
        return Choice(Masks(chosen))


def by_magnitude() -> Chooser:
    """Keeps the weights of largest magnitude (Han et al., NeurIPS 2015)."""
    return LargestScores(lambda name, weight, generator: weight.abs())


def by_chance() -> Chooser:
    """Keeps weights drawn uniformly."""
    return LargestScores(
        lambda name, weight, generator: torch.rand(weight.shape, generator=generator).to(
            weight.device
        )
    )


class RoundsRun(StageRun):
    """Rounds of pruning and masked training on train, then the final retraining.

    Each round's first epoch begins with the choice of its masks. A new Adam begins with each round
    and with the retraining, whose rates are those of schedule "steps". Worth keeping are the last
    epoch of each round and all of the retraining, which counts as part of the last round.
    """

    def __init__(
        self,
        stage: str,
        context: Context,
        plan: RoundPlan,
        chooser: Chooser,
        rewound: nn.Module | None = None,
    ) -> None:
        """`rewound` has the weights and buffers that training starts from after each pruning.

        None: it goes on with those that there are. `stage` names the stage in messages.
        """
        self.epochs = plan.epochs
        self._stage, self._plan, self._chooser = stage, plan, chooser
        self._data = context.data
        start = context.latest_or_dense().clone()
        self._net, self._masks = start.net.to(context.device), start.masks
        self._rewound = None if rewound is None else snapshot(rewound.state_dict())
        self._optimizer: MaskedOptimizer | None = None  # none before the first epoch
        self._done = 0

    def epoch(self, generator: torch.Generator) -> dict[str, float]:
        plan, done = self._plan, self._done
        retrained = done - plan.epochs_of_rounds  # finished epochs of the retraining
        final = retrained >= 0
        self.round = min(done // plan.round_epochs + 1, len(plan.densities))
        self.samples = len(self._data.part("train"))
        self.diagnostics = None
        if final:
            optimizer = self._trained_by(plan.final_lr) if retrained == 0 else self._running
            progress = retrained / plan.final_epochs
            optimizer.set_lr(plan.final_lr * schedule_factor("steps", progress))
        elif done % plan.round_epochs == 0:
            self._prune(plan.densities[self.round - 1], generator)
            optimizer = self._trained_by(plan.lr)
        else:
            optimizer = self._running
        loss = train_epoch(self._net, optimizer, self._data, "train", plan.batch_size, generator)
        self._done += 1
        self.worth_keeping = final or self._done % plan.round_epochs == 0
        return finite(self._stage, {"loss": loss})

    def _prune(self, density: float, generator: torch.Generator) -> None:
        """Puts the network under the masks of its next round."""
        keep = kept_of(self._masks, density)
        choice = self._chooser.choose(self._net, self._masks, keep, generator)
        self._masks = choice.masks
        if self._rewound is not None:
            self._net.load_state_dict(self._rewound)
        self.samples = len(self._data.part("train")) + choice.rows
        self.diagnostics = {"kept": {k: int(mask.sum()) for k, mask in choice.masks.items()}}
        if choice.importance:
            self.diagnostics["importance"] = dict(choice.importance)
            self.diagnostics["groups"] = list(choice.groups)

    def _trained_by(self, lr: float) -> MaskedOptimizer:
        """A new optimizer, which also sets the removed weights to 0."""
        self._optimizer = MaskedOptimizer(
            self._net, self._masks, adam(self._net, lr), fused=self._data.fused
        )
        return self._optimizer

    @property
    def _running(self) -> MaskedOptimizer:
        if self._optimizer is None:
            raise RuntimeError(f"{self._stage}: the first epoch has to prune")
        return self._optimizer

    def result(self) -> MaskedNet:
        return MaskedNet(self._net, self._masks)

    def state_dict(self) -> State:
        return {
            "net": snapshot(self._net.state_dict()),
            "masks": self._masks.state_dict(),
            "optimizer": None if self._optimizer is None else self._optimizer.state_dict(),
            "chooser": snapshot(self._chooser.memory),
            "done": self._done,
        }

    def load_state_dict(self, state: State) -> None:
        self._net.load_state_dict(state["net"])
        self._masks = Masks(state["masks"])
        if state["optimizer"] is not None:
            self._trained_by(self._plan.lr).load_state_dict(state["optimizer"])
        self._chooser.memory = snapshot(state["chooser"])
        self._done = state["done"]

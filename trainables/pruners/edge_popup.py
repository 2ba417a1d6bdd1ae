"""Learns by gradient descent which weights of a frozen network make up a good sub-network.

Ramanujan, Wortsman, Kembhavi, Farhadi, Rastegari, "What's Hidden in a Randomly Weighted Neural
Network?", CVPR 2020, arXiv:1911.13299 (edge-popup), which keeps as many weights of each layer; the
row SGDP of L. Zhang et al., "Towards Fairness-aware Adversarial Network Pruning", ICCV 2023, which
prunes trained networks by it. On these, scores drawn by lot would begin with a mask that destroys
the network, so that here they begin with the size of the weights.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Annotated, ClassVar, Literal

import torch
from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass
from torch import Tensor

from trainables.data.batches import Batch
from trainables.learning.fresh_weights import fresh_copy
from trainables.learning.learned_mask import LearnedMask
from trainables.learning.mask_scores import MaskScores, ScoreInit, ScoreSettings
from trainables.learning.training import MeanLoss, schedule_factor
from trainables.masks import MaskedNet
from trainables.stage import Context, NoOp, Settings, StageRun, State, finite


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class EdgePopup(Settings):
    """Moves one score per weight down the loss on train; those of largest |score| are kept.

    Of n weights of a layer ceil(n * (1 - sparsity)) stay, or with scope "global" as many of all
    together. Weights, biases and batch norms stay as they are; only the statistics of the latter
    are estimated anew before each evaluation. With `weights` "trained" they are those of the
    newest network. Else they were never trained: normal, or all of one size within a layer (see
    `fresh_copy`), and of the newest network only the architecture is used. The rate falls to 0 in
    a cosine, from epoch to epoch.
    """

    sparsity: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.8  # share removed
    epochs: Annotated[int, Field(ge=1)] = 30
    lr: Annotated[float, Field(gt=0.0, allow_inf_nan=False)] = 0.1  # of the scores
    optimizer: Literal["sgd", "adam"] = "sgd"
    momentum: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.9  # of sgd
    weight_decay: Annotated[float, Field(ge=0.0, allow_inf_nan=False)] = 5e-4  # of the scores
    batch_size: Annotated[int, Field(ge=2)] = 256
    scope: Literal["layer", "global"] = "layer"
    score_init: ScoreInit = "magnitude"  # |w| / max|w| of the layer | uniform, +-1/sqrt(inputs)
    stratified: bool = False  # every batch has train's share of each group x label
    weights: Literal["trained", "kaiming", "constant"] = "trained"

    name: ClassVar[str] = "edge_popup"
    learns_from: ClassVar[str] = "train"

    def __post_init__(self) -> None:
        if self.weights == "constant" and self.score_init == "magnitude":
            raise ValueError(
                f"{self.name}: score_init must be 'kaiming' where weights is 'constant', since "
                f"equal sizes rank no weight, got {self.score_init!r}"
            )

    @property
    def no_ops(self) -> tuple[NoOp, ...]:
        return (NoOp("changed", 0.0, "its mask never changed"),)

    def start(self, context: Context) -> StageRun:
        return ScoreTraining(self, context)


class Opponent(ABC):
    """What scores may have to get their way against, beside the task."""

    @abstractmethod
    def turned(self, slope: Tensor, logits: Tensor, batch: Batch) -> Tensor:
        """The gradient (n, outputs) that scores follow, where `slope` is the task's.

        Both are gradients at the `logits` (n, outputs), which are a leaf.
        """

    @abstractmethod
    def means(self) -> dict[str, float]:
        """Means by name since they were asked for last."""

    @abstractmethod
    def state_dict(self) -> State: ...

    @abstractmethod
    def load_state_dict(self, state: State) -> None: ...


class ScoreTraining(StageRun):
    """Scores that learn on train, against an opponent where there is one."""

    def __init__(
        self, settings: EdgePopup, context: Context, opponent: Opponent | None = None
    ) -> None:
        self.epochs = settings.epochs
        self._settings = settings
        self._data = context.data
        self._opponent = opponent
        density = 1.0 - settings.sparsity
        start = context.latest_or_dense().net
        if settings.weights != "trained":
            draws = context.generator("weights")
            start = fresh_copy(settings.name, start, settings.weights, density, draws)
        self._masked = LearnedMask(context, start, settings.learns_from)
        self._scores = MaskScores(
            self._masked.weights,
            ScoreSettings(
                density=density,
                lr=settings.lr,
                optimizer=settings.optimizer,
                momentum=settings.momentum,
                weight_decay=settings.weight_decay,
                scope=settings.scope,
                init=settings.score_init,
            ),
            context.generator("scores"),
        )
        self._masked.set_mask(self._scores.mask())
        self._done = 0

    def epoch(self, generator: torch.Generator) -> dict[str, float]:
        settings = self._settings
        progress = self._done / settings.epochs
        self._scores.set_lr(settings.lr * schedule_factor("cosine", progress))
        losses = finite(settings.name, self._pass(generator))
        self._done += 1
        mask = self._scores.mask()
        changed = float((mask != self._masked.mask).double().mean())
        self._masked.show(mask, generator)
        return losses | {"changed": changed}

    def _pass(self, generator: torch.Generator) -> dict[str, float]:
        """One pass over train; means over its rows."""
        settings, data, net = self._settings, self._data, self._masked.net
        loss = MeanLoss()
        with self._masked.learning():
            for batch in data.epoch(
                settings.learns_from,
                settings.batch_size,
                generator,
                augment=data.augment,
                stratified=settings.stratified,
            ):
                self._scores.select()
                logits = data.forward(net, batch.inputs)
                loss.add(self._step(logits, batch), len(batch))
        others = {} if self._opponent is None else self._opponent.means()
        return {"loss": loss.value(), **others}

    def _step(self, logits: Tensor, batch: Batch) -> Tensor:
        """One step of the scores, and the task's loss ().

        The gradient is turned where the network ends, so that it runs back through it once.
        """
        at = logits.detach().requires_grad_()
        loss = self._data.head.loss(at, batch.labels, batch.weights)
        (slope,) = torch.autograd.grad(loss, at)
        if self._opponent is not None:
            slope = self._opponent.turned(slope, at, batch)
        self._scores.step(logits, slope)
        return loss

    def result(self) -> MaskedNet:
        return self._masked.result()

    def state_dict(self) -> State:
        return {
            **self._masked.state_dict(),
            "scores": self._scores.state_dict(),
            "opponent": {} if self._opponent is None else self._opponent.state_dict(),
            "done": self._done,
        }

    def load_state_dict(self, state: State) -> None:
        self._masked.load_state_dict(state)
        self._scores.load_state_dict(state["scores"])
        if self._opponent is not None:
            self._opponent.load_state_dict(state["opponent"])
        self._done = state["done"]

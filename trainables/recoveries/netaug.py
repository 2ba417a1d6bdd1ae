"""Trains the sub-network together with larger ones that it is part of.

Zhang, Gao, Huang, "Recover Fair Deep Classification Models via Altering Pre-trained Structure",
ECCV 2022, section 3.3 (NetAug), after Cai, Gan, Lin, Han, "Network Augmentation for Tiny Deep
Learning", ICLR 2022, arXiv:2110.08890. The paper does not say what its diversity factor is a share
of, nor which loss is meant. Here it is a share of all prunable weights, and both losses are fair.

In each draw only some of the added weights take part. They have an Adam of their own (Kingma, Ba,
ICLR 2015, arXiv:1412.6980, algorithm 1) that counts the steps of each weight apart.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

import torch
from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass
from torch import Tensor

from trainables.data.batches import Batch
from trainables.masks import MaskedNet, prunable, removed_count
from trainables.recoveries.fair_tuning import FairTrainer, FairTuning, fair_loss
from trainables.stage import Context, StageRun, State, finite, snapshot

BETA_1, BETA_2, EPSILON = 0.9, 0.999, 1e-8  # the paper's, and torch's


class RestingAdam:
    """Adam for `values` (n,), in place, of which each step moves only some; the others rest.

    It counts the steps of each value. With one count for all of them, a value that takes part late
    would have small moments, since they start at 0, and a large count. Adam would take that for a
    long history of small gradients, and the value's first steps would be several times too long.
    """

    def __init__(self, values: Tensor) -> None:
        self.values = values
        self._first = torch.zeros_like(values)
        self._second = torch.zeros_like(values)
        self._steps = torch.zeros_like(values)

    @torch.no_grad()
    def step(self, turn: Tensor, gradient: Tensor, lr: float) -> None:
        """One step of the values at the indices `turn` (k,) down their `gradient` (k,)."""
        steps = self._steps[turn] + 1
        first = self._first[turn].lerp(gradient, 1 - BETA_1)
        second = self._second[turn].lerp(gradient.square(), 1 - BETA_2)
        mean = first / (1 - BETA_1**steps)
        spread = (second / (1 - BETA_2**steps)).sqrt()
        self.values[turn] -= lr * mean / (spread + EPSILON)
        self._steps[turn], self._first[turn], self._second[turn] = steps, first, second

    def state_dict(self) -> State:
        return snapshot(self._tensors())

    def load_state_dict(self, state: State) -> None:
        for name, tensor in self._tensors().items():
            tensor.copy_(state[name])

    def _tensors(self) -> dict[str, Tensor]:
        return {
            "values": self.values,
            "first": self._first,
            "second": self._second,
            "steps": self._steps,
        }


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class NetAug(FairTuning):
    """Fair tuning on L(theta_M) + alpha L([theta_M, theta_S]); masks stay, theta_M is the result.

    theta_M are the weights that the stage before left. S is a random subset of the weights that
    its mask removes, and theta_S their values: those of the dense network at first, then what they
    have learned so far. Weights that are not drawn rest. The two networks have batch statistics
    and critics of their own, and one step goes down the sum of both losses.
    """

    epochs: Annotated[int, Field(ge=1)] = 100
    lr: Annotated[float, Field(gt=0.0)] = 1e-3
    alpha: Annotated[float, Field(ge=0.0)] = 1.0
    diversity: Annotated[float, Field(gt=0.0, le=1.0)] = 0.05  # size of S, share of all weights
    redraw: Literal["epoch", "step"] = "epoch"  # how often S is drawn anew

    name: ClassVar[str] = "netaug"
    inputs: ClassVar[int] = 1

    def start(self, context: Context) -> StageRun:
        return _Augmenting(self, context)


class _Augmenting(StageRun):
    passes = 2

    def __init__(self, settings: NetAug, context: Context) -> None:
        self.epochs = settings.epochs
        self._settings = settings
        base = context.latest("netaug").clone()
        self._trainer = FairTrainer(settings, context, base)
        self._reserve = _Reserve(base, context, settings.diversity)
        self._loss = fair_loss(settings, context, base.net)  # of the augmented network
        # what layers note during the augmented network's passes must not reach the base's
        self._buffers = snapshot(dict(base.net.named_buffers()))

    def epoch(self, generator: torch.Generator) -> dict[str, float]:
        trainer, learning = self._trainer, self._trainer.learning

        each_step = self._settings.redraw == "step"

        def step_loss(batch: Batch) -> Tensor:
            if each_step:
                self._reserve.draw(generator)
            return self._both(batch)

        if not each_step:
            self._reserve.draw(generator)
        losses = trainer.pass_over(generator, step_loss, self._reserve.step, self._loss)
        self.samples = self.passes * trainer.rows_taken
        augmented = {f"augmented_{name}": v for name, v in self._loss.means().items()}
        if learning:
            trainer.recalibrate(generator)
        return finite("netaug", losses | augmented)

    def _both(self, batch: Batch) -> Tensor:
        """L(theta_M) + alpha L([theta_M, theta_S]) of a batch."""
        base = self._trainer.loss(batch)
        replaced = self._reserve.augmented() | self._buffers
        return base + self._settings.alpha * self._trainer.loss(batch, replaced, self._loss)

    def result(self) -> MaskedNet:
        return self._trainer.masked

    def state_dict(self) -> State:
        return {
            "trainer": self._trainer.state_dict(),
            "reserve": self._reserve.adam.state_dict(),
            "loss": self._loss.state_dict(),
            "buffers": snapshot(self._buffers),
        }

    def load_state_dict(self, state: State) -> None:
        self._trainer.load_state_dict(state["trainer"])
        self._reserve.adam.load_state_dict(state["reserve"])
        self._loss.load_state_dict(state["loss"])
        for name, buffer in self._buffers.items():
            buffer.copy_(state["buffers"][name])


class _Reserve:
    """The weights that the mask of `base` removes, and which of them take part at the moment."""

    def __init__(self, base: MaskedNet, context: Context, diversity: float) -> None:
        self._weights = prunable(base.net)
        kept = torch.cat([base.masks[name].flatten() for name in self._weights])
        dense = prunable(context.dense)
        values = torch.cat([dense[name].detach().flatten() for name in self._weights])
        self._total = len(kept)
        self._places = (~kept).nonzero().squeeze(1).to(values.device)  # in the flat weights
        self._count = min(len(self._places), removed_count(self._total, diversity))
        self.adam = RestingAdam(values[self._places])
        self._drawn = self._places[:0]  # indices into the reserve, not into the weights
        self._taking_part = values[:0]

    def draw(self, generator: torch.Generator) -> None:
        """Draws the weights that take part: S."""
        order = torch.randperm(len(self._places), generator=generator)[: self._count]
        self._drawn = order.to(self._places.device)

    def augmented(self) -> dict[str, Tensor]:
        """The weights [theta_M, theta_S] by name, with gradients to both parts."""
        self._taking_part = self.adam.values[self._drawn].requires_grad_(True)
        empty = self._taking_part.new_zeros(self._total)
        flat = empty.index_put((self._places[self._drawn],), self._taking_part)
        parts = flat.split([weight.numel() for weight in self._weights.values()])
        return {
            name: weight + part.view_as(weight)  # removed weights are 0 in the base
            for (name, weight), part in zip(self._weights.items(), parts, strict=True)
        }

    def step(self, lr: float) -> None:
        """One step of the weights that take part, once their gradients have been computed."""
        if self._taking_part.grad is not None:
            self.adam.step(self._drawn, self._taking_part.grad, lr)

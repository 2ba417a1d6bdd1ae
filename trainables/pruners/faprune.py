"""Prunes against an adversary, so that a network's outputs say nothing of the group.

L. Zhang, Wang, Dong, Feng, Pang, Zhang, Ren, "Towards Fairness-aware Adversarial Network Pruning",
ICCV 2023 (FAPrune), section 4 and algorithm 1. The sign of its discriminator losses (eqs. 3-5)
contradicts its use of them; they are cross-entropies here, which the discriminator lowers and the
scores raise. Its eq. 6 has no factor before that loss (`strength` 1). Groups count alike, so that
a discriminator cannot do well by guessing the larger one, and the loss is limited from above, for
scores that raised it without end would destroy the network.
"""

from __future__ import annotations

import dataclasses
import math
from typing import Annotated, ClassVar

import torch
from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass
from torch import Tensor, nn

from trainables.data.batches import Batch, TensorPart
from trainables.learning.group_adversary import (
    Balance,
    GroupAdversary,
    advantage,
    guess_loss,
)
from trainables.learning.training import MeanLoss, adam
from trainables.pruners.edge_popup import EdgePopup, Opponent, ScoreTraining
from trainables.stage import Context, NoOp, StageRun, State, snapshot

_TINY = 1e-12  # below any gradient that moves scores


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class FaPrune(EdgePopup):
    """Edge-popup on cross-entropy - strength * min(L_D, ceiling * ln(groups)).

    L_D = alpha * L_DI + (1 - alpha) * L_DEO are the losses of discriminators that guess the group
    from the logits: one for all rows (disparate impact), and one for each true label (equalised
    odds). In each batch they make `discriminator_steps` steps of Adam, then the scores make one.
    Reported are L_D ("adversary"), by how much it is better than chance ("advantage", in nats), by
    what share of their size an epoch moved the discriminators' weights ("learned"), how the
    gradient of L_D at the logits compares with the task's ("pull"), and the share of weights that
    an epoch brought in or threw out ("changed").
    """

    strength: Annotated[float, Field(ge=0.0, allow_inf_nan=False)] = 1.0
    alpha: Annotated[float, Field(ge=0.0, le=1.0)] = 0.0  # 1: disparate impact, 0: equalised odds
    discriminator_lr: Annotated[float, Field(ge=0.0, allow_inf_nan=False)] = 1e-3
    discriminator_width: Annotated[int, Field(ge=0)] = 8  # hidden units; 0: linear
    discriminator_steps: Annotated[int, Field(ge=1)] = 1  # for each step of the scores
    balanced: bool = True  # groups count alike, within each label for equalised odds
    ceiling: Annotated[float, Field(gt=0.0, allow_inf_nan=False)] = (
        2.0  # times what knowing nothing costs
    )

    name: ClassVar[str] = "faprune"

    @property
    def no_ops(self) -> tuple[NoOp, ...]:
        if self.strength == 0.0:  # edge-popup, which an adversary watches
            return super().no_ops
        return (
            *super().no_ops,
            # Of an epoch in which both learn: an adversary that is beaten at once is barely above.
            NoOp("advantage", 0.0, "its adversary never did better than chance"),
            # One drawn by lot may tell groups apart a little, and always in the same way.
            NoOp("learned", 1e-4, "its adversary never learned"),
            NoOp("pull", 0.0, "its adversary never pulled at the scores"),
        )

    def start(self, context: Context) -> StageRun:
        return ScoreTraining(self, context, _Discriminators(self, context))


@dataclasses.dataclass(frozen=True)
class _Discriminator:
    adversary: GroupAdversary
    balance: Balance
    share: float  # of its loss in L_D

    def loss(self, logits: Tensor, batch: Batch) -> Tensor:
        guesses = self.adversary(logits, batch.labels)
        return guess_loss(guesses, batch.groups, batch.labels, balance=self.balance)


class _Discriminators(Opponent):
    """The discriminators that L_D is made of, without those that have no share in it."""

    def __init__(self, settings: FaPrune, context: Context) -> None:
        data = context.data
        draws = context.generator("discriminators")

        def made(share: float, balance: Balance, per_label: bool) -> _Discriminator:
            adversary = GroupAdversary(
                "logits",
                data.n_classes,
                data.n_groups,
                data.head.outputs,
                draws,
                hidden=settings.discriminator_width,
                per_label=per_label,
            )
            balance = balance if settings.balanced else "rows"
            return _Discriminator(adversary.to(context.device), balance, share)

        of_both = made(settings.alpha, "groups", False), made(1 - settings.alpha, "cells", True)
        self._parts = [part for part in of_both if part.share > 0.0]
        self._nets = nn.ModuleList([part.adversary for part in self._parts])
        self._optimizer = adam(self._nets, settings.discriminator_lr)
        self._settings = settings
        self._ceiling = settings.ceiling * math.log(data.n_groups)
        self._chance = self._of_chance(data.part("train"))
        self._begin()

    def _of_chance(self, train: TensorPart) -> float:
        """L_D of discriminators that know the shares of the groups and nothing of the network."""
        return sum(
            part.share
            * advantage(
                0.0,
                train.groups,
                train.labels,
                balance=part.balance,
                knows_label=part.adversary.knows_label,
            )
            for part in self._parts
        )

    def _begin(self) -> None:
        self._guess, self._task, self._against = MeanLoss(), MeanLoss(), MeanLoss()
        self._before = self._weights()

    def _weights(self) -> Tensor:
        """(n,) those of all discriminators."""
        return nn.utils.parameters_to_vector(self._nets.parameters()).detach().clone()

    def turned(self, slope: Tensor, logits: Tensor, batch: Batch) -> Tensor:
        for _ in range(self._settings.discriminator_steps):  # Algorithm 1, lines 4-7
            self._optimizer.zero_grad()
            self._loss(logits.detach(), batch).backward()
            self._optimizer.step()
        loss = self._loss(logits, batch)
        limited = self._settings.strength * loss.clamp_max(self._ceiling)
        (against,) = torch.autograd.grad(limited, logits)
        self._guess.add(loss, len(batch))
        self._task.add(slope.norm(), len(batch))
        self._against.add(against.norm(), len(batch))
        return slope - against  # eq. 6

    def _loss(self, logits: Tensor, batch: Batch) -> Tensor:
        """L_D (), eq. 5."""
        return torch.stack([part.share * part.loss(logits, batch) for part in self._parts]).sum()

    def means(self) -> dict[str, float]:
        loss = self._guess.value()
        pull = self._against.value() / max(self._task.value(), _TINY)
        learned = float((self._weights() - self._before).norm() / self._before.norm())
        self._begin()
        return {
            **{"adversary": loss, "advantage": self._chance - loss},
            **{"learned": learned, "pull": pull},
        }

    def state_dict(self) -> State:
        return snapshot(
            {"nets": self._nets.state_dict(), "optimizer": self._optimizer.state_dict()}
        )

    def load_state_dict(self, state: State) -> None:
        self._nets.load_state_dict(state["nets"])
        self._optimizer.load_state_dict(snapshot(state["optimizer"]))
        self._begin()

"""Adversarial debiasing: the network learns its task and to tell an adversary nothing of groups.

B. H. Zhang, Lemoine, Mitchell, "Mitigating Unwanted Biases with Adversarial Learning", AIES 2018,
arXiv:1801.07593; defaults of AIF360's implementation (in which the learning rate also falls by 4 %
every 1,000 steps). For images Wang et al., "Towards Fairness in Visual Recognition", CVPR 2020,
arXiv:1911.11834 ("gradient projection"): a linear adversary on the logits (adversary_sees
"logits"), alpha 1, Adam 1e-4 with weight decay 3e-4 for both, main_every 3, 500 epochs; they
project each tensor by itself as well.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Annotated, ClassVar, Literal

import torch
from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass
from torch import Tensor

from trainables.data.batches import Batch, TensorPart, logits_of
from trainables.dense.early_stopping import FromScratch, Learner, Training
from trainables.learning.group_adversary import (
    Balance,
    GroupAdversary,
    Sees,
    advantage,
    guess_loss,
)
from trainables.learning.training import MeanLoss, adam
from trainables.stage import Context, NoOp, StageRun, State, snapshot

Projection = Literal["tensor", "network", "none"]
_TINY = torch.finfo(torch.float32).tiny


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class AdversarialDebiasing(FromScratch):
    """Goes down the task's gradient, without the part that helps the adversary, and against it.

    What the adversary sees decides what is to be hidden: the score or the logits (demographic
    parity), or the score beside the label (equalised odds, as with `adversary_per_label`). It
    learns `adversary_steps` times from each batch, the network only in every `main_every`-th
    epoch. With `projection` "tensor" each parameter tensor is projected by itself, as in AIF360,
    with "network" all of them as one vector; with "none" nothing is, and the network goes down
    task - alpha * adversary. What the adversary finds out, in nats, is reported as "advantage";
    the early-stopping loss is the task's plus alpha times that. All epochs are done unless `keep`
    is "best".
    """

    lr: Annotated[float, Field(gt=0.0, allow_inf_nan=False)] = 1e-3
    batch_size: Annotated[int, Field(ge=2)] = 128
    max_epochs: Annotated[int, Field(ge=1)] = 50
    schedule: Literal["plateau", "cosine", "quarters", "constant"] = "constant"
    keep: Literal["best", "last"] = "last"
    alpha: Annotated[float, Field(ge=0.0, allow_inf_nan=False)] = 0.1
    adversary_sees: Sees = "score_and_label"
    adversary_lr: Annotated[float, Field(gt=0.0, allow_inf_nan=False)] = 1e-3
    main_every: Annotated[int, Field(ge=1)] = 1  # epochs
    projection: Projection = "tensor"
    adversary_hidden: Annotated[int, Field(ge=0)] = 0  # units of its hidden layer; 0: linear
    adversary_per_label: bool = False
    adversary_balance: Balance = "rows"
    adversary_steps: Annotated[int, Field(ge=1)] = 1  # for each batch

    name: ClassVar[str] = "adversarial_debiasing"
    gained: ClassVar[frozenset[str]] = frozenset(
        {"adversary_hidden", "adversary_per_label", "adversary_balance", "adversary_steps"}
    )

    @property
    def no_ops(self) -> tuple[NoOp, ...]:
        # .002 nats are 53 of 100 guesses right
        none = "its adversary found out nothing of groups beyond chance"
        return (NoOp("advantage", 0.002, none),)

    def start(self, context: Context) -> StageRun:
        return Training(self, _Projected(self, context))


def debiased(
    task: Sequence[Tensor], adversary: Sequence[Tensor], alpha: float, projection: Projection
) -> list[Tensor]:
    """The gradients to go down (Zhang et al. eq. 1), tensor by tensor or as one vector.

    g_task - proj_{g_adversary} g_task - alpha * g_adversary, where `task` and `adversary` hold the
    gradients of both losses in the same tensors. Without `projection` the middle part is left out.
    """
    if projection == "none":
        return [t - alpha * a for t, a in zip(task, adversary, strict=True)]
    whole = projection == "network"
    norms = torch.stack([one.norm() for one in adversary]) + _TINY
    if whole:
        norms = norms.norm().expand_as(norms)
    units = [one / norm for one, norm in zip(adversary, norms, strict=True)]
    along = torch.stack([(t * u).sum() for t, u in zip(task, units, strict=True)])
    if whole:
        along = along.sum().expand_as(along)
    parts = zip(task, adversary, units, along, strict=True)
    return [t - part * u - alpha * a for t, a, u, part in parts]


class _Projected(Learner):
    def __init__(self, settings: AdversarialDebiasing, context: Context) -> None:
        start = context.start_of_training(settings.name)
        super().__init__(settings, context, copy.deepcopy(start))
        self._settings = settings
        data = context.data
        self._adversary = GroupAdversary(
            settings.adversary_sees,
            data.n_classes,
            data.n_groups,
            data.head.outputs,
            context.generator("adversary"),
            hidden=settings.adversary_hidden,
            per_label=settings.adversary_per_label,
        ).to(context.device)
        self._adversary_optimizer = adam(
            self._adversary, settings.adversary_lr, settings.weight_decay
        )

    def pass_over(self, done: int, generator: torch.Generator) -> dict[str, float]:
        learns = done % self._settings.main_every == 0
        self.net.train()
        losses, guesses = MeanLoss(), MeanLoss()
        for batch in self.batches(generator):
            with torch.set_grad_enabled(learns):
                logits = self.data.forward(self.net, batch.inputs)
                loss = self.data.head.loss(logits, batch.labels, batch.weights)
            for _ in range(self._settings.adversary_steps - 1):
                self._adversary_step(self._guess_loss(logits.detach(), batch))
            guess = self._guess_loss(logits, batch)
            self._step(loss if learns else None, guess)
            losses.add(loss, len(batch))
            guesses.add(guess, len(batch))
        found_out = self._advantage(guesses.value(), self.data.part("train"))
        return {"loss": losses.value(), "adversary": guesses.value(), "advantage": found_out}

    def _guess_loss(self, logits: Tensor, rows: Batch | TensorPart) -> Tensor:
        balance = self._settings.adversary_balance
        guesses = self._adversary(logits, rows.labels)
        return guess_loss(guesses, rows.groups, rows.labels, balance=balance)

    def _advantage(self, loss: float, rows: TensorPart) -> float:
        """What the adversary finds out beyond chance whose loss on the rows is this, in nats."""
        balance, knows_label = self._settings.adversary_balance, self._adversary.knows_label
        return advantage(loss, rows.groups, rows.labels, balance=balance, knows_label=knows_label)

    def _step(self, loss: Tensor | None, guess: Tensor) -> None:
        """Both step from the same weights; without `loss` only the adversary does."""
        if loss is None:
            self._adversary_step(guess)
            return
        net = [one for one in self.net.parameters() if one.requires_grad]
        adversary = list(self._adversary.parameters())
        task = torch.autograd.grad(loss, net, retain_graph=True, materialize_grads=True)
        slopes = torch.autograd.grad(guess, [*net, *adversary], materialize_grads=True)
        settings = self._settings
        follow = debiased(task, slopes[: len(net)], settings.alpha, settings.projection)
        for parameter, gradient in zip(net, follow, strict=True):
            parameter.grad = gradient
        self.optimizer.follow()
        self._adversary_follow(slopes[len(net) :])

    def _adversary_step(self, guess: Tensor) -> None:
        self._adversary_follow(torch.autograd.grad(guess, list(self._adversary.parameters())))

    def _adversary_follow(self, gradients: Sequence[Tensor]) -> None:
        for parameter, gradient in zip(self._adversary.parameters(), gradients, strict=True):
            parameter.grad = gradient
        self._adversary_optimizer.step()

    @torch.no_grad()
    def early_stop_loss(self) -> float:
        part = self.data.part("early_stop")
        logits = logits_of(self.net, self.data, "early_stop")
        task = self.data.head.loss(logits, part.labels, part.weights)
        found_out = self._advantage(float(self._guess_loss(logits, part)), part)
        return float(task) + self._settings.alpha * max(0.0, found_out)

    def state_dict(self) -> State:
        return {
            **super().state_dict(),
            "adversary": snapshot(self._adversary.state_dict()),
            "adversary_optimizer": snapshot(self._adversary_optimizer.state_dict()),
        }

    def load_state_dict(self, state: State) -> None:
        super().load_state_dict(state)
        self._adversary.load_state_dict(state["adversary"])
        self._adversary_optimizer.load_state_dict(snapshot(state["adversary_optimizer"]))

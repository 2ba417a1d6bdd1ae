"""Uniform confusion: features from which a domain head can only give every group equal odds.

Alvi, Zisserman, Nellaker, "Turning a Blind Eye: Explicit Removal of Biases and Variation from Deep
Neural Network Embeddings", ECCV Workshops 2018, arXiv:1809.02169; settings and the alternation by
epoch of Wang et al., "Towards Fairness in Visual Recognition", CVPR 2020, arXiv:1911.11834.
"""

from __future__ import annotations

import copy
from typing import Annotated, ClassVar, Literal

import torch
from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass
from torch import Tensor
from torch.nn import functional as F

from trainables.data.batches import Batch
from trainables.dense.early_stopping import FromScratch, Learner, Training
from trainables.learning.training import MeanLoss, adam
from trainables.models.last_layer import FeatureTap, fresh_linear, last_linear
from trainables.modules import evaluating
from trainables.stage import Context, StageRun, State, snapshot

_EVALUATED = 512  # rows at once


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class UniformConfusion(FromScratch):
    """Minimises cross-entropy + alpha * confusion of a linear head on the last features.

    With main_every = n > 1 the network learns in every n-th epoch and the domain head in the
    others. With 1, in each batch the head takes a step, then the network. The early-stopping loss
    is the same sum. All epochs are done unless `keep` is "best".
    """

    lr: Annotated[float, Field(gt=0.0, allow_inf_nan=False)] = 1e-4
    batch_size: Annotated[int, Field(ge=2)] = 128
    max_epochs: Annotated[int, Field(ge=1)] = 500
    weight_decay: Annotated[float, Field(ge=0.0, allow_inf_nan=False)] = 3e-4
    schedule: Literal["plateau", "cosine", "quarters", "constant"] = "constant"
    keep: Literal["best", "last"] = "last"
    alpha: Annotated[float, Field(ge=0.0, allow_inf_nan=False)] = 1.0
    head_lr: Annotated[float, Field(gt=0.0, allow_inf_nan=False)] = 1e-4  # of the domain head
    main_every: Annotated[int, Field(ge=1)] = 3  # epochs

    name: ClassVar[str] = "uniform_confusion"

    def start(self, context: Context) -> StageRun:
        return Training(self, _Confusing(self, context))


def confusion(logits: Tensor) -> Tensor:
    """Mean cross-entropy () of the uniform distribution against softmax of `logits` (n, groups).

    Smallest, log(groups), where every group is given the same odds. (Alvi et al.)
    """
    return -logits.log_softmax(1).mean()


class _Confusing(Learner):
    def __init__(self, settings: UniformConfusion, context: Context) -> None:
        start = context.start_of_training(settings.name)
        super().__init__(settings, context, copy.deepcopy(start))
        self._settings = settings
        self._example = self.data.normalise(self.data.part("train").inputs[:2])
        width = last_linear(self.net, self._example).in_features
        head = fresh_linear(width, self.data.n_groups, context.generator("head"))
        self._head = head.to(context.device)
        self._head_optimizer = adam(self._head, settings.head_lr, settings.weight_decay)

    def pass_over(self, done: int, generator: torch.Generator) -> dict[str, float]:
        every = self._settings.main_every
        learns, head_learns = done % every == 0, every == 1 or done % every > 0
        self.net.train()
        means = {name: MeanLoss() for name in ("loss", "confusion", "domain")}
        with FeatureTap(self.net, self._example) as tap:
            for batch in self.batches(generator):
                with torch.set_grad_enabled(learns):
                    logits = self.data.forward(self.net, batch.inputs)
                losses = self._step(logits, tap.features(), batch, learns, head_learns)
                for name, value in losses.items():
                    means[name].add(value, len(batch))
        return {name: mean.value() for name, mean in means.items()}

    def _step(
        self, logits: Tensor, features: Tensor, batch: Batch, learns: bool, head_learns: bool
    ) -> dict[str, Tensor]:
        with torch.set_grad_enabled(head_learns):
            domain = F.cross_entropy(self._head(features.detach()), batch.groups)
        if head_learns:
            self._head_optimizer.zero_grad()
            domain.backward()
            self._head_optimizer.step()
        with torch.set_grad_enabled(learns):
            loss = self.data.head.loss(logits, batch.labels, batch.weights)
            confused = confusion(self._head(features))
        if learns:
            self.optimizer.step(loss + self._settings.alpha * confused)
        return {"loss": loss, "confusion": confused, "domain": domain}

    @torch.no_grad()
    def early_stop_loss(self) -> float:
        part = self.data.part("early_stop")
        logits, features = [], []
        with evaluating(self.net), FeatureTap(self.net, self._example) as tap:
            for rows in part.inputs.split(_EVALUATED):
                logits.append(self.net(self.data.normalise(rows)))
                features.append(tap.features())
        loss = self.data.head.loss(torch.cat(logits), part.labels, part.weights)
        return float(loss + self._settings.alpha * confusion(self._head(torch.cat(features))))

    def state_dict(self) -> State:
        return {
            **super().state_dict(),
            "head": snapshot(self._head.state_dict()),
            "head_optimizer": snapshot(self._head_optimizer.state_dict()),
        }

    def load_state_dict(self, state: State) -> None:
        super().load_state_dict(state)
        self._head.load_state_dict(state["head"])
        self._head_optimizer.load_state_dict(snapshot(state["head_optimizer"]))

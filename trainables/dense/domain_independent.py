"""Domain-independent training: a classifier per group on shared features, added up at inference.

Wang et al., "Towards Fairness in Visual Recognition: Effective Strategies for Bias Mitigation",
CVPR 2020, arXiv:1911.11834, section 4.4. Theirs on CIFAR-10S: SGD .1 with weight decay 5e-4,
batches of 128, 200 epochs, schedule "quarters"; the defaults here are those of our erm.
"""

from __future__ import annotations

from typing import ClassVar

import torch
from pydantic import ConfigDict
from pydantic.dataclasses import dataclass
from torch import Tensor, nn

from trainables.dense.early_stopping import FromScratch, Training
from trainables.dense.wide_learner import WideLearner
from trainables.stage import Context, StageRun


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class DomainIndependent(FromScratch):
    """Cross-entropy within the head of each sample's group; the result adds up the heads' logits.

    A sum of linear heads is a linear head. So the network that is left is an ordinary one, and no
    group is needed at inference.
    """

    name: ClassVar[str] = "domain_independent"

    def start(self, context: Context) -> StageRun:
        return Training(self, _Heads(self, context))


class _Heads(WideLearner):
    """Column d * outputs + k is logit k of group d's head."""

    def __init__(self, settings: DomainIndependent, context: Context) -> None:
        self._groups = context.data.n_groups
        super().__init__(settings, context, self._groups * context.data.head.outputs)

    def loss(self, wide: Tensor, labels: Tensor, groups: Tensor, weights: Tensor) -> Tensor:
        heads = wide.unflatten(1, (self._groups, -1))
        own = heads[torch.arange(len(groups), device=groups.device), groups]
        return self.data.head.loss(own, labels, weights)

    @torch.no_grad()
    def last_layer(self, wide: nn.Linear) -> nn.Module:
        folded = nn.Linear(
            wide.in_features,
            wide.out_features // self._groups,
            bias=wide.bias is not None,
            device="meta",
        ).to_empty(device=wide.weight.device)
        for own, of_all in zip(folded.parameters(), wide.parameters(), strict=True):
            own.copy_(of_all.unflatten(0, (self._groups, -1)).sum(0))
        return folded

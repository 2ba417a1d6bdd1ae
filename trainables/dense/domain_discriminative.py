"""Domain-discriminative training: one class per (class, group) pair, told apart at inference.

Wang et al., "Towards Fairness in Visual Recognition: Effective Strategies for Bias Mitigation",
CVPR 2020, arXiv:1911.11834 (ND-way classifier, prior shift inference). Theirs on CIFAR-10S: SGD .1
with weight decay 5e-4, batches of 128, 200 epochs, schedule "quarters"; the defaults here are
those of our erm.
"""

from __future__ import annotations

from typing import ClassVar

import torch
from pydantic import ConfigDict
from pydantic.dataclasses import dataclass
from torch import Tensor, nn
from torch.nn import functional as F

from trainables.dense.early_stopping import FromScratch, Training
from trainables.dense.wide_learner import WideLearner
from trainables.models.joint_head import JointHead, JointReadout, Over
from trainables.stage import Context, StageRun


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class DomainDiscriminative(FromScratch):
    """Cross-entropy over all (class, group) pairs; a class is then scored by its pairs.

    With `prior_shift` each pair's probability is divided by its share of train, so that a class is
    no longer expected in the groups where it was frequent. A class has the sum of its pairs or,
    with `over` "max", the largest of them. No group is needed at inference.
    """

    prior_shift: bool = True
    over: Over = "sum"

    name: ClassVar[str] = "domain_discriminative"

    def start(self, context: Context) -> StageRun:
        return Training(self, _Pairs(self, context))


def pair_shares(labels: Tensor, groups: Tensor, n_classes: int, n_groups: int) -> Tensor:
    """(classes * groups,) share of the rows (n,) in each pair. An empty pair counts as one row."""
    counts = torch.bincount(labels * n_groups + groups, minlength=n_classes * n_groups)
    return counts.clamp_min(1).float() / len(labels)


class _Pairs(WideLearner):
    def __init__(self, settings: DomainDiscriminative, context: Context) -> None:
        data = context.data
        super().__init__(settings, context, data.n_classes * data.n_groups)
        self._over = settings.over
        part = data.part("train")
        shares = pair_shares(part.labels, part.groups, data.n_classes, data.n_groups)
        self._log_prior = shares.log() if settings.prior_shift else torch.zeros_like(shares)

    def loss(self, wide: Tensor, labels: Tensor, groups: Tensor, weights: Tensor) -> Tensor:
        pairs = labels * self.data.n_groups + groups
        return (F.cross_entropy(wide, pairs, reduction="none") * weights).mean()

    def last_layer(self, wide: nn.Linear) -> nn.Module:
        readout = JointReadout(self.data.n_classes, self.data.n_groups, self._over)
        readout.to(wide.weight.device).log_prior.copy_(self._log_prior)
        return JointHead(wide, readout)

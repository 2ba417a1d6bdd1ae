"""An adversary that guesses the group of each sample from what a network says of it.

ZLM: B. H. Zhang, Lemoine, Mitchell, "Mitigating Unwanted Biases with Adversarial Learning", AIES
2018, arXiv:1801.07593, and AIF360. DBM: Wang et al., "Towards Fairness in Visual Recognition",
CVPR 2020, arXiv:1911.11834. FAPrune: L. Zhang et al., "Towards Fairness-aware Adversarial Network
Pruning", ICCV 2023.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from trainables.models.last_layer import fresh_linear

Sees = Literal["score", "score_and_label", "logits"]
Balance = Literal["rows", "groups", "cells"]
LARGEST_GUESS = 20.0  # of a group's logit: a wrong guess costs at most some 40 nats


class GroupAdversary(nn.Module):
    """Guesses the group of each sample from a network's outputs.

    What it sees are the logits (DBM), or scores: the probabilities after the logits were
    multiplied by 1 + |c| with a learned c, by themselves or beside the label (ZLM). It is linear
    (both of these) or has a hidden layer (FAPrune, of 8 units). One head guesses for all samples,
    or each true label has a head of its own, which only learns from the samples of its label.
    """

    sharpness: nn.Parameter | None

    def __init__(
        self,
        sees: Sees,
        classes: int,
        groups: int,
        outputs: int,
        generator: torch.Generator,
        *,
        hidden: int = 0,
        per_label: bool = False,
    ) -> None:
        """`outputs` is the number of logits of the network: 1 for two classes."""
        super().__init__()
        self._sees_label, self._classes = sees == "score_and_label", classes
        # without the network it knows the share of each group, within each label where it says so
        self.knows_label = per_label or self._sees_label
        copies = 1 + classes if self._sees_label else 1
        widths = [outputs * copies, *([hidden] if hidden else []), groups - 1]
        self.guess: nn.Module
        if per_label:
            self.guess = nn.ModuleList(_layers(widths, generator) for _ in range(classes))
        else:
            self.guess = _layers(widths, generator)
        sharpness = None if sees == "logits" else nn.Parameter(torch.ones(()))
        self.register_parameter("sharpness", sharpness)

    def forward(self, logits: Tensor, labels: Tensor) -> Tensor:
        """(n, groups) logits of the groups, from `logits` (n, outputs) and `labels` (n,).

        Logits only matter up to a constant: the first group's is fixed at 0. The others lie within
        +-LARGEST_GUESS. There they have the gradient that they had without the limit, so that an
        adversary that is surely wrong finds its way back.
        """
        seen = self._seen(logits, labels)
        if isinstance(self.guess, nn.ModuleList):
            heads = torch.stack([head(seen) for head in self.guess], 1)
            guess = heads[torch.arange(len(labels), device=labels.device), labels]
        else:
            guess = self.guess(seen)
        unlimited = guess.detach()
        within = unlimited.clamp(-LARGEST_GUESS, LARGEST_GUESS)
        return F.pad(within + (guess - unlimited), (1, 0))

    def _seen(self, logits: Tensor, labels: Tensor) -> Tensor:
        if self.sharpness is None:
            return logits
        sharpened = (1.0 + self.sharpness.abs()) * logits
        scores = sharpened.sigmoid() if logits.shape[1] == 1 else sharpened.softmax(1)
        return beside_label(scores, labels, self._classes) if self._sees_label else scores


def _layers(widths: list[int], generator: torch.Generator) -> nn.Module:
    """Linear layers of these widths with ReLU between them."""
    first = fresh_linear(widths[0], widths[1], generator)
    if len(widths) == 2:
        return first
    return nn.Sequential(first, nn.ReLU(), fresh_linear(widths[1], widths[2], generator))


def beside_label(scores: Tensor, labels: Tensor, classes: int) -> Tensor:
    """(n, (1 + classes) * outputs) the `scores` (n, outputs), then s * [y = k] for each class k.

    So a layer that is linear in this can weigh the scores s of each label y by themselves.
    """
    label = F.one_hot(labels, classes).to(scores.dtype)
    return torch.cat([scores, (label.unsqueeze(2) * scores.unsqueeze(1)).flatten(1)], 1)


def row_weights(groups: Tensor, labels: Tensor, balance: Balance) -> Tensor:
    """(n,) float64, of sum 1: what each row counts for, from `groups` (n,) and `labels` (n,).

    "rows": all alike. "groups": each group counts alike. "cells": labels count by their rows, and
    within a label each group counts alike. Only groups that there are rows of are counted.
    """
    if balance == "rows":
        return torch.full((len(groups),), 1.0 / len(groups), dtype=torch.float64).to(groups.device)
    strata = labels if balance == "cells" else torch.zeros_like(labels)
    of_group = int(groups.max()) + 1
    cells = strata * of_group + groups
    stratum_rows = strata.bincount()
    cell_rows = cells.bincount(minlength=of_group * len(stratum_rows))
    present = (cell_rows.view(-1, of_group) > 0).sum(1)
    share = stratum_rows.double() / len(groups) / present  # of each group of the stratum
    return share[strata] / cell_rows[cells]


def guess_loss(guesses: Tensor, groups: Tensor, labels: Tensor, *, balance: Balance) -> Tensor:
    """Mean cross-entropy () of `guesses` (n, groups), where rows count as in `row_weights`.

    An adversary that knows nothing has ln(number of groups), unless rows count alike.
    """
    if balance == "rows":
        return F.cross_entropy(guesses, groups)
    weights = row_weights(groups, labels, balance).to(guesses.dtype)
    return (weights * F.cross_entropy(guesses, groups, reduction="none")).sum()


def advantage(
    loss: float, groups: Tensor, labels: Tensor, *, balance: Balance, knows_label: bool
) -> float:
    """What an adversary with this `guess_loss` finds out beyond chance, in nats; below 0: nothing.

    Chance is the smallest loss without the network: of the shares of the groups (n,), within each
    label (n,) where the adversary knows it. Balanced, it is ln(number of groups).
    """
    weights = None if balance == "rows" else row_weights(groups, labels, balance)
    return uncertainty(groups, labels if knows_label else None, weights) - loss


def uncertainty(
    groups: Tensor, labels: Tensor | None = None, weights: Tensor | None = None
) -> float:
    """Entropy in nats of the groups (n,), within each label where `labels` (n,) are given.

    This is the cross-entropy of an adversary that has learned nothing from the network. Rows count
    by `weights` (n,) float64, or all alike.
    """
    counts = torch.ones_like(groups, dtype=torch.float64) if weights is None else weights
    if labels is None:
        shares = groups.bincount(counts) / counts.sum()
        return float(torch.special.entr(shares).sum())
    parts = [labels == label for label in labels.unique()]
    entropies = [uncertainty(groups[part], None, counts[part]) for part in parts]
    amounts = [float(counts[part].sum()) for part in parts]
    return sum(e * a for e, a in zip(entropies, amounts, strict=True)) / float(counts.sum())

"""An adversary that guesses a sample's group from what the network says of it."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from trainables.models.last_layer import fresh_linear

Sees = Literal["score", "score_and_label", "logits"]


class GroupAdversary(nn.Module):
    """Linear on scores or logits; the first group's logit is fixed at 0.

    "score" and "score_and_label" as in Zhang, Lemoine, Mitchell, "Mitigating Unwanted Biases with
    Adversarial Learning", AIES 2018, arXiv:1801.07593, and AIF360: s are the probabilities of
    (1 + |c|) * logits with a learned c; with the label y, the adversary sees s and, for each class
    k, s * [y = k]. "logits": Wang et al., CVPR 2020, arXiv:1911.11834.
    """

    sharpness: nn.Parameter | None

    def __init__(
        self, sees: Sees, classes: int, groups: int, outputs: int, generator: torch.Generator
    ) -> None:
        """`outputs` is the number of logits of the network: 1 for two classes."""
        super().__init__()
        self._sees, self._classes = sees, classes
        copies = 1 + classes if sees == "score_and_label" else 1
        self.guess = fresh_linear(outputs * copies, groups - 1, generator)
        sharpness = None if sees == "logits" else nn.Parameter(torch.ones(()))
        self.register_parameter("sharpness", sharpness)

    def forward(self, logits: Tensor, labels: Tensor) -> Tensor:
        """(n, groups) logits of the groups, from `logits` (n, outputs) and `labels` (n,)."""
        guess: Tensor = self.guess(self._seen(logits, labels))
        return F.pad(guess, (1, 0))

    def _seen(self, logits: Tensor, labels: Tensor) -> Tensor:
        if self.sharpness is None:
            return logits
        sharp = (1.0 + self.sharpness.abs()) * logits
        score = sharp.sigmoid() if logits.shape[1] == 1 else sharp.softmax(1)
        if self._sees == "score":
            return score
        label = F.one_hot(labels, self._classes).to(score.dtype)
        return torch.cat([score, (label.unsqueeze(2) * score.unsqueeze(1)).flatten(1)], 1)


def uncertainty(groups: Tensor, labels: Tensor | None = None) -> float:
    """Entropy of the groups (n,) in nats, given the labels (n,) if there are any.

    The cross-entropy of an adversary that learned nothing from the network.
    """
    if labels is not None:
        parts = [groups[labels == label] for label in labels.unique()]
        return sum(uncertainty(part) * len(part) for part in parts) / len(groups)
    shares = groups.bincount().double() / len(groups)
    return float(torch.special.entr(shares).sum())

"""What the outputs of a network mean: their loss and scores."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import torch
from torch import Tensor
from torch.nn import functional as F


@dataclass(frozen=True)
class Binary:
    """Two classes, one logit: the score is the probability of class 1."""

    outputs: int = 1

    def loss(self, logits: Tensor, labels: Tensor, weights: Tensor | None = None) -> Tensor:
        """Mean binary cross-entropy of logits (n, 1) and labels (n,), times weights (n,).

        Labels are classes or, as a teacher gives them, probabilities of class 1.
        """
        targets = labels.to(logits.dtype)
        return F.binary_cross_entropy_with_logits(logits.squeeze(1), targets, weights)

    def scores(self, logits: Tensor) -> Tensor:
        """(n,) probabilities of class 1."""
        return torch.sigmoid(logits.squeeze(1))


@dataclass(frozen=True)
class Multiclass:
    """More than two classes, a logit each: the scores are their probabilities."""

    outputs: int

    def loss(self, logits: Tensor, labels: Tensor, weights: Tensor | None = None) -> Tensor:
        """Mean cross-entropy of logits (n, classes) and labels, times weights (n,).

        Labels are classes (n,) or, as a teacher gives them, probabilities (n, classes).
        """
        if weights is None:
            return F.cross_entropy(logits, labels)
        return (F.cross_entropy(logits, labels, reduction="none") * weights).mean()

    def scores(self, logits: Tensor) -> Tensor:
        """(n, classes) probabilities."""
        return torch.softmax(logits, 1)


Head: TypeAlias = Binary | Multiclass


def head_for(classes: int) -> Head:
    """The head of a task with that many classes. Weights have mean 1, so that losses compare."""
    if classes < 2:
        raise ValueError(f"head: a task must have at least 2 classes, got {classes}")
    return Binary() if classes == 2 else Multiclass(classes)

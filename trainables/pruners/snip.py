"""Keeps the weights that the loss is most sensitive to, found with one batch.

Lee, Ajanthan, Torr, "SNIP: Single-shot Network Pruning based on Connection Sensitivity", ICLR
2019, arXiv:1810.02340. Theirs prunes biases too; we prune weights only, and leave each layer at
least one.
"""

from __future__ import annotations

from typing import Annotated, ClassVar

import torch
from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass
from torch import Tensor, nn

from trainables.masks import prunable
from trainables.pruners.by_gradient import ByGradient, Rows, gradients


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class Snip(ByGradient):
    """Scores |weight * gradient| on one batch, that is |d loss / d mask| at a mask of ones."""

    batch_size: Annotated[int, Field(ge=2)] = 64
    balanced: bool = False  # as many rows of each class, batch_size / classes

    name: ClassVar[str] = "snip"

    def samples(self, classes: int) -> int:
        return classes * self._per_class(classes) if self.balanced else self.batch_size

    def _per_class(self, classes: int) -> int:
        return max(1, self.batch_size // classes)

    def scores(self, net: nn.Module, rows: Rows, generator: torch.Generator) -> dict[str, Tensor]:
        data = rows.data
        if self.balanced:
            indices = rows.per_class(self._per_class(data.n_classes), generator)
        else:
            indices = rows.drawn(self.batch_size, generator)
        inputs, labels, of_rows = rows.take(indices)
        weights = prunable(net)
        loss = data.head.loss(data.forward(net, inputs), labels, of_rows)
        slopes = gradients(loss, list(weights.values()))
        # (The paper divides by the sum of all scores, which changes no order.)
        return {
            name: (weight.detach() * slope).abs()
            for (name, weight), slope in zip(weights.items(), slopes, strict=True)
        }

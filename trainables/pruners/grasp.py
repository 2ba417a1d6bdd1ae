"""Keeps the weights whose removal would weaken the gradient most.

Wang, Zhang, Grosse, "Picking Winning Tickets Before Training by Preserving Gradient Flow", ICLR
2020, arXiv:2002.07376 (GraSP), as in its released code: the gradient is that of two halves of a
small sample. There each half holds half of the classes; here both hold all. An exact number is
removed, where their threshold keeps the weights equal to it, and each layer is left at least one.
As in their code only Linear layers of the copy are drawn anew where a random copy is scored.
"""

from __future__ import annotations

from typing import Annotated, ClassVar

import torch
from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from trainables.masks import prunable
from trainables.pruners.by_gradient import ByGradient, Rows, gradients


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class Grasp(ByGradient):
    """Scores weight * (H g): H the Hessian, g the gradient of the loss of softened logits.

    Removing a weight changes the squared gradient norm by -weight * (H g), to first order.
    """

    samples_per_class: Annotated[int, Field(ge=2)] = 10
    temperature: Annotated[float, Field(gt=0.0, allow_inf_nan=False)] = 200.0  # logits / T

    name: ClassVar[str] = "grasp"
    redrawn: ClassVar[tuple[type[nn.Module], ...]] = (nn.Linear,)

    def samples(self, classes: int) -> int:
        return 2 * classes * self.samples_per_class  # one pass for g, one for H g

    def scores(self, net: nn.Module, rows: Rows, generator: torch.Generator) -> dict[str, Tensor]:
        indices = rows.per_class(self.samples_per_class, generator)
        halves = indices.tensor_split(2)
        weights = prunable(net)
        parameters = list(weights.values())
        with sdpa_kernel(SDPBackend.MATH):  # the faster forms of attention have no second gradient
            total = [torch.zeros_like(weight) for weight in parameters]
            for half in halves:
                for summed, slope in zip(total, self._slopes(net, rows, half), strict=True):
                    summed += slope
            curved = [torch.zeros_like(weight) for weight in parameters]
            for half in halves:
                slopes = self._slopes(net, rows, half, create_graph=True)
                product = torch.stack(
                    [(g * slope).sum() for g, slope in zip(total, slopes, strict=True)]
                ).sum()
                for summed, slope in zip(curved, gradients(product, parameters), strict=True):
                    summed += slope
        # (The code divides by the sum of all scores, which changes no order.)
        return {
            name: weight.detach() * slope
            for (name, weight), slope in zip(weights.items(), curved, strict=True)
        }

    def _slopes(
        self, net: nn.Module, rows: Rows, indices: Tensor, *, create_graph: bool = False
    ) -> list[Tensor]:
        """Gradients on some rows; float32 in any precision, since T^2 makes them tiny."""
        inputs, labels, of_rows = rows.take(indices)
        loss = rows.data.head.loss(net(inputs) / self.temperature, labels, of_rows)
        return gradients(loss, list(prunable(net).values()), create_graph=create_graph)

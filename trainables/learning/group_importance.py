"""How important each weight is to each group of people: (gradient * weight)^2.

Lin, Kim, Joo, "FairGRAPE", ECCV 2022, eqs. 5-8, after the first-order criterion of Molchanov et
al., "Importance Estimation for Neural Network Pruning", CVPR 2019. Their code scores augmented
images in training mode and adds up gradients over groups and batches. Here each gradient is that
of one group, on images as they are, without dropout and by the running statistics of batch norms:
by a batch's own statistics its groups would change each other's gradients.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from trainables.data.batches import TrialData
from trainables.learning.pruning_rows import PruningRows, passes
from trainables.masks import Masks
from trainables.modules import evaluating

Score = Literal["squares", "mean"]


@dataclass(frozen=True, eq=False)
class Importance:
    """What every kept weight of a network means to each group."""

    # Layer -> (groups, kept weights) float32; weights in the order of their flat indices
    layers: dict[str, NDArray[np.float32]]
    groups: tuple[str, ...]  # their names
    rows: int  # that it took, each counted as often as it went through the network

    def shares(self) -> dict[str, NDArray[np.float64]]:
        """Layer -> (groups,) share of each group in the layer's importance; 0 where there is none.

        That is P_k of eq. 7, the target that selection holds on to.
        """
        return {name: _normalised(layer) for name, layer in self.layers.items()}


def _normalised(layer: NDArray[np.float32]) -> NDArray[np.float64]:
    totals: NDArray[np.float64] = layer.sum(1, dtype=np.float64)
    whole = totals.sum()
    return totals if whole == 0 else totals / whole


def group_importance(
    net: nn.Module,
    masks: Masks,
    data: TrialData,
    *,
    share: float,
    generator: torch.Generator,
    batch_size: int,
    score: Score = "squares",
    by_group: bool = True,
) -> Importance:
    """The importance of the weights that `masks` keep to each of `data`'s groups to prune by.

    A batch has equally many rows of each group, batch_size / groups of them, and one gradient of
    the mean loss is taken per group. "squares" is the mean over batches of (gradient * weight)^2,
    "mean" the square of the mean. The former grows with the variance of the gradients, which equal
    numbers of rows keep from favouring small groups.

    So many batches are taken as make the share `share` of train, rounded up. They are drawn from
    `generator`; of a group that has too few rows, all are passed again in another order. Without
    `by_group` all rows are one group.
    """
    rows = PruningRows(data)
    names = data.pruning_group_names if by_group else ("all",)
    size = max(1, batch_size // len(names))
    batches = max(1, math.ceil(share * len(rows) / (size * len(names))))
    drawn = [
        passes(members, batches * size, generator).to(data.device).split(size)
        for members in rows.members(by_group)
    ]
    weights = masks.check(net)
    totals = _Totals(list(weights.values()), len(names), score)
    with evaluating(net), _differentiable(list(weights.values())):
        for batch in zip(*drawn, strict=True):
            for group, indices in enumerate(batch):
                inputs, labels, of_rows = rows.take(indices)
                totals.add(group, data.head.loss(data.forward(net, inputs), labels, of_rows))
    layers = {name: totals.take(layer, masks[name], batches) for layer, name in enumerate(weights)}
    return Importance(layers, names, batches * size * len(names))


def importance_shares(
    net: nn.Module,
    masks: Masks,
    data: TrialData,
    *,
    share: float,
    generator: torch.Generator,
    batch_size: int,
    score: Score = "squares",
) -> dict[str, list[float]]:
    """Layer -> share of each of `data.pruning_group_names` in its importance (FairGRAPE, fig. 5).

    `net` may be any network under any masks.
    """
    importance = group_importance(
        net,
        masks,
        data,
        share=share,
        generator=generator,
        batch_size=batch_size,
        score=score,
    )
    return {name: of_groups.tolist() for name, of_groups in importance.shares().items()}


class _Totals:
    """Sums over batches, for each group and layer: of g^2 or of g.

    The weights are multiplied in at the end. Sums are float32: of squares, which do not cancel,
    they are exact to about 1e-6. They lie in memory as gradients do.
    """

    def __init__(self, weights: Sequence[nn.Parameter], groups: int, score: Score) -> None:
        self._weights = weights
        self._squares = score == "squares"
        self._sums: list[list[Tensor | None]] = [[None] * groups for _ in weights]

    @torch.no_grad()
    def add(self, group: int, loss: Tensor) -> None:
        """Adds the gradient of `loss`; a layer that it does not depend on gets none."""
        slopes = torch.autograd.grad(loss, self._weights, allow_unused=True)
        for sums, slope in zip(self._sums, slopes, strict=True):
            if slope is None:
                continue
            total = sums[group]
            if total is None:
                sums[group] = slope.square() if self._squares else slope.clone()
            elif self._squares:
                total.addcmul_(slope, slope)
            else:
                total.add_(slope)

    @torch.no_grad()
    def take(self, layer: int, mask: Tensor, batches: int) -> NDArray[np.float32]:
        """(groups, kept weights) importance of a layer, whose sums are forgotten."""
        weight = self._weights[layer]
        kept = mask.to(weight.device).flatten()
        whole = bool(kept.all())

        def of_kept(values: Tensor) -> Tensor:
            return values.reshape(-1) if whole else values.reshape(-1)[kept]

        theta = of_kept(weight.detach())
        factor = theta.square().div_(batches) if self._squares else theta.div(batches)
        sums, self._sums[layer] = self._sums[layer], []
        scores = torch.zeros(len(sums), len(theta), dtype=theta.dtype, device=theta.device)
        for of_group, total in zip(scores, sums, strict=True):
            if total is not None:
                torch.mul(of_kept(total), factor, out=of_group)
        if not self._squares:
            scores.square_()
        return scores.cpu().numpy()


@contextmanager
def _differentiable(weights: Sequence[nn.Parameter]) -> Iterator[None]:
    """Gradients for `weights`, also where a network holds some of them fixed."""
    before = [weight.requires_grad for weight in weights]
    for weight in weights:
        weight.requires_grad_(True)
    try:
        yield
    finally:
        for weight, required in zip(weights, before, strict=True):
            weight.requires_grad_(required)

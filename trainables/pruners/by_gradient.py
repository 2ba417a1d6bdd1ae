"""What SNIP and GraSP share: which network is scored, on which rows, and how many weights stay.

Lin, Kim, Joo, "FairGRAPE", ECCV 2022 (released code), score a randomly re-initialised copy of a
network that was trained on another task, put the mask on that network as it was, and train it once
on the task: no dense network is trained on it.
"""

from __future__ import annotations

import copy
import math
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Annotated, ClassVar, Literal

import torch
from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass
from torch import Tensor, nn

from trainables.data.batches import TrialData
from trainables.learning.pruning_rows import PruningRows, passes
from trainables.masks import Masks, keep_largest, prunable
from trainables.pruners.one_shot import OneShot
from trainables.pruners.rounds import kept_of
from trainables.stage import Context, EarlierWeights, Settings, StageRun, finite


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class ByGradient(Settings):
    """Scores every weight once, by gradients on a few rows of train; the largest scores stay.

    Each layer keeps ceil((1 - sparsity) * its weights). With scope "global" all layers together
    keep as many, none of them less than one. Of equal scores the first weight stays.
    """

    sparsity: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.9  # share removed
    scope: Literal["global", "layer"] = "global"
    # random: a re-initialised copy; pretrained: as the dense training starts; trained: the dense
    score_on: Literal["random", "pretrained", "trained"] = "trained"
    mask_on: Literal["pretrained", "trained"] = "trained"  # whose weights are left
    minority_only: bool = False  # rows of all groups to prune by but the largest

    name: ClassVar[str]
    redrawn: ClassVar[tuple[type[nn.Module], ...]] = (nn.Module,)  # layers of a random copy
    learns_from: ClassVar[str] = "train"

    @property
    def needs(self) -> frozenset[EarlierWeights]:
        return frozenset({"initial"} if "pretrained" in (self.score_on, self.mask_on) else ())

    @property
    def prunes_by_groups(self) -> bool:
        return self.minority_only

    @abstractmethod
    def samples(self, classes: int) -> int:
        """How many rows the scores take, each counted as often as the network sees it."""

    @abstractmethod
    def scores(self, net: nn.Module, rows: Rows, generator: torch.Generator) -> dict[str, Tensor]:
        """Scores of the weights of `net` by name; `net` is a copy that is thrown away."""

    def start(self, context: Context) -> StageRun:
        rows = Rows(self.name, context.data, self.minority_only)
        trained = context.latest_or_dense().net
        masked = self._of(self.mask_on, trained, context)
        scored = masked if self.score_on == "random" else self._of(self.score_on, trained, context)
        if _shapes(scored) != _shapes(masked):
            raise ValueError(
                f"{self.name}: score_on {self.score_on!r} and mask_on {self.mask_on!r} need "
                "networks of the same layers, the dense net's training has replaced some"
            )

        def chosen(_: nn.Module, generator: torch.Generator) -> Masks:
            net = copy.deepcopy(scored).cpu().requires_grad_(True).train()
            if self.score_on == "random":
                _reinitialise(net, self.redrawn, generator)
            scores = self.scores(net.to(context.device), rows, generator)
            total = sum(float(layer.sum(dtype=torch.float64)) for layer in scores.values())
            finite(self.name, {"score": total})
            return _largest(scores, self.sparsity, self.scope)

        samples = self.samples(context.data.n_classes)
        return OneShot(context, chosen, net=masked, samples=samples)

    def _of(self, which: str, trained: nn.Module, context: Context) -> nn.Module:
        return context.start_of_training(self.name) if which == "pretrained" else trained


class Rows:
    """The rows that may be drawn for scores."""

    def __init__(self, stage: str, data: TrialData, minority_only: bool) -> None:
        """Raises ValueError, naming `stage`, where minorities are asked for and there are none."""
        self.data = data
        self._stage = stage
        self._rows = PruningRows(data)
        self._members = torch.arange(len(self._rows))
        if minority_only:
            if len(data.pruning_group_names) < 2:
                raise ValueError(
                    f"{stage}: minority_only needs at least 2 groups to prune by, "
                    f"got {', '.join(data.pruning_group_names)}"
                )
            self._members = self._rows.of_minorities()

    def drawn(self, count: int, generator: torch.Generator) -> Tensor:
        """(count,) indices of rows, drawn without favour."""
        return passes(self._members, count, generator)

    def per_class(self, count: int, generator: torch.Generator) -> Tensor:
        """(count * classes,) indices: the first of each class, the second of each class, ..."""
        of_classes = self._rows.of_classes(self._members)
        for label, members in enumerate(of_classes):
            if not len(members):
                raise ValueError(
                    f"{self._stage}: every class must have rows to score on, class {label} has 0"
                )
        drawn = [passes(members, count, generator) for members in of_classes]
        return torch.stack(drawn, dim=1).flatten()

    def take(self, indices: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Inputs as a network gets them, labels and weights of the rows."""
        return self._rows.take(indices.to(self.data.device))


@torch.no_grad()
def _reinitialise(
    net: nn.Module, kinds: tuple[type[nn.Module], ...], generator: torch.Generator
) -> None:
    """Draws the weights of such layers anew (Xavier, normal); everything else stays."""
    for name, weight in prunable(net).items():
        if isinstance(net.get_submodule(name.rpartition(".")[0]), kinds):
            nn.init.xavier_normal_(weight, generator=generator)


def _shapes(net: nn.Module) -> dict[str, torch.Size]:
    return {name: weight.shape for name, weight in prunable(net).items()}


def _largest(scores: Mapping[str, Tensor], sparsity: float, scope: str) -> Masks:
    everything = {name: torch.ones_like(s, dtype=torch.bool) for name, s in scores.items()}
    keep = kept_of(Masks(everything), 1.0 - sparsity)
    if scope == "layer":
        return Masks({name: keep_largest(layer, keep[name]) for name, layer in scores.items()})
    flat = [_first_kept(layer.flatten()) for layer in scores.values()]
    kept = keep_largest(torch.cat(flat), sum(keep.values())).split([len(layer) for layer in flat])
    return Masks(
        {
            name: mask.view(layer.shape)
            for (name, layer), mask in zip(scores.items(), kept, strict=True)
        }
    )


def _first_kept(scores: Tensor) -> Tensor:
    """The scores of a layer with an infinite largest one, so that a layer never loses all."""
    best = int(keep_largest(scores, 1).nonzero())
    return scores.index_fill(0, torch.tensor(best, device=scores.device), math.inf)


def gradients(
    loss: Tensor, weights: Sequence[Tensor], *, create_graph: bool = False
) -> list[Tensor]:
    """Gradients of `loss`; 0 for a weight that it does not depend on."""
    slopes = torch.autograd.grad(loss, weights, create_graph=create_graph, allow_unused=True)
    return [
        torch.zeros_like(weight) if slope is None else slope
        for weight, slope in zip(weights, slopes, strict=True)
    ]

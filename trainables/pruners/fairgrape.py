"""Prunes in rounds so that each group keeps its share of every layer's importance.

Lin, Kim, Joo, "FairGRAPE: Fairness-aware GRAdient Pruning mEthod for Face Attribute
Classification", ECCV 2022, arXiv:2207.10888, section 3.2 and algorithm 1. The paper's r is what a
round removes, 1 - kappa. Where the text, algorithm and released code disagree: a layer keeps
ceil(density * weights), never less than asked for; shares to hold on to are those before the
round (`target`); the epoch of the best validation loss is not picked, each of the final
retraining is offered instead.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal

import numpy as np
import torch
from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass
from torch import nn

from trainables.data.batches import TrialData
from trainables.learning.group_importance import Importance, Score, group_importance
from trainables.masks import Masks
from trainables.pruners.rounds import (
    Choice,
    Chooser,
    RoundPlan,
    RoundsRun,
    by_chance,
    by_magnitude,
)
from trainables.pruners.selection import Rule, Shares, select, select_layers
from trainables.stage import Context, Settings, StageRun, finite

__all__ = ["FairGrape", "select"]


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class FairGrape(Settings):
    """Rounds of selection by group importance and masked training, then three-rate retraining.

    After round i each layer keeps ceil(max(kappa^i, 1 - sparsity) * its weights). Criteria other
    than "groups" are controls, which prune in the same rounds: "taylor" by the importance to all
    rows together, "magnitude" by the size of weights, "random" by lot.
    """

    kappa: Annotated[float, Field(gt=0.0, lt=1.0)] = 0.9  # share of the weights a round keeps
    sparsity: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.9  # share removed at the end
    round_epochs: Annotated[int, Field(ge=1)] = 5
    lr: Annotated[float, Field(gt=0.0, allow_inf_nan=False)] = 1e-5  # between prunings
    final_epochs: Annotated[int, Field(ge=0)] = 19  # 13, 3 and 3 at the final rates
    final_lr: Annotated[float, Field(gt=0.0, allow_inf_nan=False)] = 1e-4  # then /10, then /100
    share: Annotated[float, Field(gt=0.0, le=1.0)] = 0.2  # of train that importance is taken on
    batch_size: Annotated[int, Field(ge=2)] = 64  # of all groups together
    score: Score = "squares"  # mean of the batches' squares | square of their mean
    target: Literal["current", "original"] = "current"  # whose shares: before the round | at first
    rule: Rule = "paper"
    criterion: Literal["groups", "taylor", "magnitude", "random"] = "groups"

    learns_from: ClassVar[str] = "train"

    @property
    def leaves_candidates(self) -> bool:
        return True

    @property
    def prunes_by_groups(self) -> bool:
        return self.criterion == "groups"

    def start(self, context: Context) -> StageRun:
        plan = RoundPlan(
            kappa=self.kappa,
            sparsity=self.sparsity,
            round_epochs=self.round_epochs,
            lr=self.lr,
            batch_size=self.batch_size,
            final_epochs=self.final_epochs,
            final_lr=self.final_lr,
        )
        return RoundsRun("fairgrape", context, plan, self._chooser(context.data))

    def _chooser(self, data: TrialData) -> Chooser:
        if self.criterion == "magnitude":
            return by_magnitude()
        return by_chance() if self.criterion == "random" else _ByImportance(self, data)


class _ByImportance(Chooser):
    """Selects by the importance to each group, or to everybody."""

    def __init__(self, settings: FairGrape, data: TrialData) -> None:
        super().__init__()
        self._settings, self._data = settings, data

    def choose(
        self, net: nn.Module, masks: Masks, keep: Mapping[str, int], generator: torch.Generator
    ) -> Choice:
        settings = self._settings
        by_group = settings.criterion == "groups"
        importance = group_importance(
            net,
            masks,
            self._data,
            share=settings.share,
            generator=generator,
            batch_size=settings.batch_size,
            score=settings.score,
            by_group=by_group,
        )
        _check_finite(importance)
        shares = importance.shares()
        selected = select_layers(
            importance.layers,
            keep,
            settings.rule,
            self._original(shares) if settings.target == "original" else None,
            threads=torch.get_num_threads(),
        )
        chosen = {}
        for name, mask in masks.items():
            chosen[name] = mask.clone()
            chosen[name][mask] = torch.from_numpy(selected[name]).to(mask.device)
        shown = {name: of_groups.tolist() for name, of_groups in shares.items()}
        return Choice(
            Masks(chosen),
            importance.rows,
            importance=shown if by_group else {},
            groups=importance.groups if by_group else (),
        )

    def _original(self, shares: Mapping[str, Shares]) -> dict[str, Shares]:
        """The shares before the first round; equal ones in layers that meant nothing to anybody.

        `shares` are those before this round.
        """
        if not self.memory:
            self.memory = {name: of_groups.tolist() for name, of_groups in shares.items()}
        targets = {name: np.array(of_groups) for name, of_groups in self.memory.items()}
        return {
            name: target if target.any() else np.full(len(target), 1 / len(target))
            for name, target in targets.items()
        }


def _check_finite(importance: Importance) -> None:
    """Raises FloatingPointError where a weight's importance is NaN or infinite."""
    total = sum(float(layer.sum(dtype=np.float64)) for layer in importance.layers.values())
    finite("fairgrape", {"importance": total})

"""Fine-tunes the kept weights by cross-entropy that is multiplied while batches are biased.

Savani, White, Govindarajulu, "Intra-Processing Methods for Debiasing Neural Networks", NeurIPS
2020, arXiv:2006.08564; as Prune + Adv.Ft in Zhang, Gao, Huang, "Recover Fair Deep
Classification Models via Altering Pre-trained Structure", ECCV 2022, section 4.1. Instead of
blocks of critic and of actor steps, each batch gives one of both, and an epoch is one pass.
"""

from __future__ import annotations

from typing import ClassVar

from pydantic import ConfigDict
from pydantic.dataclasses import dataclass

from trainables.recoveries.fair_tuning import FairTuning, TuningRun
from trainables.stage import Context, StageRun


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class Adversarial(FairTuning):
    """Fair tuning of what the stage before left, or of the dense network; masks stay."""

    name: ClassVar[str] = "adversarial"

    def start(self, context: Context) -> StageRun:
        return TuningRun(self, context, context.latest_or_dense().clone())

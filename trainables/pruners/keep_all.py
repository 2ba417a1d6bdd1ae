"""No pruning, so that recoveries can be tried on the dense network.

The row without pruning of Zhang, Gao, Huang, "Recover Fair Deep Classification Models via Altering
Pre-trained Structure", ECCV 2022 (adversarial fine-tuning).
"""

from __future__ import annotations

from typing import ClassVar

from pydantic import ConfigDict
from pydantic.dataclasses import dataclass

from trainables.masks import Masks
from trainables.pruners.one_shot import OneShot
from trainables.stage import Context, Settings, StageRun


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class KeepAll(Settings):
    """Keeps every weight."""

    learns_from: ClassVar[str] = "nothing"

    def start(self, context: Context) -> StageRun:
        return OneShot(context, lambda net, _: Masks.keep_all(net))

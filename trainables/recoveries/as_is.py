"""No recovery, so that a pruned network is also judged as the pruner left it.

The fair sub-network without fine-tuning of Zhang, Gao, Huang, ECCV 2022, section 3.2.
"""

from __future__ import annotations

from typing import ClassVar

from pydantic import ConfigDict
from pydantic.dataclasses import dataclass

from trainables.stage import Context, Settings, StageRun, Unchanged


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class AsIs(Settings):
    """Leaves what the stage before left unchanged."""

    inputs: ClassVar[int] = 1
    learns_from: ClassVar[str] = "nothing"

    def start(self, context: Context) -> StageRun:
        return Unchanged(context.latest("as_is"))

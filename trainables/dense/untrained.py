"""The network as it was initialised.

For methods that prune before any training, such as Lee, Ajanthan, Torr, "SNIP", ICLR 2019,
arXiv:1810.02340.
"""

from __future__ import annotations

from typing import ClassVar

from pydantic import ConfigDict
from pydantic.dataclasses import dataclass

from trainables.dense.given import untrained_copy
from trainables.stage import Context, EarlierWeights, Settings, StageRun, Unchanged


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class Untrained(Settings):
    """Takes the network with its initial weights."""

    learns_from: ClassVar[str] = "nothing"

    @property
    def needs(self) -> frozenset[EarlierWeights]:
        return frozenset({"initial"})

    def start(self, context: Context) -> StageRun:
        return Unchanged(untrained_copy(context))

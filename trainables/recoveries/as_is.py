"""No recovery, so that a pruned network is also judged as the pruner left it.

The fair sub-network without fine-tuning of Zhang, Gao, Huang, ECCV 2022, section 3.2.
"""

from __future__ import annotations

from typing import ClassVar

import torch
from pydantic import ConfigDict
from pydantic.dataclasses import dataclass

from trainables.masks import MaskedNet
from trainables.stage import Context, Run, State, newest


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class AsIs:
    """Leaves the newest result unchanged."""

    inputs: ClassVar[int] = 1
    learns_from: ClassVar[str] = "nothing"

    def start(self, context: Context) -> Run:
        return _Unchanged(newest("as_is", context))


class _Unchanged(Run):
    epochs = 1

    def __init__(self, incoming: MaskedNet) -> None:
        self._incoming = incoming

    def epoch(self, generator: torch.Generator) -> dict[str, float]:
        return {}

    def result(self) -> MaskedNet:
        return self._incoming

    def state_dict(self) -> State:
        return {}

    def load_state_dict(self, state: State) -> None:
        """There is nothing to restore."""

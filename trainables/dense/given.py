"""The user's trained network, taken as it is.

Intra-processing starts from a given, unfair network: Savani, White, Govindarajulu, NeurIPS 2020,
arXiv:2006.08564.
"""

from __future__ import annotations

import copy
from typing import ClassVar

from pydantic import ConfigDict
from pydantic.dataclasses import dataclass

from trainables.masks import MaskedNet, Masks
from trainables.stage import Context, Settings, StageRun, Unchanged


def untrained_copy(context: Context) -> MaskedNet:
    """A copy of `context.initial` on the trial's device, with every weight kept."""
    net = copy.deepcopy(context.start_of_training("untrained")).to(context.device)
    return MaskedNet(net, Masks.keep_all(net))


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class Given(Settings):
    """Takes the network with the weights that were loaded into it."""

    learns_from: ClassVar[str] = "nothing"

    def start(self, context: Context) -> StageRun:
        return Unchanged(untrained_copy(context))

"""The user's trained network, taken as it is.

Intra-processing starts from a given, unfair network: Savani, White, Govindarajulu, NeurIPS 2020,
arXiv:2006.08564.
"""

from __future__ import annotations

import copy
from typing import ClassVar

import torch
from pydantic import ConfigDict
from pydantic.dataclasses import dataclass

from trainables.masks import MaskedNet, Masks
from trainables.stage import Context, Run, State


class Unchanged(Run):
    """One epoch without training; the result is a copy of `context.untrained`."""

    epochs = 1

    def __init__(self, context: Context) -> None:
        net = copy.deepcopy(context.untrained).to(context.device)
        self._masked = MaskedNet(net, Masks.keep_all(net))

    def epoch(self, generator: torch.Generator) -> dict[str, float]:
        return {}

    def result(self) -> MaskedNet:
        return self._masked

    def state_dict(self) -> State:
        return {}

    def load_state_dict(self, state: State) -> None:
        """There is nothing to restore: the network comes from the context."""


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class Given:
    """Takes the network with the weights that were loaded into it."""

    inputs: ClassVar[int] = 0
    learns_from: ClassVar[str] = "nothing"

    def start(self, context: Context) -> Run:
        return Unchanged(context)

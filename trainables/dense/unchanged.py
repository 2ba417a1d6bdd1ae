"""The run of a dense stage that takes the network as it is."""

from __future__ import annotations

import copy

import torch

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

"""The run of a pruner that chooses its masks in one go."""

from __future__ import annotations

import copy
from collections.abc import Callable

import torch
from torch import nn

from trainables.masks import MaskedNet, Masks
from trainables.stage import Context, StageRun, State

Choose = Callable[[nn.Module, torch.Generator], Masks]


class OneShot(StageRun):
    """One epoch: chooses masks for a copy of a network and sets the removed weights to 0.

    The network is `net`, by default what the stage before left; in a first stage it is the dense
    one. `samples` are the rows that the choice takes, None those that `learns_from` says.
    """

    epochs = 1

    def __init__(
        self,
        context: Context,
        choose: Choose,
        *,
        net: nn.Module | None = None,
        samples: int | None = None,
    ) -> None:
        net = context.latest_or_dense().net if net is None else net
        self._net = copy.deepcopy(net).to(context.device)
        self._masks = Masks.keep_all(self._net)
        self._choose = choose
        self.samples = samples

    def epoch(self, generator: torch.Generator) -> dict[str, float]:
        self._masks = self._choose(self._net, generator)
        self._masks.apply_(self._net)
        return {}

    def result(self) -> MaskedNet:
        return MaskedNet(self._net, self._masks)

    def state_dict(self) -> State:
        return {"masks": self._masks.state_dict()}  # weights follow from them

    def load_state_dict(self, state: State) -> None:
        self._masks = Masks(state["masks"])
        self._masks.apply_(self._net)

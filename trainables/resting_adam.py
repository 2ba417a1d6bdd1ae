"""Adam for weights that take turns: those whose turn it is not rest, with their moments.

Kingma, Ba, "Adam: A Method for Stochastic Optimization", ICLR 2015, arXiv:1412.6980, algorithm 1,
with a step count for each weight.
"""

from __future__ import annotations

import torch
from torch import Tensor

from trainables.stage import State
from trainables.training import snapshot

BETA_1, BETA_2, EPSILON = 0.9, 0.999, 1e-8  # the paper's, and torch's


class RestingAdam:
    """Moments and step counts of `values` (n,), which are changed in place.

    A common step count would take the moments of a weight that comes in late, still near 0, for
    those of a small gradient's long history, and its first steps would be several times too long.
    """

    def __init__(self, values: Tensor) -> None:
        self.values = values
        self._first = torch.zeros_like(values)
        self._second = torch.zeros_like(values)
        self._steps = torch.zeros_like(values)

    @torch.no_grad()
    def step(self, turn: Tensor, gradient: Tensor, lr: float) -> None:
        """One step of the weights at the indices `turn` (k,) down their `gradient` (k,)."""
        steps = self._steps[turn] + 1
        first = self._first[turn].lerp(gradient, 1 - BETA_1)
        second = self._second[turn].lerp(gradient.square(), 1 - BETA_2)
        mean = first / (1 - BETA_1**steps)
        spread = (second / (1 - BETA_2**steps)).sqrt()
        self.values[turn] -= lr * mean / (spread + EPSILON)
        self._steps[turn], self._first[turn], self._second[turn] = steps, first, second

    def state_dict(self) -> State:
        return snapshot(self._tensors())

    def load_state_dict(self, state: State) -> None:
        for name, tensor in self._tensors().items():
            tensor.copy_(state[name])

    def _tensors(self) -> dict[str, Tensor]:
        return {
            "values": self.values,
            "first": self._first,
            "second": self._second,
            "steps": self._steps,
        }

"""Adam over all tensors of a small network at once, on the state that torch keeps."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.optim import Optimizer

from trainables.fused.loops import loops
from trainables.optimizers import Adam

_MOMENTS = ("exp_avg", "exp_avg_sq")
_PLAIN: dict[str, Any] = {
    "amsgrad": False,
    "maximize": False,
    "decoupled_weight_decay": False,
}  # what the loop does not do
_KINDS = {(kind, True, True) for kind in (torch.float32, torch.float64)}


class FlatAdam:
    """Does what `optimizer.step()` would do, under masks, in one loop.

    Values and moments of all tensors lie in one piece each, and the optimizer's own are slices of
    them: either may take the next step. Masked gradients and values are 0 in this one.
    """

    def __init__(
        self, optimizer: torch.optim.Adam, masks: Sequence[tuple[Tensor, Tensor]]
    ) -> None:
        """Rebinds the tensors' data. `masks` are pairs of a tensor and its mask, of its type."""
        self._optimizer = optimizer
        self._tensors: list[Tensor] = optimizer.param_groups[0]["params"]
        self._counts = [one.numel() for one in self._tensors]
        self.values = _joined(self._tensors)
        self._views = self._cut(self.values)
        for one, view in zip(self._tensors, self._views, strict=True):
            one.data = view
        kept = {id(tensor): mask for tensor, mask in masks}
        of_all = [kept.get(id(one), torch.ones_like(one)) for one in self._tensors]
        self._mask = (_joined(of_all) if kept else self.values.new_empty(0)).numpy()
        self._moments = [torch.zeros_like(self.values) for _ in _MOMENTS]
        self._steps = torch.zeros(len(self._tensors))
        self._rates = np.zeros(5)
        self._state = [one.numpy() for one in (*self._moments, self._steps)]
        self.numbers: NDArray[Any] = self.values.numpy()
        self._bound = False  # the optimizer's state to these

    @classmethod
    def of(
        cls, optimizer: Optimizer, masks: Sequence[tuple[Tensor, Tensor]] = ()
    ) -> FlatAdam | None:
        """None for an optimizer, or tensors, that the loop does not fit."""
        if not isinstance(optimizer, torch.optim.Adam) or len(optimizer.param_groups) != 1:
            return None
        if type(optimizer) not in (Adam, torch.optim.Adam):  # what a class of it changes: unknown
            return None
        group = optimizer.param_groups[0]
        plain = all(group.get(name, off) == off for name, off in _PLAIN.items())
        kinds = {(one.dtype, one.is_cpu, one.is_contiguous()) for one in group["params"]}
        fits = len(kinds) == 1 and kinds <= _KINDS
        return cls(optimizer, masks) if plain and fits else None

    @property
    def starts(self) -> dict[int, int]:
        """Where each tensor begins in `values`, by its id."""
        starts = accumulate(self._counts, initial=0)
        return {id(one): start for one, start in zip(self._tensors, starts, strict=False)}

    def renew(self) -> None:
        """Has the next step take over the optimizer's state, which somebody has changed."""
        self._bound = False

    def arrays(self) -> tuple[NDArray[Any], ...] | None:
        """Both moments, counts of steps and rates, as `adam_kernel.step` takes them.

        None where the tensors do not stand at the same step: torch skips those without gradient.
        """
        if not self._bound:
            self._bound = self._bind()
        if not self._bound:
            return None
        group = self._optimizer.param_groups[0]
        self._rates[:] = (group["lr"], *group["betas"], group["eps"], group["weight_decay"])
        return (*self._state, self._rates)

    def step(self, slopes: Tensor | None) -> bool:
        """One step down `slopes`, flat, added to the gradients that the tensors hold, if any.

        False, and none, where the optimizer itself has to do it.
        """
        held = [one.grad for one in self._tensors]
        missing = sum(one is None for one in held)
        some = missing < len(held)
        if slopes is None and missing:
            return False
        if some and any(
            one.data_ptr() != view.data_ptr()
            for one, view in zip(self._tensors, self._views, strict=True)
        ):
            return False  # somebody has moved them
        if self.arrays() is None:
            return False
        if some:
            given = [
                torch.zeros_like(one) if grad is None else grad
                for one, grad in zip(self._tensors, held, strict=True)
            ]
            slopes = _joined(given) if slopes is None else slopes + _joined(given)
        return slopes is not None and self.step_down(slopes.numpy())

    def step_down(self, slopes: NDArray[Any]) -> bool:
        """One step down `slopes`, flat, whatever gradients the tensors hold; else as `step`."""
        state = self.arrays()
        if state is None:
            return False
        loops().adam.step(self.numbers, slopes, self._mask, *state)
        return True

    def hand_out(self, slopes: Tensor) -> None:
        """Adds flat slopes to the gradients that the tensors hold."""
        for one, piece in zip(self._tensors, self._cut(slopes), strict=True):
            one.grad = piece if one.grad is None else one.grad + piece

    def _cut(self, flat: Tensor) -> list[Tensor]:
        pieces = flat.split(self._counts)
        return [piece.view(one.shape) for piece, one in zip(pieces, self._tensors, strict=True)]

    def _bind(self) -> bool:
        """Makes the optimizer's state slices of ours, with the values that it has."""
        states = [self._optimizer.state[one] for one in self._tensors]
        steps = {float(state["step"]) if state else 0.0 for state in states}
        if len(steps) > 1:
            return False
        self._steps.fill_(steps.pop())
        for name, flat in zip(_MOMENTS, self._moments, strict=True):
            for state, view in zip(states, self._cut(flat), strict=True):
                if state:
                    view.copy_(state[name])
                else:
                    view.zero_()
        moments = zip(*(self._cut(flat) for flat in self._moments), strict=True)
        for state, count, pair in zip(states, self._steps.unbind(), moments, strict=True):
            state.update(zip(_MOMENTS, pair, strict=True), step=count)
        return True


def _joined(tensors: Sequence[Tensor]) -> Tensor:
    return torch.cat([one.detach().reshape(-1) for one in tensors])

"""Adam's step over all tensors of a small network at once, on the state that torch keeps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.optim import Adam, Optimizer

from trainables.fused.leaf import Leaf

_STATE = ("exp_avg", "exp_avg_sq", "step")
_PLAIN: dict[str, Any] = {
    "amsgrad": False,
    "maximize": False,
    "decoupled_weight_decay": False,
}  # what the loop does not do


class AdamStep:
    """Does what `optimizer.step()` would do, under masks, wherever `ready` says that it can.

    Masked gradients and values are 0 in it. Moments and counts of steps stay those of
    `optimizer`, which has to take the first step itself.
    """

    def __init__(self, optimizer: Adam, masks: Sequence[tuple[Tensor, Tensor]]) -> None:
        """`masks` are pairs of a tensor and its mask, of the same type."""
        self._optimizer = optimizer
        self._masks = {id(tensor): mask for tensor, mask in masks}
        self._tensors: list[Tensor] = []
        self._state: list[Tensor] = []  # which are kept, since they are reached by address
        self._where = np.zeros((0, 6), np.int64)
        self._counts = np.zeros(0, np.int64)

    @classmethod
    def of(cls, optimizer: Optimizer, masks: Sequence[tuple[Tensor, Tensor]]) -> AdamStep | None:
        """None for an optimizer that does something else than the loop."""
        if type(optimizer) is not Adam or len(optimizer.param_groups) != 1:
            return None
        group = optimizer.param_groups[0]
        plain = all(group.get(name, off) == off for name, off in _PLAIN.items())
        return cls(optimizer, masks) if plain else None

    def ready(self) -> bool:
        """Whether every tensor that learns, its state and its gradient lie as the loop needs."""
        group, state = self._optimizer.param_groups[0], self._optimizer.state
        tensors: list[Tensor] = group["params"]
        if len(state) != len(tensors):
            return False
        places = [one.data_ptr() for one in tensors]
        moments = [state[one]["exp_avg"].data_ptr() for one in (tensors[0], tensors[-1])]
        known = len(self._where) == len(tensors) and moments == self._where[[0, -1], 2].tolist()
        if not known or places != self._where[:, 0].tolist():
            self._look()
        return len(self._where) > 0

    def _look(self) -> None:
        """Notes where everything lies."""
        group, state = self._optimizer.param_groups[0], self._optimizer.state
        self._where = np.zeros((0, 6), np.int64)
        self._tensors = list(group["params"])
        kind, rows = self._tensors[0].dtype, []
        self._state = [state[one][name] for one in self._tensors for name in _STATE]
        if kind not in (torch.float32, torch.float64):
            return
        if not all(one.is_cpu and one.is_contiguous() for one in (*self._tensors, *self._state)):
            return
        for one in self._tensors:
            first, second, steps = (state[one][name] for name in _STATE)
            mask = self._masks.get(id(one))
            if {one.dtype, first.dtype, second.dtype} != {kind} or steps.dtype != torch.float32:
                return
            places = (first.data_ptr(), second.data_ptr(), steps.data_ptr())
            rows.append((one.data_ptr(), 0, *places, 0 if mask is None else mask.data_ptr()))
        self._where = np.array(rows)
        self._counts = np.array([one.numel() for one in self._tensors])
        self._like = np.zeros(1, np.float32 if kind == torch.float32 else np.float64)

    def step(self, leaf: Leaf | None = None) -> bool:
        """One step down the gradients that the tensors hold; False, and none, if not `ready`."""
        if not self.ready():
            return False
        from trainables.fused.adam_kernel import step  # numba is loaded where it is needed

        group = self._optimizer.param_groups[0]
        of_leaf = None if leaf is None else leaf.slopes()
        if leaf is not None and of_leaf is None:
            leaf.hand_out()
        of_leaf = of_leaf or {}
        slopes = [None if id(one) in of_leaf else one.grad for one in self._tensors]
        kept = [None if one is None else one.contiguous() for one in slopes]
        self._where[:, 1] = [
            of_leaf.get(id(tensor), 0) if one is None else one.data_ptr()
            for tensor, one in zip(self._tensors, kept, strict=True)
        ]
        rates = (group["lr"], *group["betas"], group["eps"], group["weight_decay"])
        step(self._where, self._counts, np.array(rates), self._like)
        return True

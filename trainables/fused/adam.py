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

    def __init__(
        self,
        optimizer: Adam,
        masks: Sequence[tuple[Tensor, Tensor]],
        leaf: Leaf | None = None,
    ) -> None:
        """`masks` are pairs of a tensor and its mask, of the same type.

        Where `leaf` has all the gradients of its parameters, they are taken from there.
        """
        self._leaf = leaf
        place = {id(one): i for i, one in enumerate(leaf.parameters if leaf is not None else [])}
        tensors = optimizer.param_groups[0]["params"]
        self._mine = [i for i, one in enumerate(tensors) if id(one) in place]
        self._theirs = [place[id(tensors[i])] for i in self._mine]
        self._others = sorted(set(range(len(tensors))) - set(self._mine))
        self._optimizer = optimizer
        self._masks = {id(tensor): mask for tensor, mask in masks}
        self._tensors: list[Tensor] = []
        self._state: list[Tensor] = []  # which are kept, since they are reached by address
        self._where = np.zeros((0, 6), np.int64)
        self._counts = np.zeros(0, np.int64)

    @classmethod
    def of(
        cls,
        optimizer: Optimizer,
        masks: Sequence[tuple[Tensor, Tensor]],
        leaf: Leaf | None = None,
    ) -> AdamStep | None:
        """None for an optimizer that does something else than the loop."""
        if type(optimizer) is not Adam or len(optimizer.param_groups) != 1:
            return None
        group = optimizer.param_groups[0]
        plain = all(group.get(name, off) == off for name, off in _PLAIN.items())
        return cls(optimizer, masks, leaf) if plain else None

    def renew(self) -> None:
        """Has the next step look again at where everything lies.

        Between two calls of this nobody may move a tensor, or load a state into the optimizer.
        """
        self._where = np.zeros((0, 6), np.int64)

    def ready(self) -> bool:
        """Whether every tensor that learns, and its state, lie as the loop needs."""
        if len(self._optimizer.state) != len(self._optimizer.param_groups[0]["params"]):
            return False
        if len(self._where) == 0:
            self._look()
        return len(self._where) > 0

    def _look(self) -> None:
        """Notes where everything lies."""
        group, state = self._optimizer.param_groups[0], self._optimizer.state
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

    def step(self) -> bool:
        """One step down the gradients that the tensors hold; False, and none, if not `ready`."""
        if not self.ready():
            return False
        from trainables.fused.adam_kernel import step  # numba is loaded where it is needed

        group, leaf = self._optimizer.param_groups[0], self._leaf
        alone = leaf is not None and leaf.alone()
        if leaf is not None and not alone:
            leaf.hand_out()
        kept = []  # until the loop has read them
        for i in self._others if alone else range(len(self._tensors)):
            tensor = self._tensors[i]
            slope = None if tensor.grad is None else tensor.grad.contiguous()
            kept.append(slope)
            self._where[i, 1] = 0 if slope is None else slope.data_ptr()
        if alone and leaf is not None and leaf.tensor.grad is not None:
            self._where[self._mine, 1] = leaf.tensor.grad.data_ptr() + leaf.starts[self._theirs]
        rates = (group["lr"], *group["betas"], group["eps"], group["weight_decay"])
        step(self._where, self._counts, np.array(rates), self._like)
        return True

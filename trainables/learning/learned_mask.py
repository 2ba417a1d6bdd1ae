"""A frozen network under a mask that learns: what every stage that learns a mask works on.

How a mask follows from what is learned is none of its business: from logits as in Zhang, Gao,
Huang, "Recover Fair Deep Classification Models via Altering Pre-trained Structure", ECCV 2022
(`flat_mask.MaskLogits`), or from scores as in Ramanujan et al., "What's Hidden in a Randomly
Weighted Neural Network?", CVPR 2020 (`mask_scores.MaskScores`).
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from trainables.data.batches import recalibrate_batch_norm
from trainables.fused.leaf import Leaf
from trainables.learning.flat_mask import FlatWeights
from trainables.learning.training import batch_statistics
from trainables.masks import MaskedNet, Masks, prunable
from trainables.stage import Context, State


class LearnedMask:
    """A copy of the network `start` whose prunable weights are theta * M.

    theta are the weights of `start`, which stay as they are. M keeps all of them at first. The
    mask that is shown is that of results; while it learns, the weights may be under another one.
    """

    def __init__(self, context: Context, start: nn.Module, learns_from: str) -> None:
        """`learns_from` is the split that normalisation statistics are estimated on."""
        self._context = context
        self._learns_from = learns_from
        self.net = copy.deepcopy(start)
        self.weights = FlatWeights(prunable(self.net))
        self.leaf: Leaf | None = None  # of the masked weights, for a loss of compiled loops
        if context.data.fused:
            starts = dict(zip(self.weights.parameters, self.weights.bounds, strict=False))
            self.leaf = self.weights.leaf = Leaf.of(self.net, self.weights.buffer, starts)
        # To look them up by name, as torch does, costs a small network as much as a step.
        self._parameters = list(self.net.parameters())
        self._buffers = [
            (f"{path}.{name}" if path else name, module, name)
            for path, module in self.net.named_modules()
            for name in module._buffers
        ]
        self.mask = torch.ones_like(self.weights.frozen, dtype=torch.bool)  # flat, as shown
        self._masks = Masks(self.weights.views(self.mask))

    @contextmanager
    def learning(self) -> Iterator[None]:
        """Batch statistics, and gradients for the masked weights alone.

        Afterwards every parameter asks for a gradient as it did before.
        """
        before = [(parameter, parameter.requires_grad) for parameter in self._parameters]
        for parameter, _ in before:
            parameter.requires_grad_(False)
        for parameter in self.weights.parameters.values():
            parameter.requires_grad_(True)
        try:
            with batch_statistics(self.net):
                yield
        finally:
            for parameter, required in before:
                parameter.requires_grad_(required)

    def show(self, mask: Tensor, generator: torch.Generator) -> None:
        """Puts the network under a flat bool `mask` (weights,), ready to be evaluated.

        The normalisation statistics are estimated anew for it.
        """
        self.set_mask(mask)
        data = self._context.data
        recalibrate_batch_norm(self.net, data, generator, part=self._learns_from)

    def set_mask(self, mask: Tensor) -> None:
        """Puts the network under a flat bool `mask` (weights,)."""
        self.weights.write(mask)
        if not torch.equal(mask, self.mask):  # else the same Masks, whose live units are known
            self.mask = mask
            self._masks = Masks(self.weights.views(mask))

    def buffers(self) -> State:
        """A copy of the normalisation statistics."""
        found = ((key, module._buffers[name]) for key, module, name in self._buffers)
        return {key: buffer.clone() for key, buffer in found if buffer is not None}

    def result(self) -> MaskedNet:
        """The network under the mask that was set last."""
        return MaskedNet(self.net, self._masks)

    def state_dict(self) -> State:
        return {"buffers": self.buffers(), "shown": self.mask.clone()}

    def load_state_dict(self, state: State) -> None:
        self.set_mask(state["shown"].to(self._context.device, copy=True))
        self.net.load_state_dict(state["buffers"], strict=False)

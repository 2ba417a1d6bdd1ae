"""A frozen network under a mask that learns: what every stage that learns a mask works on.

Zhang, Gao, Huang, "Recover Fair Deep Classification Models via Altering Pre-trained Structure",
ECCV 2022, section 3.2.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from trainables.data.batches import recalibrate_batch_norm
from trainables.learning.flat_mask import FlatWeights, LogitSettings, MaskLogits
from trainables.learning.training import batch_statistics
from trainables.masks import MaskedNet, Masks, prunable
from trainables.stage import Context, State, snapshot


class LearnedMask:
    """A copy of the network `start` whose prunable weights are theta * M, with a logit for each.

    theta are the weights of `start`, which stay as they are.
    """

    def __init__(self, context: Context, start: nn.Module, settings: LogitSettings) -> None:
        self._context = context
        self.net = copy.deepcopy(start)
        self.weights = FlatWeights(prunable(self.net))
        self.logits = MaskLogits(self.weights, settings)
        self.mask = self.logits.mask()  # flat, bool; that of results
        self._masks = Masks(self.weights.views(self.mask))

    @contextmanager
    def learning(self) -> Iterator[None]:
        """Batch statistics, and gradients for the masked weights alone.

        Afterwards every parameter asks for a gradient as it did before.
        """
        before = [(parameter, parameter.requires_grad) for parameter in self.net.parameters()]
        self.net.requires_grad_(False)
        for parameter in self.weights.parameters.values():
            parameter.requires_grad_(True)
        try:
            with batch_statistics(self.net):
                yield
        finally:
            for parameter, required in before:
                parameter.requires_grad_(required)

    def noise_generator(self, generator: torch.Generator) -> torch.Generator:
        """A generator for the mask's draws, on the device of the weights."""
        noise = torch.Generator(self._context.device)
        return noise.manual_seed(int(torch.randint(2**62, (), generator=generator)))

    def take_noise_off(self, generator: torch.Generator) -> Tensor:
        """Puts the network under the noise-free mask M*, a flat bool tensor, and returns that.

        The normalisation statistics are estimated anew for it.
        """
        mask = self.logits.mask()
        self.set_mask(mask)
        recalibrate_batch_norm(self.net, self._context.data, generator)
        return mask

    def set_mask(self, mask: Tensor) -> None:
        """Puts the network under a flat bool `mask` (weights,)."""
        self.weights.write(mask)
        if not torch.equal(mask, self.mask):  # else the same Masks, whose live units are known
            self.mask = mask
            self._masks = Masks(self.weights.views(mask))

    def buffers(self) -> State:
        """A copy of the normalisation statistics."""
        return snapshot(dict(self.net.named_buffers()))

    def result(self) -> MaskedNet:
        """The network under the mask that was set last."""
        return MaskedNet(self.net, self._masks)

    def state_dict(self) -> State:
        return {
            "logits": self.logits.state_dict(),
            "buffers": self.buffers(),
            "shown": self.mask.clone(),
        }

    def load_state_dict(self, state: State) -> None:
        self.logits.load_state_dict(state["logits"])
        self.set_mask(state["shown"].to(self._context.device, copy=True))
        self.net.load_state_dict(state["buffers"], strict=False)

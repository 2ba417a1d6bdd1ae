"""A frozen dense network under a mask that learns: what every stage that learns a mask works on.

Zhang, Gao, Huang, "Recover Fair Deep Classification Models via Altering Pre-trained Structure",
ECCV 2022, section 3.2.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

import torch
from torch import Tensor

from trainables.data.batches import recalibrate_batch_norm
from trainables.learning.flat_mask import FlatWeights, MaskLogits
from trainables.learning.training import batch_statistics
from trainables.masks import MaskedNet, Masks, prunable
from trainables.stage import Context, State, snapshot


class LearnedMask:
    """A copy of the dense network whose prunable weights are theta * M, with a logit for each."""

    def __init__(
        self,
        context: Context,
        *,
        initial: float,
        lr: float,
        ste: Literal["logit", "noisy"] = "logit",
        noise: bool = True,
        floor: bool = False,
    ) -> None:
        self._context = context
        self.net = MaskedNet(context.dense, Masks.keep_all(context.dense)).clone().net
        self.weights = FlatWeights(prunable(self.net))
        self.logits = MaskLogits(
            self.weights, initial=initial, lr=lr, ste=ste, noise=noise, floor=floor
        )
        self.shown = self.logits.mask()

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

    def noise(self, generator: torch.Generator) -> torch.Generator:
        """A generator for the mask's draws, on the device of the weights."""
        noise = torch.Generator(self._context.device)
        return noise.manual_seed(int(torch.randint(2**62, (), generator=generator)))

    def settle(self, generator: torch.Generator) -> Tensor:
        """Puts the network under the noise-free mask M*, a flat bool tensor, and returns that.

        The normalisation statistics are estimated anew for it.
        """
        mask = self.logits.mask()
        self.show(mask)
        recalibrate_batch_norm(self.net, self._context.data, generator)
        return mask

    def show(self, mask: Tensor) -> None:
        """Puts the network under a flat bool `mask` (weights,)."""
        self.shown = mask
        self.weights.write(mask)

    def buffers(self) -> State:
        """A copy of the normalisation statistics."""
        return snapshot(dict(self.net.named_buffers()))

    def result(self) -> MaskedNet:
        """The network under the mask that is shown."""
        return MaskedNet(self.net, Masks(self.weights.views(self.shown)))

    def state_dict(self) -> State:
        return {
            "logits": self.logits.state_dict(),
            "buffers": self.buffers(),
            "shown": self.shown.clone(),
        }

    def load_state_dict(self, state: State) -> None:
        self.logits.load_state_dict(state["logits"])
        self.show(state["shown"].to(self._context.device, copy=True))
        self.net.load_state_dict(state["buffers"], strict=False)

"""Learnable masks over frozen weights, kept in flat buffers that the network looks into.

Zhang, Gao, Huang, "Recover Fair Deep Classification Models via Altering Pre-trained Structure",
ECCV 2022, eqs. 7-9. theta * M is written in place into one contiguous buffer whose slices are the
network's weights, so a masked step costs no per-layer operations; flat passes go through the
buffers in pieces that stay in the processor's cache.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import torch
from torch import Tensor, nn

from trainables.stage import State, snapshot

LARGEST_LOGIT = 6.0  # beyond it the straight-through gradient sigma' vanishes (below .0025)
PIECE = 2**16  # elements of a flat pass that are worked on together


class FlatWeights:
    """Frozen weights theta of a network whose weights are slices of one buffer theta * M.

    Rebinds the data of the given parameters in place: they must belong to a copy of the network.
    """

    def __init__(self, weights: Mapping[str, nn.Parameter]) -> None:
        self.parameters = dict(weights)
        if len({id(p) for p in self.parameters.values()}) < len(self.parameters):
            raise ValueError("flat_mask: every weight may be given once, got a shared parameter")
        sizes = [p.numel() for p in self.parameters.values()]
        self.bounds = [0, *torch.tensor(sizes).cumsum(0).tolist()]
        self.frozen = torch.cat([p.detach().reshape(-1) for p in self.parameters.values()])
        self.buffer = self.frozen.clone()
        for name, view in self.views(self.buffer).items():
            self.parameters[name].data = view
        self._leaves = list(self.parameters.values())
        self._theta = list(self.views(self.frozen).values())

    @property
    def size(self) -> int:
        return self.frozen.numel()

    def views(self, flat: Tensor) -> dict[str, Tensor]:
        """Slices of `flat` (size,) in the shapes of the weights, by name."""
        shapes = [p.shape for p in self.parameters.values()]
        slices = [
            flat[a:b].view(s) for (a, b), s in zip(pairwise(self.bounds), shapes, strict=True)
        ]
        return dict(zip(self.parameters, slices, strict=True))

    @torch.no_grad()
    def write(self, mask: Tensor) -> None:
        """theta * M into the buffer, for a flat bool `mask` (size,)."""
        torch.mul(self.frozen, mask, out=self.buffer)

    def gradient(self, loss: Tensor, into: list[Tensor]) -> None:
        """dL/dM = theta * dL/dw, written into the views `into`, one per weight.

        0 for weights that the loss does not depend on.
        """
        slopes = torch.autograd.grad(loss, self._leaves, allow_unused=True)
        for slope, theta, view in zip(slopes, self._theta, into, strict=True):
            if slope is None:
                view.zero_()
            else:
                torch.mul(slope, theta, out=view)


class MaskLogits:
    """One logit m per weight; M = 1[m + noise >= 0] in training, 1[m >= 0] for results (eq. 8).

    The noise is N(0, v), v = min(1, max(.05, .5 m)) the variance, elementwise and without
    gradient. Straight-through: dM/dm := sigma'(m), or sigma'(m + noise) with ste="noisy".
    With `floor`, the weight of each output that has the largest (noisy) logit is always kept.
    """

    def __init__(
        self,
        weights: FlatWeights,
        *,
        initial: float,
        lr: float,
        ste: Literal["logit", "noisy"] = "logit",
        noise: bool = True,
        floor: bool = False,
    ) -> None:
        self.weights = weights
        self.noise = noise
        self.logits = torch.full_like(weights.frozen, initial)
        self.optimizer = torch.optim.Adam([self.logits], lr=lr, fused=True)
        self._noisy = torch.empty_like(self.logits)
        self._mask = torch.empty_like(self.logits)  # 0 or 1: products with bools are slower
        self._gradient = torch.empty_like(self.logits)
        self.logits.grad = self._gradient
        self._gradient_views = list(weights.views(self._gradient).values())
        self._rows = _rows(weights, self._noisy, self._mask) if floor else []
        self._piece = min(PIECE, weights.size) if weights.frozen.is_cpu else weights.size
        self._pieces = self._cut()
        self._slopes_at = (self._noisy if ste == "noisy" else self.logits).split(self._piece)

    def sample(self, generator: torch.Generator) -> None:
        """Draws M and writes theta * M; `generator` lives on the device of the weights."""
        with torch.no_grad():
            for piece in self._pieces:
                if self.noise:
                    piece.add_noise(generator)
                else:
                    piece.noisy.copy_(piece.logits)
                torch.ge(piece.noisy, 0, out=piece.mask)
            self._keep_rows_alive()
            for piece in self._pieces:
                torch.mul(piece.frozen, piece.mask, out=piece.buffer)

    def kept(self) -> Tensor:
        """How many weights the drawn mask keeps, float64 ()."""
        return torch.stack([piece.mask.sum() for piece in self._pieces]).sum(dtype=torch.float64)

    def step(self, loss: Tensor, beta: float, keep_target: float) -> None:
        """One Adam step on loss + beta log(max(d, tau) / tau), d the drawn density (eq. 9)."""
        self.weights.gradient(loss, self._gradient_views)
        with torch.no_grad():
            kept = self.kept()
            above = kept > keep_target * self.weights.size
            # dR/dM = 1 / (d N) = 1 / kept above tau, 0 below: there is no pull back up
            pull = (above * beta / kept.clamp_min(1)).to(self.logits.dtype)
            for piece, at in zip(self._pieces, self._slopes_at, strict=True):
                torch.sigmoid(at, out=piece.scratch)
                torch.addcmul(
                    piece.scratch, piece.scratch, piece.scratch, value=-1, out=piece.scratch
                )
                piece.gradient.add_(pull).mul_(piece.scratch)
            self.optimizer.step()
            self.logits.clamp_(-LARGEST_LOGIT, LARGEST_LOGIT)

    def mask(self) -> Tensor:
        """The noise-free mask M* = 1[m >= 0], a new flat bool tensor (size,)."""
        with torch.no_grad():
            self._noisy.copy_(self.logits)
            torch.ge(self._noisy, 0, out=self._mask)
            self._keep_rows_alive()
            return self._mask > 0

    def state_dict(self) -> State:
        return snapshot({"logits": self.logits, "optimizer": self.optimizer.state_dict()})

    def load_state_dict(self, state: State) -> None:
        with torch.no_grad():
            self.logits.copy_(state["logits"])
        self.optimizer.load_state_dict(snapshot(state["optimizer"]))

    def _keep_rows_alive(self) -> None:
        for noisy, mask in self._rows:
            mask.scatter_(1, noisy.argmax(1, keepdim=True), 1.0)

    def _cut(self) -> list[_Piece]:
        flats = (
            self.logits,
            self._noisy,
            self._mask,
            self._gradient,
            self.weights.frozen,
            self.weights.buffer,
        )
        split = [flat.split(self._piece) for flat in flats]
        scratch = torch.empty_like(self.logits[: self._piece])
        shared = [scratch[: part.numel()] for part in split[0]]
        return [_Piece(*part) for part in zip(*split, shared, strict=True)]


@dataclass(frozen=True)
class _Piece:
    """Matching slices of all flat buffers."""

    logits: Tensor
    noisy: Tensor
    mask: Tensor
    gradient: Tensor
    frozen: Tensor
    buffer: Tensor
    scratch: Tensor  # shared by all pieces

    def add_noise(self, generator: torch.Generator) -> None:
        self.noisy.normal_(generator=generator)
        std = torch.mul(self.logits, 0.5, out=self.scratch).clamp_(0.05, 1.0).sqrt_()
        torch.addcmul(self.logits, self.noisy, std, out=self.noisy)


def _rows(weights: FlatWeights, *flats: Tensor) -> list[tuple[Tensor, ...]]:
    """Per weight the views (outputs, inputs) of each flat buffer."""
    views = [weights.views(flat).values() for flat in flats]
    return [tuple(view.flatten(1) for view in layer) for layer in zip(*views, strict=True)]

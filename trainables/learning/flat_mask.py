"""Learnable masks over frozen weights, kept in flat buffers that the network looks into.

Zhang, Gao, Huang, "Recover Fair Deep Classification Models via Altering Pre-trained Structure",
ECCV 2022, eqs. 7-9. theta are the frozen weights and M is a mask of zeros and ones. theta * M is
written in place into one contiguous buffer whose slices are the network's weights, so a masked
step costs no operations per layer. What is done to all weights is done in pieces that stay in the
processor's cache.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import accumulate, chain, pairwise
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from trainables.fused.adam import FlatAdam
from trainables.fused.leaf import Leaf
from trainables.fused.loops import loops
from trainables.optimizers import Adam
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
        self.leaf: Leaf | None = None  # the buffer, where whoever uses the weights gives one
        self._leaves = list(self.parameters.values())
        self._theta = list(self.views(self.frozen).values())
        self.slopes = torch.zeros_like(self.frozen)  # see `gradient`
        self._slopes = list(self.views(self.slopes).values())

    @property
    def size(self) -> int:
        """How many weights there are."""
        return self.frozen.numel()

    def views(self, flat: Tensor) -> dict[str, Tensor]:
        """Slices of `flat` (size,) in the shapes of the weights, by name."""
        shapes = [p.shape for p in self.parameters.values()]
        slices = [
            flat[a:b].view(s) for (a, b), s in zip(pairwise(self.bounds), shapes, strict=True)
        ]
        return dict(zip(self.parameters, slices, strict=True))

    def cut(self, flat: Tensor) -> tuple[Tensor, ...]:
        """`flat` (size,) in pieces that are worked on together; those of a CPU fit its cache."""
        size = min(PIECE, self.size) if self.frozen.is_cpu else self.size
        return torch.split(flat, size)

    def rows(self, flat: Tensor) -> list[Tensor]:
        """Slices of `flat` (size,) as one matrix (outputs, inputs) per weight."""
        return [view.flatten(1) for view in self.views(flat).values()]

    @property
    def outputs(self) -> list[int]:
        """Where the weights of each output begin in a flat tensor, and where the last ones end."""
        lengths = [len(one) * [one[0].numel()] for one in self.parameters.values()]
        return [0, *accumulate(chain(*lengths))]

    @torch.no_grad()
    def write(self, mask: Tensor) -> None:
        """theta * M into the buffer, for a flat `mask` (size,) of zeros and ones, or bools."""
        torch.mul(self.frozen, mask, out=self.buffer)

    def gradient(self, outputs: Tensor, slope: Tensor | None = None) -> None:
        """dL/dM = theta * dL/dw, written into `slopes`.

        `outputs` is the loss () or, where its gradient `slope` there is given, what the loss is
        of. 0 for weights that the outputs do not depend on.
        """
        found = torch.autograd.grad(outputs, self._leaves, slope, allow_unused=True)
        for by_weight, theta, view in zip(found, self._theta, self._slopes, strict=True):
            if by_weight is None:
                view.zero_()
            else:
                torch.mul(by_weight, theta, out=view)


# The ideas that a mask is learned by, each by itself. They work on flat tensors in place.


def add_noise(logits: Tensor, noisy: Tensor, scratch: Tensor, generator: torch.Generator) -> None:
    """Writes m + noise into `noisy`, for logits m (eq. 8). `scratch` is written over.

    The noise is N(0, v) with the variance v = min(1, max(.05, .5 m)), elementwise.
    """
    noisy.normal_(generator=generator)
    std = torch.mul(logits, 0.5, out=scratch).clamp_(0.05, 1.0).sqrt_()
    torch.addcmul(logits, noisy, std, out=noisy)


def straight_through_slope(at: Tensor, out: Tensor) -> Tensor:
    """sigma'(m), which stands in for dM/dm, since M is a step and has no slope; in `out`."""
    torch.sigmoid(at, out=out)
    return torch.addcmul(out, out, out, value=-1, out=out)


def keep_one_per_row(noisy: list[Tensor], masks: list[Tensor]) -> None:
    """Keeps the weight of each output (row) that has the largest noisy logit.

    So no output loses all of its inputs. Both lists hold a matrix (outputs, inputs) per weight.
    """
    for strengths, mask in zip(noisy, masks, strict=True):
        mask.scatter_(1, strengths.argmax(1, keepdim=True), 1.0)


@dataclass(frozen=True)
class DensityPull:
    """beta log(max(d, tau) / tau), added to a loss, d the share of the weights kept (eq. 9)."""

    beta: float
    keep_target: float  # tau

    def slope(self, kept: Any, total: int) -> Any:
        """Its derivative () by every entry of M, where `kept` () of `total` weights are kept.

        beta / (d total) = beta / kept above tau. 0 below it: nothing pulls the density up again.
        Of a tensor or a number of numpy's it is another one.
        """
        above = kept > self.keep_target * total
        return above * self.beta / (kept + ~above)  # never divided by 0


@dataclass(frozen=True)
class LogitSettings:
    """How the logits of a mask start and learn, and how the mask is drawn from them."""

    initial: float  # of every logit
    lr: float
    ste: Literal["logit", "noisy"] = "logit"  # where the straight-through slope is taken
    noise: bool = True
    floor: bool = False  # always keep one weight per output


class MaskLogits:
    """One logit m per weight, moved by Adam, and the mask M that is drawn from them.

    M = 1[m + noise >= 0] while it learns, 1[m >= 0] for results (eq. 8).
    """

    def __init__(self, weights: FlatWeights, settings: LogitSettings) -> None:
        self.weights = weights
        self.logits = torch.full_like(weights.frozen, settings.initial)
        self.optimizer = Adam([self.logits], lr=settings.lr, fused=True)
        # Where the network runs as compiled loops, so does this.
        self._flat = None if weights.leaf is None else FlatAdam.of(self.optimizer)
        self._settings = settings
        self._noisy = torch.empty_like(self.logits)
        self._mask = torch.empty_like(self.logits)  # 0 or 1: products with bools are slower
        whole = self.logits if self._flat is not None else weights.cut(self.logits)[0]
        self._scratch = torch.empty_like(whole)
        self._noisy_rows, self._mask_rows = weights.rows(self._noisy), weights.rows(self._mask)
        self.logits.grad = weights.slopes
        self._pieces = self._cut()
        self._kept = np.float64(0)  # weights, of the last draw at once
        of_draw = (self.logits, self._scratch, weights.frozen, self._noisy, self._mask)
        self._arrays = [one.numpy() for one in (*of_draw, weights.buffer) if one.is_cpu]
        self._rows = np.array(weights.outputs if settings.floor else [], np.int64)

    def noise_generator(self, generator: torch.Generator) -> torch.Generator:
        """A generator for the draws of M, on the device of the weights."""
        noise = torch.Generator(self.logits.device)
        return noise.manual_seed(int(torch.randint(2**62, (), generator=generator)))

    def sample(self, generator: torch.Generator) -> None:
        """Draws M and writes theta * M; `generator` lives on the device of the weights."""
        if self._flat is not None:
            self._sample_at_once(generator)
            return
        with torch.no_grad():
            for piece in self._pieces:
                if self._settings.noise:
                    add_noise(piece.logits, piece.noisy, piece.scratch, generator)
                else:
                    piece.noisy.copy_(piece.logits)
                torch.ge(piece.noisy, 0, out=piece.mask)
            if self._settings.floor:
                keep_one_per_row(self._noisy_rows, self._mask_rows)
            for piece in self._pieces:
                torch.mul(piece.frozen, piece.mask, out=piece.buffer)

    def _sample_at_once(self, generator: torch.Generator) -> None:
        if self._settings.noise:
            seed = int(torch.randint(2**62, (), generator=generator))
            loops().draws.normals(seed, self._arrays[1])
        else:
            self._scratch.zero_()
        self._kept = np.float64(loops().masks.sample(*self._arrays, self._rows))

    def kept(self) -> Tensor:
        """How many weights the drawn mask keeps, float64 ()."""
        return torch.stack([piece.mask.sum() for piece in self._pieces]).sum(dtype=torch.float64)

    def step(self, loss: Tensor | NDArray[Any], pull: DensityPull | None = None) -> None:
        """One Adam step of the logits down the loss () and the pull at the drawn mask.

        In place of the loss its gradient at the weights' `leaf` may be given, flat; it is written
        over.
        """
        if not isinstance(loss, Tensor):
            self._step_at_once(loss, pull)
            return
        self.weights.gradient(loss)
        with torch.no_grad():
            density_slope = None
            if pull is not None:
                density_slope = pull.slope(self.kept(), self.weights.size).to(self.logits.dtype)
            for piece in self._pieces:
                if density_slope is not None:
                    piece.gradient.add_(density_slope)
                piece.gradient.mul_(straight_through_slope(piece.slope_at, piece.scratch))
            self.optimizer.step()
            self.logits.clamp_(-LARGEST_LOGIT, LARGEST_LOGIT)

    def _step_at_once(self, slopes: NDArray[Any], pull: DensityPull | None) -> None:
        """`slopes` (size,) are those at theta * M; they are written over."""
        state = None if self._flat is None else self._flat.arrays()
        if state is None:
            raise ValueError("mask: only logits beside a leaf take a flat gradient")
        density_slope = 0.0 if pull is None else float(pull.slope(self._kept, self.weights.size))
        logits, _, frozen, noisy, *_ = self._arrays
        at = noisy if self._settings.ste == "noisy" else logits
        loops().masks.step(slopes, frozen, at, density_slope, logits, *state, LARGEST_LOGIT)

    def mask(self) -> Tensor:
        """The noise-free mask M* = 1[m >= 0], a new flat bool tensor (size,)."""
        with torch.no_grad():
            self._noisy.copy_(self.logits)
            torch.ge(self._noisy, 0, out=self._mask)
            if self._settings.floor:
                keep_one_per_row(self._noisy_rows, self._mask_rows)
            return self._mask > 0

    def state_dict(self) -> State:
        return snapshot({"logits": self.logits, "optimizer": self.optimizer.state_dict()})

    def load_state_dict(self, state: State) -> None:
        with torch.no_grad():
            self.logits.copy_(state["logits"])
        self.optimizer.load_state_dict(snapshot(state["optimizer"]))
        if self._flat is not None:
            self._flat.renew()

    def _cut(self) -> list[_Piece]:
        weights = self.weights
        flats = (
            self.logits,
            self._noisy,
            self._mask,
            weights.slopes,
            self._noisy if self._settings.ste == "noisy" else self.logits,
            weights.frozen,
            weights.buffer,
        )
        slices = [weights.cut(flat) for flat in flats]
        scratches = [self._scratch[: len(piece)] for piece in slices[0]]
        return [_Piece(*piece) for piece in zip(*slices, scratches, strict=True)]


@dataclass(frozen=True)
class _Piece:
    """Matching slices of all flat buffers."""

    logits: Tensor
    noisy: Tensor
    mask: Tensor
    gradient: Tensor
    slope_at: Tensor  # where the straight-through slope is taken: the logits or the noisy ones
    frozen: Tensor
    buffer: Tensor
    scratch: Tensor  # shared by all pieces

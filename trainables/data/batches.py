"""A prepared data set on one device: shuffled batches for training, scores for evaluation."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from trainables.data.encoder import ArrayEncoder
from trainables.data.precision import Fused, Precision
from trainables.data.pruning_groups import groups_of_attributes
from trainables.data.strata import stratified_order
from trainables.data.task import Head, head_for
from trainables.fused.answer import answer, answers, at_once
from trainables.fused.running import running_estimate
from trainables.modules import evaluating, modules_of

if TYPE_CHECKING:
    from trainables.data.encoder import Encoder
    from trainables.data.prepare import Part, Prepared
    from trainables.data.pruning_groups import PruningGroups

_CHUNK = 2**24  # values gathered at once: what an epoch needs beside the data themselves
# Values per batch of an evaluation: on a CPU what lies in its cache is several times faster.
_EVALUATION_ON_CPU, _EVALUATION = 2**18, 2**22


@dataclass(frozen=True)
class TensorPart:
    """One split on the device."""

    inputs: Tensor  # (n, d) float or (n, C, H, W) float or uint8
    labels: Tensor  # (n,) int64
    groups: Tensor  # (n,) int64, of the experiment's grouping
    crossing: Tensor  # (n,) int64, cells of the finest crossing
    weights: Tensor  # (n,) float, mean 1

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True)
class Batch:
    """What a training step sees."""

    inputs: Tensor  # float, normalised
    labels: Tensor
    groups: Tensor
    weights: Tensor

    def __len__(self) -> int:
        return len(self.labels)


class TrialData:
    """The splits of `prepared` as tensors on `device`, moved there once.

    Networks learn in `precision`. What they are worth is always computed in float32. The groups
    that pruners read are the experiment's, before small ones were merged or left out, unless
    `pruning` gives others.
    """

    def __init__(
        self,
        prepared: Prepared,
        device: torch.device,
        precision: Precision = "float32",
        pruning: PruningGroups | None = None,
        fused: Fused = "off",
    ) -> None:
        self.device = device
        # small networks may run as compiled loops
        self.fused = fused == "auto" and device.type == "cpu" and precision == "float32"
        self.precision: Precision = precision
        self.head: Head = head_for(len(prepared.classes))
        self.input_shape = tuple(prepared.input_shape)
        self.n_groups = len(prepared.group_names)
        self.n_classes = len(prepared.classes)
        self.augment = prepared.augment  # whether training images may be cropped and flipped
        self.priors = torch.tensor(prepared.priors, dtype=torch.float32, device=device)
        self._parts = {name: _to_device(part, device) for name, part in prepared.parts.items()}
        read = pruning or groups_of_attributes(prepared)
        self.pruning_group_names = read.names
        self.pruning_digest = None if pruning is None else pruning.digest  # of groups given
        # (n,) int64 group of each row of "train" and, if there is this part, of "left_out"
        self.pruning_groups: Mapping[str, Tensor] = {
            part: torch.tensor(groups, dtype=torch.int64, device=device)
            for part, groups in read.groups.items()
        }
        # (n,) of a part, where the objective compares with them; the workbench gives them
        self.dense_predictions: dict[str, NDArray[np.int64]] = {}
        self.interrupt: Callable[[], None] | None = None  # called before each batch of an epoch
        self._pixels: tuple[Tensor, Tensor] | None = None
        if any(part.inputs.dtype == torch.uint8 for part in self._parts.values()):
            self._pixels = _per_channel(prepared.encoder, device)

    def part(self, name: str) -> TensorPart:
        """Raises ValueError for a part that was not handed over (test is sealed)."""
        if name not in self._parts:
            known = ", ".join(self._parts)
            raise ValueError(f"data: part must be one of {known}, got {name!r}")
        return self._parts[name]

    def priors_on(self, name: str) -> Tensor:
        """(groups, labels) the priors, where cells that the part has no rows of count for nothing.

        The other cells of such a group take what it had, so that rates of the group can be told.
        """
        part = self.part(name)
        cells = (part.groups * self.n_classes + part.labels).unique()
        present = torch.zeros(self.priors.numel(), dtype=torch.bool, device=self.device)
        present[cells] = True
        present = present.view_as(self.priors)
        if bool((present | (self.priors == 0)).all()):
            return self.priors
        shares = self.priors * present
        seen = shares.sum(1, keepdim=True)
        scaled = shares * self.priors.sum(1, keepdim=True) / seen.clamp_min(1e-12)
        return torch.where(seen > 0, scaled, self.priors)

    def normalise(self, inputs: Tensor) -> Tensor:
        """Float inputs for a network; uint8 images are scaled by mean and std of train's channels.

        Images are given channels-last memory, with which convolutions are faster.
        """
        if inputs.ndim == 4:
            inputs = inputs.contiguous(memory_format=torch.channels_last)
        if inputs.dtype != torch.uint8:
            return inputs
        if self._pixels is None:
            raise ValueError("data: inputs must be floats as in this data set, got uint8")
        mean, std = self._pixels
        return inputs.float().sub_(mean).div_(std)

    def forward(
        self,
        net: nn.Module,
        inputs: Tensor,
        replaced: Mapping[str, Tensor] | None = None,
    ) -> Tensor:
        """(n, outputs) logits: the forward pass of a training step, in the data's precision.

        The tensors `replaced` take the place of parameters and buffers of `net`, by name, with
        gradients.
        """
        if self.precision != "bf16":
            return answer(net, inputs, replaced, fused=self.fused)
        with torch.autocast(self.device.type, torch.bfloat16):
            return answer(net, inputs, replaced, fused=False).float()

    def epoch(
        self,
        name: str,
        size: int,
        generator: torch.Generator,
        *,
        augment: bool = False,
        drop_last: bool = False,
        stratified: bool = False,
    ) -> Iterator[Batch]:
        """Batches of `size` rows over the whole part, in an order drawn from `generator`.

        A single row that is left over joins the batch before it, since batch statistics need two.
        With `drop_last` every batch has `size` rows, but a part that is smaller than that is one
        batch. `augment` crops images (with a margin of 1/8 of zeros) and mirrors half of them; the
        draws for it come from `generator` as well. `stratified` batches have the part's share of
        each group in each label, as nearly as whole rows can.
        """
        part = self.part(name)
        sizes = batch_sizes(len(part), size, drop_last)
        if stratified:
            left_out = len(part) - sum(sizes)
            cells = (part.groups * self.n_classes + part.labels).cpu()
            order = stratified_order(cells, [*sizes, left_out], generator)
        else:
            order = torch.randperm(len(part), generator=generator)
        crop = generator if augment and part.inputs.ndim == 4 else None
        return self.batches_of(name, order, sizes, crop)

    def whole_batches(self, name: str, size: int, generator: torch.Generator) -> Iterator[Batch]:
        """An epoch of batches of equal sizes, augmented where the data say so."""
        return self.epoch(name, size, generator, augment=self.augment, drop_last=True)

    def estimate_running(
        self, net: nn.Module, name: str, size: int, batches: int, generator: torch.Generator
    ) -> bool:
        """What `recalibrate_batch_norm` does, over the same rows, in one compiled loop.

        False, and nothing is drawn, where that does not fit.
        """
        part = self.part(name)
        estimate = running_estimate(net, part.inputs)
        if estimate is None:
            return False
        sizes = batch_sizes(len(part), size, drop_last=True)[:batches]
        order = torch.randperm(len(part), generator=generator)
        if self.interrupt is not None:
            self.interrupt()
        estimate(order[: sum(sizes)], sizes)
        return True

    def batches_of(
        self,
        name: str,
        order: Tensor,
        sizes: Sequence[int],
        crop: torch.Generator | None = None,
    ) -> Iterator[Batch]:
        """Batches of these sizes of a part's rows, in the order of the indices given.

        The draws for cropping and flipping come from `crop`. Rows are gathered many batches at a
        time, which costs a small network far less than indexing per batch.
        """
        part = self.part(name)
        per_row = max(1, part.inputs[0].numel())
        at_once, done = max(1, _CHUNK // (per_row * sizes[0])), 0
        for first in range(0, len(sizes), at_once):
            chunk = list(sizes[first : first + at_once])
            rows = order[done : done + sum(chunk)].to(self.device)
            done += len(rows)
            inputs = part.inputs.index_select(0, rows)  # faster than by brackets
            if crop is not None:
                inputs = crop_and_flip(inputs, crop)
            others = [
                column.index_select(0, rows) for column in (part.labels, part.groups, part.weights)
            ]
            gathered = (self.normalise(inputs), *others)
            for batch in zip(*(column.split(chunk) for column in gathered), strict=True):
                if self.interrupt is not None:
                    self.interrupt()
                yield Batch(*batch)


def _to_device(part: Part, device: torch.device) -> TensorPart:
    # torch.tensor copies, since arrays from an object store are read-only. What lies in a file is
    # there because it is not to be copied; it is mapped so that writing to it does no harm.
    mapped = isinstance(part.inputs, np.memmap)
    inputs = torch.from_numpy(part.inputs) if mapped else torch.tensor(part.inputs)
    return TensorPart(
        inputs=inputs.to(device, inputs.dtype if inputs.dtype == torch.uint8 else torch.float32),
        labels=torch.tensor(part.labels, dtype=torch.int64, device=device),
        groups=torch.tensor(part.groups, dtype=torch.int64, device=device),
        crossing=torch.tensor(part.crossing, dtype=torch.int64, device=device),
        weights=torch.tensor(part.weights, dtype=torch.float32, device=device),
    )


def _per_channel(encoder: Encoder, device: torch.device) -> tuple[Tensor, Tensor]:
    if not isinstance(encoder, ArrayEncoder):
        kind = type(encoder).__name__
        raise ValueError(f"data: uint8 images must come with an ArrayEncoder, got {kind}")
    mean, std = torch.tensor(encoder.mean), torch.tensor(encoder.std)
    return mean.to(device).view(-1, 1, 1), std.to(device).view(-1, 1, 1)


def batch_sizes(rows: int, size: int, drop_last: bool) -> list[int]:
    """How many rows each batch of an epoch has, see `TrialData.epoch`."""
    if size < 2:
        raise ValueError(f"batches: size must be at least 2, got {size}")
    if rows <= size:
        return [rows]
    full, left = divmod(rows, size)
    sizes = [size] * full
    if left == 0 or drop_last:
        return sizes
    if left == 1:
        return [*sizes[:-1], size + 1]
    return [*sizes, left]


def crop_and_flip(images: Tensor, generator: torch.Generator) -> Tensor:
    """Each image (n, C, H, W) shifted by up to 1/8 of its side over zeros, half of them mirrored.

    For 32 x 32 it is what is usual on CIFAR: a random crop with 4 pixels of padding.
    """
    n, channels, height, width = images.shape
    down, right = height // 8, width // 8
    padded = torch.nn.functional.pad(images, (right, right, down, down))
    top = torch.randint(0, 2 * down + 1, (n, 1), generator=generator)
    left = torch.randint(0, 2 * right + 1, (n, 1), generator=generator)
    mirrored = torch.randint(0, 2, (n, 1), generator=generator, dtype=torch.bool)
    rows = top + torch.arange(height)
    columns = torch.where(mirrored, torch.arange(width).flip(0), torch.arange(width)) + left
    index = (
        torch.arange(n)[:, None, None, None],
        torch.arange(channels)[None, :, None, None],
        rows[:, None, :, None],
        columns[:, None, None, :],
    )
    return padded[tuple(part.to(images.device) for part in index)]


def logits_of(net: nn.Module, data: TrialData, part: str) -> Tensor:
    """(n, outputs) float32 on the data's device, in evaluation mode, in large batches."""
    return _logits_of_each(net, data, [part])[0]


@torch.no_grad()
def _logits_of_each(net: nn.Module, data: TrialData, parts: Sequence[str]) -> list[Tensor]:
    inputs = [data.part(part).inputs for part in parts]
    values = _EVALUATION_ON_CPU if data.device.type == "cpu" else _EVALUATION
    with evaluating(net):
        if data.fused and (said := at_once(net, inputs)) is not None:
            return said
        say = answers(net, fused=data.fused)
        sizes = [max(1, values // max(1, rows[0].numel())) for rows in inputs]
        return [
            torch.cat([say(data.normalise(rows)) for rows in of_part.split(size)])
            for of_part, size in zip(inputs, sizes, strict=True)
        ]


def scores_of(net: nn.Module, data: TrialData, part: str) -> NDArray[np.float64]:
    """(n,) probabilities of class 1 for a binary task, (n, classes) otherwise.

    Raises FloatingPointError where a logit is not finite: the last step of an epoch may spoil
    the weights without any loss showing it.
    """
    return scores_of_each(net, data, [part])[part]


def scores_of_each(
    net: nn.Module, data: TrialData, parts: Sequence[str]
) -> dict[str, NDArray[np.float64]]:
    """`scores_of` by part; what does not depend on the rows is done once for all parts."""
    scores = {}
    for part, logits in zip(parts, _logits_of_each(net, data, parts), strict=True):
        if not bool(logits.isfinite().all()):
            raise FloatingPointError(
                f"scores: logits on {part} must be finite, got NaN or infinity"
            )
        scores[part] = data.head.scores(logits.double()).cpu().numpy()
    return scores


def loss_of(net: nn.Module, data: TrialData, part: str) -> float:
    """Mean loss on a part, in evaluation mode."""
    rows = data.part(part)
    return float(data.head.loss(logits_of(net, data, part), rows.labels, rows.weights))


@torch.no_grad()
def recalibrate_batch_norm(
    net: nn.Module,
    data: TrialData,
    generator: torch.Generator,
    *,
    part: str = "debias",
    batches: int = 20,
    size: int = 128,
) -> None:
    """Estimates the running statistics of every batch normalisation anew, in place.

    They become the plain average over at most `batches` batches. Dropout is off meanwhile, as it
    is when the statistics are used. Nothing is done to a network without batch normalisation.
    """
    norms = [m for m in modules_of(net) if isinstance(m, _BatchNorm) and m.track_running_stats]
    if not norms:
        return
    if data.fused and data.estimate_running(net, part, size, batches, generator):
        return
    momenta = [norm.momentum for norm in norms]
    with evaluating(net):
        for norm in norms:
            norm.reset_running_stats()
            norm.momentum = None  # torch's way to ask for the cumulative average
            norm.train()
        say = answers(net, fused=data.fused)
        for done, batch in enumerate(data.epoch(part, size, generator, drop_last=True)):
            if done == batches:
                break
            say(batch.inputs)
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum

"""Which weights of a network are kept: one bool tensor per prunable weight."""

from __future__ import annotations

import copy
import math
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal
from weakref import WeakKeyDictionary

import numpy as np
import torch
from torch import Tensor, nn

from trainables.live_units import live_unit_share
from trainables.modules import modules_of

_LAYERS = (nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.Linear)
# out_proj is a Linear of its own and is found as such
_ATTENTION = ("in_proj_weight", "q_proj_weight", "k_proj_weight", "v_proj_weight")
# Of a module: which of its weights are spared. `requires_grad` would not do: it is switched off
# and on while masks learn. Being a plain attribute, it goes along with copies.
_SPARED = "_spared_weights"


def prunable(net: nn.Module) -> dict[str, nn.Parameter]:
    """The weights that may be pruned, by their names in `net`, in module order.

    Weights of Conv1d-3d, Linear (first convolution and last classifier included) and the
    projections of MultiheadAttention; never biases or normalisation. A weight that several
    layers share is listed once, one that is computed or spared (`prune_only`) not at all.
    """
    return {
        full: weight for full, module, name, weight in _weights(net) if name not in _spared(module)
    }


def prune_only(net: nn.Module, names: Collection[str]) -> list[str]:
    """From now on, also in copies of `net`, only the weights of these names are pruned.

    Returns the names of those that are spared.
    """
    spared = []
    for full, module, name, _ in _weights(net):
        others = _spared(module) - {name}
        setattr(module, _SPARED, others if full in names else others | {name})
        spared += [] if full in names else [full]
    return spared


def spare_frozen(net: nn.Module) -> list[str]:
    """Spares the weights that do not learn, and returns their names."""
    return prune_only(net, [full for full, _, _, weight in _weights(net) if weight.requires_grad])


def _spared(module: nn.Module) -> frozenset[str]:
    return getattr(module, _SPARED, frozenset())


def _weights(net: nn.Module) -> Iterator[tuple[str, nn.Module, str, nn.Parameter]]:
    """Name in `net`, module, name in that, and weight, of all that can be pruned."""
    seen: set[int] = set()
    for prefix, module in net.named_modules():
        for name in _weight_names(module):
            weight = module._parameters.get(name)
            if weight is not None and id(weight) not in seen:
                seen.add(id(weight))
                yield f"{prefix}.{name}" if prefix else name, module, name, weight


def unprunable(net: nn.Module) -> list[str]:
    """Names of all parameters that no pruner touches: biases, normalisation, other layers."""
    pruned = {id(weight) for weight in prunable(net).values()}
    return [name for name, parameter in net.named_parameters() if id(parameter) not in pruned]


def _weight_names(module: nn.Module) -> tuple[str, ...]:
    if isinstance(module, _LAYERS):
        return ("weight",)
    return _ATTENTION if isinstance(module, nn.MultiheadAttention) else ()


class Masks(Mapping[str, Tensor]):
    """An immutable set of masks: weight name -> bool tensor of the weight's shape, True = kept."""

    def __init__(self, tensors: Mapping[str, Tensor]) -> None:
        if not tensors:
            raise ValueError("masks: at least one weight must be prunable, got none")
        for name, tensor in tensors.items():
            if not isinstance(tensor, Tensor) or tensor.dtype != torch.bool:
                kind = getattr(tensor, "dtype", type(tensor).__name__)
                raise ValueError(f"masks: {name} must be a bool tensor, got {kind}")
        self._tensors = {name: tensor.detach().clone() for name, tensor in tensors.items()}
        self._total = sum(tensor.numel() for tensor in self._tensors.values())
        self._kept = int(torch.cat([one.flatten() for one in self._tensors.values()]).sum())
        self._live_unit_shares: dict[tuple[object, ...], float] = {}

    @classmethod
    def keep_all(cls, net: nn.Module) -> Masks:
        """Masks under which every prunable weight of `net` is kept."""
        return cls({k: torch.ones_like(w, dtype=torch.bool) for k, w in prunable(net).items()})

    def state_dict(self) -> dict[str, Tensor]:
        """Copies of the tensors by weight name; `Masks` of them are equal to these."""
        return {name: tensor.clone() for name, tensor in self._tensors.items()}

    def __getitem__(self, name: str) -> Tensor:
        return self._tensors[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._tensors)

    def __len__(self) -> int:
        return len(self._tensors)

    def __eq__(self, other: object) -> bool:
        """Equal names and equal tensors, wherever they live."""
        if not isinstance(other, Masks):
            return NotImplemented
        return self.keys() == other.keys() and all(
            torch.equal(tensor.cpu(), other[name].cpu()) for name, tensor in self.items()
        )

    __hash__ = None  # type: ignore[assignment]  # compared by value, never a key

    def __repr__(self) -> str:
        return f"Masks({len(self)} weights, {self.kept} of {self.total} kept)"

    @property
    def kept(self) -> int:
        """Number of weights kept."""
        return self._kept

    @property
    def total(self) -> int:
        """Number of prunable weights."""
        return self._total

    @property
    def density(self) -> float:
        """Share of prunable weights kept, over all layers together."""
        return self._kept / self._total

    @property
    def sparsity(self) -> float:
        """Share of prunable weights removed, over all layers together."""
        return 1.0 - self.density

    def to(self, device: torch.device) -> Masks:
        return Masks({name: tensor.to(device) for name, tensor in self.items()})

    def check(self, net: nn.Module) -> dict[str, nn.Parameter]:
        """The prunable weights of `net`; raises ValueError where these masks are not for them."""
        weights = prunable(net)
        for name in weights.keys() ^ self.keys():
            side = "has no mask" if name in weights else "is not a prunable weight of the network"
            raise ValueError(f"masks: names must be the network's prunable weights, {name} {side}")
        for name, weight in weights.items():
            if weight.shape != self[name].shape:
                want, got = tuple(weight.shape), tuple(self[name].shape)
                raise ValueError(f"masks: {name} must have shape {want}, got {got}")
        return weights

    def live_unit_share(self, net: nn.Module, input_shape: tuple[int, ...]) -> float:
        """Share of the units of `net` that lie on a path of kept weights, in [0, 1].

        It takes seconds for a large network, but masks never change, and trained values do not
        matter. So it is found once for these masks, each architecture and each shape of an input.
        """
        key = (type(net), _architecture(net), input_shape)
        if key not in self._live_unit_shares:
            self._live_unit_shares[key] = live_unit_share(net, self, input_shape)
        return self._live_unit_shares[key]

    @torch.no_grad()
    def apply_(self, net: nn.Module) -> None:
        """Sets the removed weights of `net` to exactly 0, in place."""
        for name, weight in self.check(net).items():
            weight.masked_fill_(~self[name].to(weight.device), 0.0)


_described: WeakKeyDictionary[nn.Module, tuple[list[nn.Module], str]] = WeakKeyDictionary()


def _architecture(net: nn.Module) -> str:
    """`str(net)`, written anew when it has other modules: that costs more than a small pass."""
    inner = modules_of(net)[1:]
    known = _described.get(net)
    if known is None or known[0] != inner:
        known = _described[net] = (inner, str(net))
    return known[1]


@dataclass(frozen=True)
class MaskedNet:
    """A network and its masks. Wherever a stage hands one on, the removed weights are 0."""

    net: nn.Module
    masks: Masks

    def __post_init__(self) -> None:
        self.masks.check(self.net)

    def clone(self) -> MaskedNet:
        """A deep copy of the network; masks are immutable and shared."""
        return MaskedNet(copy.deepcopy(self.net), self.masks)

    def has_weights_of(self, other: MaskedNet) -> bool:
        """Whether all parameters and masks are the same; buffers do not count."""
        if self.masks is not other.masks and self.masks != other.masks:
            return False
        ours, theirs = dict(self.net.named_parameters()), dict(other.net.named_parameters())
        return ours.keys() == theirs.keys() and all(
            one.shape == theirs[name].shape and torch.equal(one, theirs[name])
            for name, one in ours.items()
        )

    def live_unit_share(self, input_shape: tuple[int, ...]) -> float:
        """Share of the network's units that lie on a path of kept weights, in [0, 1]."""
        return self.masks.live_unit_share(self.net, input_shape)


def masks_of_largest(
    scores: Mapping[str, Tensor], sparsity: float, scope: Literal["global", "layer"]
) -> Masks:
    """Removes the share `sparsity` of the weights, those with the smallest scores.

    The share is that of each layer or, with scope "global", of all layers together; what stays is
    rounded up (`kept_count`). `scores` are tensors of the weights' shapes by weight name.
    """
    if scope == "layer":
        return Masks({name: _without_smallest(layer, sparsity) for name, layer in scores.items()})
    flat = torch.cat([layer.flatten() for layer in scores.values()])
    slices = _without_smallest(flat, sparsity).split([layer.numel() for layer in scores.values()])
    return Masks(
        {
            name: mask.view(layer.shape)
            for (name, layer), mask in zip(scores.items(), slices, strict=True)
        }
    )


def _without_smallest(scores: Tensor, sparsity: float) -> Tensor:
    return keep_largest(scores, kept_count(scores.numel(), 1.0 - sparsity))


def keep_largest(scores: Tensor, kept: int, out: Tensor | None = None) -> Tensor:
    """Mask of `scores`' shape that keeps exactly `kept` of the largest scores.

    Of equal scores the one with the lower flat index is kept, so that the choice depends on
    neither the device nor the routine that selects. Nothing is sorted: what a mask costs that is
    chosen anew in every step of a training is a few passes over the scores. NaN is kept like the
    smallest score that is.

    The mask is a new bool tensor, or `out`, contiguous and of the scores' shape and device. Zeros
    and ones of the scores' own type are the fastest, for whoever multiplies by them.
    """
    total = scores.numel()
    if not 0 <= kept <= total:
        raise ValueError(f"keep_largest: kept must lie in [0, {total}], got {kept}")
    if out is None:
        out = torch.empty_like(scores, dtype=torch.bool, memory_format=torch.contiguous_format)
    if kept in (0, total):
        return out.fill_(kept > 0)
    flat, mask = scores.detach().flatten(), out.view(-1)
    smallest = _kth_largest(flat, kept)
    torch.ge(flat, smallest, out=mask)
    surplus = _count(mask) - kept
    if surplus < 0:  # NaN is not above anything
        torch.logical_not(flat < smallest, out=mask)
        surplus = _count(mask) - kept
    if surplus:  # more scores equal the smallest one than may stay
        equal = mask.bool() & (flat > smallest).logical_not_()
        mask[equal.nonzero()[-surplus:]] = 0
    return out


def _count(mask: Tensor) -> int:
    """How many entries of a mask of zeros and ones are 1."""
    if mask.dtype == torch.float32 and mask.numel() <= 2**24:  # their sum is exact, and faster
        return int(mask.sum())
    return int(mask.count_nonzero())


def _kth_largest(scores: Tensor, k: int) -> Tensor:
    """The k-th largest of `scores` (n,), as a tensor (); NaN counts as larger than any number."""
    if scores.is_cpu and scores.dtype in (torch.float32, torch.float64):
        # numpy selects with vector instructions, several times faster than torch
        return torch.from_numpy(np.partition(scores.numpy(), -k))[-k]
    return scores.kthvalue(len(scores) - k + 1).values


def kept_count(total: int, density: float) -> int:
    """How many of `total` weights a density keeps: total * density, rounded up.

    So a pruner never removes more than it was asked to, and all pruners keep as many of a layer.
    What floating point may have added to the product is taken off first.
    """
    return math.ceil(total * density - 1e-9)


def removed_count(total: int, sparsity: float) -> int:
    """How many of `total` weights a sparsity removes: total * sparsity, halves rounded up.

    The product is first rounded to 9 digits: in floating point .9 * 20,000 is a little less than
    18,000, and must not remove one weight less.
    """
    return math.floor(round(total * sparsity, 9) + 0.5)

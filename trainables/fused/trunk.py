"""Which networks the compiled loops fit, and all of them that a single call needs to know."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias, cast
from weakref import WeakKeyDictionary

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.modules.module import _has_any_global_hook

_LAYER = (nn.Linear, nn.ReLU, nn.Dropout, nn.BatchNorm1d)
_Modules: TypeAlias = tuple[nn.Linear, nn.ReLU, nn.Dropout, nn.BatchNorm1d]
_TYPES = (torch.float32, torch.float64)


@dataclass(frozen=True)
class Layer:
    """One hidden layer of a network."""

    linear: nn.Linear
    relu: nn.ReLU
    dropout: nn.Dropout
    norm: nn.BatchNorm1d
    names: tuple[str, ...]  # of its parameters in the network, in the kernels' order


@dataclass(frozen=True)
class Mode:
    """How all layers behave in a call."""

    by_batch: bool  # normalised by the batch's own statistics
    updates: bool  # of the running ones
    dropped: float  # share, 0 where dropout is off
    epsilon: float
    momenta: tuple[float, ...]  # -1: the plain average of all batches
    marks: tuple[bool, ...]  # see Trunk.marks


@dataclass(frozen=True)
class Known:
    """What was found out of a network for a call."""

    mode: Mode
    parameters: list[Tensor]
    where: NDArray[np.int64]  # their addresses (layers, 4)
    running: NDArray[np.int64]  # see Trunk.running
    of_head: dict[str, Tensor]


class Trunk:
    """The hidden layers of an `nn.Sequential` as `mlp` builds it; its last module is the head."""

    def __init__(self, net: nn.Sequential) -> None:
        keys = list(net._modules)
        self._modules = list(net)
        self.layers = [
            Layer(
                *cast("_Modules", tuple(self._modules[i : i + 4])),
                tuple(f"{keys[j]}.{one}" for j in (i, i + 3) for one in ("weight", "bias")),
            )
            for i in range(1, len(keys) - 1, 4)
        ]
        self.head_name = keys[-1]
        self.sizes = np.array(
            [
                self.layers[0].linear.in_features,
                *(layer.linear.out_features for layer in self.layers),
            ]
        )
        self.width = int(self.sizes[0])  # of the inputs
        self.shapes = [
            shape
            for layer in self.layers
            for m, k in [(layer.linear.out_features, layer.linear.in_features)]
            for shape in ((m, k), (m,), (m,), (m,))
        ]
        self.counts = [int(np.prod(shape)) for shape in self.shapes]
        self.names = [name for layer in self.layers for name in layer.names]
        self._own = frozenset(self.names)
        self._tables = [
            (module._parameters, name)
            for layer in self.layers
            for module in (layer.linear, layer.norm)
            for name in ("weight", "bias")
        ]
        # The addresses of the last call: whoever is there again need not be looked at once more.
        self.places: list[int] = []
        self._addresses = np.zeros((0, 4), np.int64)
        self._buffers = {f"{keys[i]}.{name}" for i in range(4, len(keys), 4) for name in _RUNNING}

    @property
    def head(self) -> nn.Module:
        return self._modules[-1]

    def is_of(self, net: nn.Module) -> bool:
        """Whether the network still has these very modules."""
        return list(net._modules.values()) == self._modules

    def mode(self) -> Mode | None:
        """How its layers behave; None where they differ, or somebody looks at what they do."""
        if _has_any_global_hook() or not all(map(_bare, self._modules[:-1])):
            return None
        first = self.layers[0]
        by_batch, dropping = first.norm.training, first.dropout.training
        tracks, rate = first.norm.track_running_stats, first.dropout.p
        epsilon = first.norm.eps
        for layer in self.layers:
            norm, dropout = layer.norm, layer.dropout
            if (
                norm.training != by_batch
                or norm.track_running_stats != tracks
                or norm.eps != epsilon
                or dropout.training != dropping
                or dropout.p != rate
            ):
                return None
        dropped = rate if dropping else 0.0
        if dropped >= 1.0:
            return None
        momenta = (layer.norm.momentum for layer in self.layers)
        shares = tuple(-1.0 if momentum is None else momentum for momentum in momenta)
        return Mode(by_batch, by_batch and tracks, dropped, epsilon, shares, self.marks())

    def marks(self) -> tuple[bool, ...]:
        """How the first and the last layer behave: where it stays, no mode was switched."""
        first, last = self.layers[0], self.layers[-1]
        return (
            first.norm.training,
            first.norm.track_running_stats,
            first.dropout.training,
            last.norm.training,
            last.norm.track_running_stats,
            last.dropout.training,
        )

    def parameters(
        self, replaced: Mapping[str, Tensor], kind: torch.dtype
    ) -> tuple[list[Tensor], NDArray[np.int64]] | None:
        """What the layers are computed with, in the kernels' order, and its addresses (layers, 4).

        None where some is missing, or not a plain tensor of type `kind` on the CPU.
        """
        own: list[Tensor | None] = [table[name] for table, name in self._tables]
        if replaced:
            own = [replaced.get(name, one) for name, one in zip(self.names, own, strict=True)]
        if any(one is None for one in own):
            return None
        found = cast("list[Tensor]", own)
        places = [one.data_ptr() for one in found]
        if places == self.places and not replaced and found[0].dtype == kind:
            return found, self._addresses
        if not readable(found, self.shapes, kind):
            return None
        where = np.array(places).reshape(-1, 4)
        if not replaced:
            self.places, self._addresses = places, where
        return found, where

    def of_head(self, replaced: Mapping[str, Tensor], mode: Mode) -> dict[str, Tensor] | None:
        """Which of the tensors the head is computed with, by its own names.

        None where they replace what the hidden layers' loops read or write beside parameters.
        """
        if not replaced:
            return {}
        prefix = f"{self.head_name}."
        rest = {name: one for name, one in replaced.items() if name not in self._own}
        of_head = {name: one for name, one in rest.items() if name.startswith(prefix)}
        others = rest.keys() - of_head.keys()
        unread = mode.by_batch and not mode.updates  # the running statistics
        if others and not (unread and others <= self._buffers):
            return None
        return {name.removeprefix(prefix): one for name, one in of_head.items()}

    def running(self) -> NDArray[np.int64] | None:
        """The addresses (layers, 3) of running means, variances and counts; None without them."""
        found = [layer.norm._buffers[name] for layer in self.layers for name in _RUNNING]
        if any(one is None for one in found):
            return None
        return addresses(found).reshape(-1, 3)  # type: ignore[arg-type]


_RUNNING = ("running_mean", "running_var", "num_batches_tracked")
_known: WeakKeyDictionary[nn.Module, Trunk] = WeakKeyDictionary()


def trunk_of(net: nn.Module) -> Trunk | None:
    """The hidden layers of a network as `mlp` builds it; None of any other network."""
    if type(net) is not nn.Sequential or not _bare(net):
        return None
    trunk = _known.get(net)
    if trunk is None or not trunk.is_of(net):
        if not _fits(list(net)):
            return None
        trunk = _known[net] = Trunk(net)
    return trunk


def _fits(modules: list[nn.Module]) -> bool:
    hidden = modules[1:-1]
    if not hidden or len(hidden) % 4 or type(modules[0]) is not nn.Flatten:
        return False
    return all(_is_layer(hidden[i : i + 4]) for i in range(0, len(hidden), 4))


def _is_layer(modules: list[nn.Module]) -> bool:
    return all(type(one) is kind for one, kind in zip(modules, _LAYER, strict=True))


def _bare(module: nn.Module) -> bool:
    """Whether nobody has placed a hook on it or another `forward`."""
    own = module.__dict__
    return not (
        own["_forward_hooks"]
        or own["_forward_pre_hooks"]
        or own["_backward_hooks"]
        or own["_backward_pre_hooks"]
        or "forward" in own
    )


def addresses(tensors: list[Tensor]) -> NDArray[np.int64]:
    """Where the values of tensors lie in memory."""
    return np.array([one.data_ptr() for one in tensors])


def readable(tensors: list[Tensor], shapes: Sequence[tuple[int, ...]], kind: torch.dtype) -> bool:
    """Whether the kernels can read tensors at their addresses: of one type, on the CPU."""
    return kind in _TYPES and all(
        one.dtype == kind and one.is_cpu and one.is_contiguous() and one.shape == shape
        for one, shape in zip(tensors, shapes, strict=True)
    )

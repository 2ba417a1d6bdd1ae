"""Which networks the compiled loops fit, and all of them that a call needs to know."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias, cast
from weakref import WeakKeyDictionary

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.modules.module import _has_any_global_hook

_LAYER = (nn.Linear, nn.ReLU, nn.Dropout, nn.BatchNorm1d)
_Modules: TypeAlias = tuple[nn.Linear, nn.ReLU, nn.Dropout, nn.BatchNorm1d]
_RUNNING = ("running_mean", "running_var", "num_batches_tracked")
TYPES = {torch.float32: np.float32, torch.float64: np.float64}


@dataclass(frozen=True)
class Layer:
    """One hidden layer of a network."""

    linear: nn.Linear
    relu: nn.ReLU
    dropout: nn.Dropout
    norm: nn.BatchNorm1d


@dataclass(frozen=True)
class Mode:
    """How all layers behave in a call."""

    by_batch: bool  # normalised by the batch's own statistics
    updates: bool  # of the running ones
    dropped: float  # share, 0 where dropout is off
    epsilon: float
    momenta: tuple[float, ...]  # of a layer; -1: the plain average of all batches

    @property
    def alone(self) -> bool:
        """Whether no row's answer depends on the others, or on chance."""
        return not self.by_batch and self.dropped == 0.0

    def rates(self, kind: torch.dtype) -> NDArray[Any]:
        """(2 + layers,) as `layers.forward` takes them."""
        return np.array([self.epsilon, self.dropped, *self.momenta], TYPES[kind])

    def options(self) -> NDArray[np.int64]:
        """(3,) as `layers.forward` takes them; a seed of torch's global stream, if needed."""
        seed = int(torch.randint(2**62, ())) if self.dropped > 0 else 0
        return np.array([seed, self.by_batch, self.updates])


class Trunk:
    """The hidden layers of an `nn.Sequential` as `mlp` builds it; its last module is the head."""

    def __init__(self, net: nn.Sequential) -> None:
        keys, self._modules = list(net._modules), list(net)
        starts = range(1, len(keys) - 1, 4)
        self.layers = [Layer(*cast("_Modules", tuple(self._modules[i : i + 4]))) for i in starts]
        self.head = self._modules[-1]
        first = self.layers[0].linear.in_features
        self.sizes = np.array([first, *(layer.linear.out_features for layer in self.layers)])
        # Parameters in the loops' order: weight, bias, gamma, beta of each hidden layer
        self.names = [
            f"{keys[j]}.{one}" for i in starts for j in (i, i + 3) for one in ("weight", "bias")
        ]
        self.shapes = [
            shape
            for k, m in zip(self.sizes[:-1].tolist(), self.sizes[1:].tolist(), strict=True)
            for shape in ((m, k), (m,), (m,), (m,))
        ]
        self.counts = [int(np.prod(shape)) for shape in self.shapes]
        # where gradients go that are laid out one after the other
        self.starts = np.cumsum([0, *self.counts[:-1]]).reshape(-1, 4)
        self.starts_of_head = sum(self.counts) + np.array([0, int(self.sizes[-1])])
        self.widest = int(self.sizes[1:].max())
        self.of_head = [f"{keys[-1]}.weight", f"{keys[-1]}.bias"]
        self._statistics = {f"{keys[i + 3]}.{name}" for i in starts for name in _RUNNING}

    def is_of(self, net: nn.Module) -> bool:
        """Whether the network still has these very modules."""
        return list(net._modules.values()) == self._modules

    def mode(self) -> Mode | None:
        """How its layers behave; None where they differ, or somebody looks at what they do."""
        if _has_any_global_hook() or not all(map(_bare, self._modules[:-1])):
            return None
        ways = {
            (
                one.norm.training,
                one.norm.track_running_stats,
                one.norm.eps,
                one.dropout.p if one.dropout.training else 0.0,
            )
            for one in self.layers
        }
        if len(ways) > 1:
            return None
        ((by_batch, tracks, epsilon, dropped),) = ways
        if dropped >= 1.0:
            return None
        momenta = [layer.norm.momentum for layer in self.layers]
        shares = tuple(-1.0 if momentum is None else momentum for momentum in momenta)
        return Mode(by_batch, by_batch and tracks, dropped, epsilon, shares)

    def parameters(self, replaced: Mapping[str, Tensor], kind: torch.dtype) -> list[Tensor] | None:
        """What the hidden layers are computed with, in the loops' order.

        None where some is missing, or not a plain tensor of type `kind` on the CPU.
        """
        own = [
            module._parameters[name]
            for layer in self.layers
            for module in (layer.linear, layer.norm)
            for name in ("weight", "bias")
        ]
        found = [replaced.get(name, one) for name, one in zip(self.names, own, strict=True)]
        return readable(found, self.shapes, kind)

    def head_parameters(
        self, replaced: Mapping[str, Tensor], kind: torch.dtype
    ) -> list[Tensor] | None:
        """Weight and bias of a last layer that is linear, with no hooks; None of another."""
        head = self.head
        if type(head) is not nn.Linear or not _bare(head):
            return None
        own = (head._parameters["weight"], head._parameters["bias"])
        found = [replaced.get(name, one) for name, one in zip(self.of_head, own, strict=True)]
        shapes = [(head.out_features, head.in_features), (head.out_features,)]
        return readable(found, shapes, kind)

    def only_reads(self, replaced: Mapping[str, Tensor], mode: Mode) -> bool:
        """Whether a pass reads nothing of the `replaced` tensors but parameters.

        The statistics may be among them where they are neither read nor updated.
        """
        unread = self._statistics if mode.by_batch and not mode.updates else set()
        return replaced.keys() <= {*self.names, *self.of_head, *unread}

    def running(self) -> NDArray[np.int64] | None:
        """The addresses (layers, 3) of running means, variances and counts; None without them."""
        found = [layer.norm._buffers[name] for layer in self.layers for name in _RUNNING]
        if any(one is None for one in found):
            return None
        return addresses(cast("list[Tensor]", found)).reshape(-1, 3)


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


def addresses(tensors: Sequence[Tensor]) -> NDArray[np.int64]:
    """Where the values of tensors lie in memory."""
    return np.array([one.data_ptr() for one in tensors])


def readable(
    tensors: Sequence[Tensor | None], shapes: Sequence[tuple[int, ...]], kind: torch.dtype
) -> list[Tensor] | None:
    """The tensors, if loops can read them at their addresses: of one type, on the CPU."""
    found = [one for one in tensors if one is not None]
    if kind not in TYPES or len(found) < len(tensors):
        return None
    fits = all(
        one.dtype == kind and one.is_cpu and one.is_contiguous() and one.shape == shape
        for one, shape in zip(found, shapes, strict=True)
    )
    return found if fits else None

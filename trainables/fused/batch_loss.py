"""The loss of a batch and all its gradients at once, of a network of two classes.

One node of autograd's graph, in place of hundreds: hidden layers, last layer, cross-entropy, and
what it is multiplied with where the batch is biased.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Literal, NamedTuple, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from trainables.fused.adam import FlatAdam
from trainables.fused.leaf import Leaf
from trainables.fused.loops import loops
from trainables.fused.trunk import TYPES, Mode, Trunk, addresses, trunk_of

# As the kernels number them: how the gaps of two groups become one value.
_CODES = {"spd": 0, "eod": 1, "aod": 2, "abs_aod": 3, "deo_mean": 3, "deo_sum": 4, "deo_max": 5}
_NO_BIAS = -1
_SOURCES = ("nothing", "soft", "critic")  # in the order of their codes
_NO_SLOPES = {kind: np.empty(0, one) for kind, one in TYPES.items()}


class Rows(Protocol):
    """A batch."""

    @property
    def inputs(self) -> Tensor: ...  # (n, ...) float

    @property
    def labels(self) -> Tensor: ...  # (n,)

    @property
    def groups(self) -> Tensor: ...  # (n,)

    @property
    def weights(self) -> Tensor: ...  # (n,) float


class Terms(NamedTuple):
    """What a loss was made of."""

    loss: float
    task: float  # mean cross-entropy
    bias: float  # soft bias
    error: float = 0.0  # of the critic, squared
    judged: float = 0.0  # the bias that the cross-entropy is multiplied for


@dataclass(frozen=True)
class CompiledCritic:
    """A critic of two layers of samples, means over cells, and two of the batch."""

    adam: FlatAdam  # of the critic's eight tensors
    hidden: int
    unit: float  # what scores and biases count in
    steps: int = 1  # on each batch

    def arrays(self) -> tuple[NDArray[Any], ...]:
        """Values, moments, counts of steps and rates, as `batch_kernel.loss` takes them."""
        state = self.adam.arrays()
        if state is None:
            raise ValueError("critic: all of its tensors must have taken the same steps")
        return (self.adam.numbers, *state)


@dataclass(frozen=True)
class _Pass:
    """What holds for all batches of a pass over the rows."""

    trunk: Trunk
    mode: Mode
    kind: torch.dtype
    running: NDArray[np.int64]
    rates: NDArray[Any]
    options: NDArray[np.int64]  # the seed of the next batch's dropout, and how layers behave
    parameters: list[Tensor]  # of the hidden layers, then weight and bias of the last one
    of_hidden: NDArray[np.int64]  # (layers, 4) their addresses
    of_head: NDArray[np.int64]  # (2,)
    leaf: Leaf | None
    critic: tuple[NDArray[Any], ...]

    @cached_property
    def of_network(self) -> tuple[NDArray[Any], ...]:
        """As `batch_kernel.loss` takes it."""
        sizes = self.trunk.sizes
        return (sizes, self.of_hidden, self.running, self.of_head, self.rates, self.options)

    @cached_property
    def places(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Where gradients of the hidden layers go, and those of the last one."""
        if self.leaf is None:
            return self.trunk.starts, self.trunk.starts_of_head
        return self.leaf.places, self.leaf.of_head

    @property
    def gradients(self) -> int:
        """How many numbers they are."""
        if self.leaf is None:
            return sum(self.trunk.counts) + int(self.trunk.sizes[-1]) + 1
        return self.leaf.tensor.numel()


@dataclass(frozen=True)
class _Room:
    """What a batch is worked on in; the next one of its size takes the same."""

    of: tuple[int, bytes, torch.dtype]  # rows, sizes of the layers, type
    arrays: tuple[NDArray[Any], ...]  # what is kept, moments, features and scores, slopes there

    @classmethod
    def of_rows(cls, n: int, sizes: NDArray[np.int64], kind: torch.dtype) -> _Room:
        columns, type_of = loops().products.room(n), TYPES[kind]
        widest, layers = int(sizes[1:].max()), len(sizes) - 1
        arrays = (
            np.empty(columns * int(sizes[1:].sum()), type_of),
            np.empty((layers, 2, widest), type_of),
            np.empty((widest + 1, columns), type_of),
            np.empty((widest + 1, columns), type_of),
        )
        return cls((n, sizes.tobytes(), kind), arrays)


class BatchLoss:
    """Cross-entropy of two classes times max(1, slope (|bias| - limit) + 1).

    The bias is the soft one of the batch ("soft"), what a critic predicts for it, which takes a
    step first ("critic"), or nothing.
    """

    def __init__(
        self,
        measure: str | None = None,
        mix: Tensor | None = None,
        *,
        bias_from: Literal["soft", "critic", "nothing"] = "nothing",
        slope: float = 0.0,
        limit: float = 0.0,
        critic: CompiledCritic | None = None,
    ) -> None:
        """`mix` (groups, 2) are the shares of the labels in each group; see `knows`."""
        self._mix = np.zeros((0, 2)) if mix is None else mix.double().numpy()
        self._critic = critic
        code = _NO_BIAS if measure is None else _CODES[measure]
        hidden, unit = (0, 1.0) if critic is None else (critic.hidden, critic.unit)
        self._codes = np.array([code, _SOURCES.index(bias_from), hidden])
        self._multiplier = np.array([slope, limit, unit])
        self._pass: _Pass | None = None
        self._room: _Room | None = None
        self._terms = np.zeros(len(Terms._fields))
        self._slopes = np.empty(0)  # at the leaf, of the last batch

    @staticmethod
    def knows(measure: str) -> bool:
        """Whether there is a closed form of it."""
        return measure in _CODES

    @property
    def terms(self) -> Terms:
        """Those of the last loss."""
        return Terms(*self._terms.tolist())

    def begin(self, net: nn.Module, leaf: Leaf | None = None) -> bool:
        """Before a pass over the rows; False where the loops do not fit the network as it is.

        Nobody may place hooks, switch modes or move parameters until the next one. Gradients go to
        the `leaf`, if there is one, else to each parameter.
        """
        self._pass = None
        trunk = trunk_of(net)
        if trunk is None:
            return False
        mode, running = trunk.mode(), trunk.running()
        kind = trunk.layers[0].linear.weight.dtype
        hidden, head = trunk.parameters({}, kind), trunk.head_parameters({}, kind)
        if mode is None or running is None or hidden is None or head is None:
            return False
        if len(head[1]) != 1:
            return False
        parameters = [*hidden, *head]
        where = _addresses(parameters)
        if leaf is not None and not leaf.holds(*where):
            leaf = None
        nobody = (*(np.empty(0, TYPES[kind]) for _ in range(3)), np.empty(0, np.float32))
        critic = (*nobody, np.empty(0)) if self._critic is None else self._critic.arrays()
        of_mode = (running, mode.rates(kind), mode.options())
        self._pass = _Pass(trunk, mode, kind, *of_mode, parameters, *where, leaf, critic)
        return True

    def __call__(self, rows: Rows, replaced: Mapping[str, Tensor] | None = None) -> Tensor:
        """The loss () of a batch, which can be differentiated once.

        `replaced` tensors stand for the network's own by name, with gradients.
        """
        now = self._begun()
        if replaced:
            now = _with(now, replaced)
        if not torch.is_grad_enabled():
            self._compute(rows, now, _NO_SLOPES[now.kind])
            return torch.tensor(self.terms.loss, dtype=now.kind)
        leaves = now.parameters if now.leaf is None else [now.leaf.tensor]
        said: Tensor = _Loss.apply(rows, now, self, *leaves)
        return said

    def slopes(self, rows: Rows) -> NDArray[Any] | None:
        """The gradient of the loss of a batch at the leaf, flat; None in a pass without one.

        What autograd would hand out for as much as a third of a step. The next one is written over
        it.
        """
        now = self._begun()
        if now.leaf is None:
            return None
        if self._slopes.size != now.gradients:
            self._slopes = np.empty(now.gradients, TYPES[now.kind])
        self._compute(rows, now, self._slopes)
        return self._slopes

    def judged(self, rows: Rows) -> tuple[float, float]:
        """The soft bias of a batch, and what the critic predicts for it; nobody learns."""
        now = self._begun()
        self._compute(rows, now, _NO_SLOPES[now.kind], teaches=False)
        return self.terms.bias, self.terms.judged

    def _begun(self) -> _Pass:
        if self._pass is None:
            raise RuntimeError("batch loss: a pass must begin before its first batch")
        return self._pass

    def _compute(
        self, rows: Rows, now: _Pass, slopes: NDArray[Any], *, teaches: bool = True
    ) -> None:
        """The terms of the loss and its gradients, see `batch_kernel.loss`."""
        inputs = rows.inputs if rows.inputs.ndim == 2 else rows.inputs.flatten(1)
        sizes, room = now.trunk.sizes, self._room
        if room is None or room.of != (len(inputs), sizes.tobytes(), now.kind):
            room = self._room = _Room.of_rows(len(inputs), sizes, now.kind)
        loops().batch.loss(
            inputs.contiguous().numpy(),
            rows.labels.numpy(),
            rows.groups.numpy(),
            rows.weights.numpy(),
            *now.of_network,
            *room.arrays,
            self._mix,
            self._codes,
            self._multiplier,
            *now.critic,
            self._critic.steps if self._critic is not None and teaches else 0,
            *now.places,
            slopes,
            self._terms,
        )


def _with(now: _Pass, replaced: Mapping[str, Tensor]) -> _Pass:
    """The pass on other tensors."""
    trunk = now.trunk
    hidden = trunk.parameters(replaced, now.kind)
    head = trunk.head_parameters(replaced, now.kind)
    if hidden is None or head is None or not trunk.only_reads(replaced, now.mode):
        raise ValueError("batch loss: what replaces parameters must be of their shape and type")
    parameters = [*hidden, *head]
    of_hidden, of_head = _addresses(parameters)
    return replace(now, parameters=parameters, of_hidden=of_hidden, of_head=of_head, leaf=None)


def _addresses(parameters: list[Tensor]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Of the hidden layers' (layers, 4), and of the last one's (2,)."""
    where = addresses(parameters)
    return where[:-2].reshape(-1, 4), where[-2:]


class _Loss(torch.autograd.Function):
    """The gradients are computed with the loss; the way back only hands them out."""

    @staticmethod
    def forward(ctx: Any, rows: Rows, now: _Pass, loss: BatchLoss, *leaves: Tensor) -> Tensor:
        learns = any(ctx.needs_input_grad)
        slopes = np.empty(now.gradients, TYPES[now.kind]) if learns else _NO_SLOPES[now.kind]
        loss._compute(rows, now, slopes)
        ctx.slopes, ctx.now = torch.from_numpy(slopes), now
        return torch.tensor(loss.terms.loss, dtype=now.kind)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, slope: Tensor) -> tuple[Tensor | None, ...]:
        slopes, trunk = ctx.slopes * slope, ctx.now.trunk
        if ctx.now.leaf is not None:
            return None, None, None, slopes
        pieces = slopes.split([*trunk.counts, int(trunk.sizes[-1]), 1])
        shapes = [*trunk.shapes, (1, int(trunk.sizes[-1])), (1,)]
        of_parameters = [
            piece.view(shape) if wanted else None
            for piece, shape, wanted in zip(pieces, shapes, ctx.needs_input_grad[3:], strict=True)
        ]
        return (None, None, None, *of_parameters)

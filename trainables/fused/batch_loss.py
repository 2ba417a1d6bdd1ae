"""The loss of a batch and all its gradients at once, of a network of two classes.

One node of autograd's graph, in place of hundreds: hidden layers, last layer, cross-entropy, and
what it is multiplied with where the batch is biased.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from trainables.fused.adam import FlatAdam
from trainables.fused.leaf import Leaf
from trainables.fused.loops import loops
from trainables.fused.trunk import Mode, Trunk, addresses, trunk_of

# As the kernels number them: how the gaps of two groups become one value.
_CODES = {"spd": 0, "eod": 1, "aod": 2, "abs_aod": 3, "deo_mean": 3, "deo_sum": 4, "deo_max": 5}
_NO_BIAS = -1


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


@dataclass(frozen=True)
class Terms:
    """What a loss was made of."""

    task: float  # mean cross-entropy
    bias: float  # soft bias
    error: float = 0.0  # of the critic, squared


class CompiledCritic:
    """The passes of a critic of two layers of samples, a mean, and two layers of the batch."""

    def __init__(self, adam: FlatAdam, hidden: int) -> None:
        """`adam` is that of the critic's eight tensors."""
        self._adam, self._hidden = adam, hidden

    def learn_and_predict(self, seen: NDArray[Any], n: int, bias: float) -> tuple[float, float]:
        """A step on the squared error at `bias`, which is returned; then the prediction.

        `seen` (h + 1, columns) are n samples' features, then their scores.
        """
        state = self._adam.arrays()
        if state is None:
            raise ValueError("critic: all of its tensors must have taken the same steps")
        shape = (self._hidden, seen.shape[1])
        self._first, self._second = np.empty(shape, seen.dtype), np.empty(shape, seen.dtype)
        self._last = np.empty((2, self._hidden), seen.dtype)
        passed = (self._first, self._second, self._last)
        values = self._adam.numbers
        critic = loops().critic
        error = critic.learn(seen, n, bias, values, *state, *passed)
        return error, critic.predict(seen, n, values, *passed)

    def slopes_of_inputs(self, n: int, slope: float, out: NDArray[Any]) -> None:
        """The gradient `out` (h + 1, columns) at what it saw, for that at its prediction."""
        values = self._adam.numbers
        slope = values.dtype.type(slope)
        loops().critic.slopes_of_inputs(
            slope, n, values, self._first, self._second, self._last, out
        )


@dataclass(frozen=True)
class _Pass:
    """What holds for all batches of a pass over the rows."""

    trunk: Trunk
    mode: Mode
    kind: torch.dtype
    rates: NDArray[Any]
    running: NDArray[np.int64]
    parameters: list[Tensor]  # of the hidden layers, then weight and bias of the last one
    of_hidden: NDArray[np.int64]  # (layers, 4) their addresses
    of_head: NDArray[np.int64]  # (2,)
    leaf: Leaf | None


@dataclass(frozen=True)
class _Room:
    """What a batch is worked on in; the next one of its size takes the same."""

    of: tuple[int, bytes, np.dtype[Any]]  # rows, sizes of the layers, type
    kept: NDArray[Any]
    moments: NDArray[Any]
    out: NDArray[Any]  # features, then scores
    behind: NDArray[Any]  # slopes there

    @classmethod
    def for_rows(
        cls, n: int, columns: int, sizes: NDArray[np.int64], kind: np.dtype[Any]
    ) -> _Room:
        widest, layers = int(sizes[1:].max()), len(sizes) - 1
        return cls(
            (n, sizes.tobytes(), kind),
            np.empty(columns * int(sizes[1:].sum()), kind),
            np.empty((layers, 2, widest), kind),
            np.empty((widest + 1, columns), kind),
            np.empty((widest + 1, columns), kind),
        )


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
        self._measure = _NO_BIAS if measure is None else _CODES[measure]
        self._mix = np.zeros((0, 2)) if mix is None else mix.double().numpy()
        self._bias_from, self._critic = bias_from, critic
        self._slope, self._limit = slope, limit
        self._pass: _Pass | None = None
        self._room: _Room | None = None
        self.terms = Terms(0.0, 0.0)  # of the last loss

    @staticmethod
    def knows(measure: str) -> bool:
        """Whether there is a closed form of it."""
        return measure in _CODES

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
        rates = mode.rates(kind)
        self._pass = _Pass(trunk, mode, kind, rates, running, parameters, *where, leaf)
        return True

    def __call__(self, rows: Rows, replaced: Mapping[str, Tensor] | None = None) -> Tensor:
        """The loss () of a batch, which can be differentiated once.

        `replaced` tensors stand for the network's own by name, with gradients.
        """
        now = self._pass
        if now is None:
            raise RuntimeError("batch loss: a pass must begin before its first batch")
        if replaced:
            now = _with(now, replaced)
        if not torch.is_grad_enabled():
            return torch.tensor(self._computed(rows, now, learns=False)[0], dtype=now.kind)
        leaves = now.parameters if now.leaf is None else [now.leaf.tensor]
        said: Tensor = _Loss.apply(rows, now, self, *leaves)
        return said

    def _computed(self, rows: Rows, now: _Pass, *, learns: bool) -> tuple[float, Tensor | None]:
        """The loss and, flat, its gradients."""
        fair, layers = loops().fair, loops().layers
        trunk, values = now.trunk, rows.inputs.flatten(1).contiguous().numpy()
        sizes, where, head, n = trunk.sizes, now.of_hidden, now.of_head, len(values)
        options, room = now.mode.options(), self._room
        if room is None or room.of != (n, sizes.tobytes(), values.dtype):
            room = self._room = _Room.for_rows(n, loops().products.room(n), sizes, values.dtype)
        kept, moments, out, behind = room.kept, room.moments, room.out, room.behind
        layers.forward(values, sizes, where, now.running, now.rates, options, kept, moments, out)
        of_rows = (rows.labels.numpy(), rows.groups.numpy(), rows.weights.numpy())
        width, tilts = int(sizes[-1]), np.empty(self._mix.size)
        task, bias = fair.forward(out, n, width, head, *of_rows, self._mix, self._measure, tilts)
        seen, error, judged = out[: width + 1], 0.0, bias
        if self._critic is not None:
            error, judged = self._critic.learn_and_predict(seen, n, bias)
        factor, slope = self._factor(judged)
        self.terms = Terms(task, bias, error)
        if not learns:
            return factor * task, None
        behind.fill(0)
        of_bias = task * slope
        if self._critic is not None and slope != 0.0:
            self._critic.slopes_of_inputs(n, of_bias, behind[: width + 1])
        if self._critic is not None:
            of_bias = 0.0
        leaf = now.leaf
        places = trunk.starts if leaf is None else leaf.places
        of_head = trunk.starts_of_head if leaf is None else leaf.of_head
        total = sum(trunk.counts) + width + 1 if leaf is None else leaf.tensor.numel()
        flat = rows.inputs.new_empty(total)
        slopes = flat.numpy()
        fair.backward(
            factor, of_bias, *of_rows, seen, tilts, head, behind[: width + 1], of_head, slopes
        )
        layers.backward(
            behind, values, sizes, where, now.rates, options, kept, moments, places, slopes
        )
        return factor * task, flat

    def _factor(self, bias: float) -> tuple[float, float]:
        """What the cross-entropy is multiplied with, and its slope by the bias."""
        excess = abs(bias) - self._limit
        if self._bias_from == "nothing" or excess <= 0.0:
            return 1.0, 0.0
        return 1.0 + self._slope * excess, self._slope * (1.0 if bias > 0.0 else -1.0)


def _with(now: _Pass, replaced: Mapping[str, Tensor]) -> _Pass:
    """The pass on other tensors."""
    trunk = now.trunk
    hidden = trunk.parameters(replaced, now.kind)
    head = trunk.head_parameters(replaced, now.kind)
    if hidden is None or head is None or not trunk.only_reads(replaced, now.mode):
        raise ValueError("batch loss: what replaces parameters must be of their shape and type")
    parameters = [*hidden, *head]
    where = _addresses(parameters)
    return _Pass(trunk, now.mode, now.kind, now.rates, now.running, parameters, *where, leaf=None)


def _addresses(parameters: list[Tensor]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Of the hidden layers' (layers, 4), and of the last one's (2,)."""
    where = addresses(parameters)
    return where[:-2].reshape(-1, 4), where[-2:]


class _Loss(torch.autograd.Function):
    """The gradients are computed with the loss; the way back only hands them out."""

    @staticmethod
    def forward(ctx: Any, rows: Rows, now: _Pass, loss: BatchLoss, *leaves: Tensor) -> Tensor:
        value, ctx.slopes = loss._computed(rows, now, learns=any(ctx.needs_input_grad))
        ctx.now = now
        return torch.tensor(value, dtype=now.kind)

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


def slopes_at_once(loss: Tensor, leaf: Leaf) -> Tensor | None:
    """The gradient of `loss` at the leaf, where it is the loss of one batch and nothing else.

    It is there already; to have autograd hand it out costs as much as a third of a step.
    """
    node: Any = loss.grad_fn
    now = getattr(node, "now", None)
    if not isinstance(now, _Pass) or now.leaf is not leaf:
        return None
    slopes: Tensor = node.slopes
    return slopes

"""A network's answer by compiled loops where they fit, and by its own layers everywhere else."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.func import functional_call

from trainables.fused.loops import loops
from trainables.fused.trunk import Mode, Trunk, addresses, trunk_of

_NO_HEAD = np.zeros(2, np.int64)


def answer(
    net: nn.Module,
    inputs: Tensor,
    replaced: Mapping[str, Tensor] | None = None,
    *,
    fused: bool = True,
) -> Tensor:
    """What `net` says of `inputs`; `replaced` tensors stand for its own by name, with gradients.

    With `fused`, the hidden layers of a network as `mlp` builds it run as compiled loops:
    parameters, running statistics and gradients are where they always are, sums round otherwise,
    and dropout draws one number of torch's global stream per pass. A network, a mode or a tensor
    that the loops do not fit takes its own layers, and so does one with a hook on a hidden layer.
    Such an answer can be differentiated once.
    """
    return answers(net, replaced, fused=fused)(inputs)


def answers(
    net: nn.Module, replaced: Mapping[str, Tensor] | None = None, *, fused: bool = True
) -> Callable[[Tensor], Tensor]:
    """`answer` for several calls, between which nobody changes more of `net` than values."""

    def by_layer(inputs: Tensor) -> Tensor:
        said: Tensor = (
            net(inputs) if replaced is None else functional_call(net, dict(replaced), (inputs,))
        )
        return said

    compiled = _compiled(net, replaced or {}) if fused else None
    if compiled is None:
        return by_layer

    def say(inputs: Tensor) -> Tensor:
        return compiled(inputs) if compiled.fits(inputs) else by_layer(inputs)

    return say


def at_once(net: nn.Module, parts: Sequence[Tensor]) -> list[Tensor] | None:
    """`answer` of parts of any number of inputs, of a network that evaluates, without gradients.

    None where the loops, which take the rows piece by piece, do not fit.
    """
    compiled = _compiled(net, {})
    if compiled is None or not compiled.mode.alone or not all(map(compiled.fits, parts)):
        return None
    return [compiled(inputs) for inputs in parts]


@dataclass(frozen=True)
class _Compiled:
    """A network in a mode: what the loops are told beside a batch."""

    trunk: Trunk
    mode: Mode
    parameters: list[Tensor]
    where: NDArray[np.int64]  # (layers, 4) their addresses
    running: NDArray[np.int64]
    rates: NDArray[Any]
    of_head: dict[str, Tensor]  # what replaces tensors of the head, by its own names
    head: NDArray[np.int64]  # (2,) addresses, 0 where the head is a module that runs by itself
    outputs: int  # of the head, if it is not

    def fits(self, inputs: Tensor) -> bool:
        return (
            type(inputs) is Tensor
            and inputs.is_cpu
            and not inputs.requires_grad
            and inputs.ndim >= 2
            and inputs.dtype == self.parameters[0].dtype
            and len(inputs) >= (2 if self.mode.by_batch else 1)
            and inputs[0].numel() == self.trunk.sizes[0]
        )

    def __call__(self, inputs: Tensor) -> Tensor:
        rows = inputs.flatten(1).contiguous()
        if torch.is_grad_enabled():
            hidden: Tensor = _Hidden.apply(rows, self, *self.parameters)
        elif self.mode.alone:
            said = self._alone(rows)
            if self.outputs:
                return said
            hidden = said
        else:
            hidden = _forward(rows, self)[0]
        head = self.trunk.head
        answered: Tensor = (
            functional_call(head, self.of_head, (hidden,)) if self.of_head else head(hidden)
        )
        return answered

    def _alone(self, rows: Tensor) -> Tensor:
        sizes = self.trunk.sizes
        out = rows.new_empty(len(rows), self.outputs or int(sizes[-1]))
        loops().scoring.answer(
            rows.numpy(), sizes, self.where, self.running, self.rates, self.head, out.numpy()
        )
        return out


def _compiled(net: nn.Module, replaced: Mapping[str, Tensor]) -> _Compiled | None:
    """None where the loops do not fit."""
    trunk = trunk_of(net)
    if trunk is None:
        return None
    mode, running = trunk.mode(), trunk.running()
    kind = trunk.layers[0].linear.weight.dtype
    parameters = trunk.parameters(replaced, kind)
    if mode is None or running is None or parameters is None:
        return None
    if replaced and not trunk.only_reads(replaced, mode):
        return None
    of_head = {
        name.rpartition(".")[2]: replaced[name] for name in trunk.of_head if name in replaced
    }
    head = trunk.head_parameters(replaced, kind)
    return _Compiled(
        trunk,
        mode,
        parameters,
        addresses(parameters).reshape(-1, 4),
        running,
        mode.rates(kind),
        of_head,
        _NO_HEAD if head is None else addresses(head),
        0 if head is None else len(head[1]),
    )


def _forward(rows: Tensor, call: _Compiled) -> tuple[Tensor, NDArray[Any], NDArray[Any], Any]:
    """What the hidden layers make of (n, inputs), and what the way back needs."""
    sizes, widest = call.trunk.sizes, call.trunk.widest
    n, values = len(rows), rows.numpy()
    kept = np.empty(loops().products.room(n) * int(sizes[1:].sum()), values.dtype)
    moments = np.empty((len(sizes) - 1, 2, widest), values.dtype)
    out = np.empty((widest, loops().products.room(n)), values.dtype)
    options = call.mode.options()
    loops().layers.forward(
        values, sizes, call.where, call.running, call.rates, options, kept, moments, out
    )
    return torch.from_numpy(out[: sizes[-1], :n].T.copy()), kept, moments, options


class _Hidden(torch.autograd.Function):
    """(n, width) what the hidden layers make of (n, inputs)."""

    @staticmethod
    def forward(ctx: Any, rows: Tensor, call: _Compiled, *parameters: Tensor) -> Tensor:
        hidden, ctx.kept, ctx.moments, ctx.options = _forward(rows, call)
        ctx.rows = rows.numpy()
        ctx.save_for_backward(*parameters)
        ctx.call = call
        return hidden

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, slopes: Tensor) -> tuple[Tensor | None, ...]:
        ctx.saved_tensors  # noqa: B018  # raises where one was changed since
        call, n = ctx.call, len(slopes)
        trunk = call.trunk
        behind = np.empty((trunk.widest, loops().products.room(n)), ctx.kept.dtype)
        behind[: trunk.sizes[-1], :n] = slopes.numpy().T
        flat = slopes.new_empty(sum(trunk.counts))
        loops().layers.backward(
            behind,
            ctx.rows,
            trunk.sizes,
            call.where,
            call.rates,
            ctx.options,
            ctx.kept,
            ctx.moments,
            trunk.starts,
            flat.numpy(),
        )
        of_parameters = [
            piece.view(shape) if wanted else None
            for piece, shape, wanted in zip(
                flat.split(trunk.counts), trunk.shapes, ctx.needs_input_grad[2:], strict=True
            )
        ]
        return (None, None, *of_parameters)

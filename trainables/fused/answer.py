"""A network's answer by compiled loops where they fit, and by its own layers everywhere else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.func import functional_call

from trainables.fused.leaf import Leaf
from trainables.fused.trunk import Known, Trunk, trunk_of


def answer(
    net: nn.Module,
    inputs: Tensor,
    replaced: Mapping[str, Tensor] | None = None,
    *,
    fused: bool = True,
    leaf: Leaf | None = None,
) -> Tensor:
    """What `net` says of `inputs`; `replaced` tensors stand for its own by name, with gradients.

    With `fused`, the hidden layers of a network as `mlp` builds it run as compiled loops, and its
    last layer as ever: parameters, running statistics and gradients are where they always are,
    sums round otherwise, and dropout draws one number of torch's global stream per pass. A
    network, a mode or a tensor that the loops do not fit takes its own layers, and so does one
    with a hook on a hidden layer. Such an answer can be differentiated once. With `leaf`, that of
    `net`, the gradients at the hidden layers' parameters may go there instead.
    """
    if fused:
        said = _fused(net, inputs, replaced or {}, leaf)
        if said is not None:
            return said
    by_layer: Tensor = (
        net(inputs) if replaced is None else functional_call(net, dict(replaced), (inputs,))
    )
    return by_layer


def _fused(
    net: nn.Module, inputs: Tensor, replaced: Mapping[str, Tensor], leaf: Leaf | None
) -> Tensor | None:
    trunk = trunk_of(net)
    if trunk is None or type(inputs) is not Tensor or not inputs.is_cpu or inputs.ndim < 2:
        return None
    rows = inputs.flatten(1)
    if inputs.requires_grad or rows.shape[1] != trunk.width:
        return None
    known = None if leaf is None or replaced else leaf.known(trunk)
    if known is None or rows.dtype != torch.float32:
        known = _looked_up(trunk, rows.dtype, replaced)
    if known is None or len(rows) < (2 if known.mode.by_batch else 1):
        return None
    parameters, head = known.parameters, known.of_head
    if leaf is not None and not replaced and leaf.places == trunk.places:
        parameters = [leaf.tensor]
        leaf.keep(trunk, known)
    call = _Call.of(trunk, known)
    hidden: Tensor = _Hidden.apply(rows.contiguous(), call, *parameters)
    said: Tensor = functional_call(trunk.head, head, (hidden,)) if head else trunk.head(hidden)
    return said


def _looked_up(trunk: Trunk, kind: torch.dtype, replaced: Mapping[str, Tensor]) -> Known | None:
    """All that a call needs to know; None where the loops do not fit."""
    mode, running = trunk.mode(), trunk.running()
    if mode is None or running is None:
        return None
    found, head = trunk.parameters(replaced, kind), trunk.of_head(replaced, mode)
    if found is None or head is None:
        return None
    return Known(mode, found[0], found[1], running, head)


@dataclass(frozen=True)
class _Call:
    """What the kernels are told of one pass beside tensors."""

    trunk: Trunk
    where: NDArray[np.int64]  # the parameters' addresses
    running: NDArray[np.int64]
    rates: tuple[float, ...]
    options: NDArray[np.int64]
    alone: bool  # whether no row's answer depends on the others

    @classmethod
    def of(cls, trunk: Trunk, known: Known) -> _Call:
        mode = known.mode
        seed = int(torch.randint(2**62, ())) if mode.dropped > 0 else 0
        options = np.array([seed, mode.by_batch, mode.updates], np.int64)
        alone = not mode.by_batch and mode.dropped == 0.0
        rates = (mode.epsilon, mode.dropped, *mode.momenta)
        return cls(trunk, known.where, known.running, rates, options, alone)


class _Hidden(torch.autograd.Function):
    """(n, width) what the hidden layers make of (n, inputs)."""

    @staticmethod
    def forward(ctx: Any, inputs: Tensor, call: _Call, *parameters: Tensor) -> Tensor:
        from trainables.fused import kernels  # numba is loaded where it is needed

        sizes, n = call.trunk.sizes, len(inputs)
        rows = inputs.numpy()
        rates = np.array(call.rates, rows.dtype)
        out = inputs.new_empty(n, int(sizes[-1]))
        if call.alone and not any(ctx.needs_input_grad):
            kernels.answer(rows, sizes, call.where, call.running, rates, call.options, out.numpy())
            return out
        kept = np.empty(n * int(sizes.sum()), rows.dtype)
        moments = np.empty((len(sizes) - 1, 2, int(sizes[1:].max())), rows.dtype)
        kernels.forward(
            rows, sizes, call.where, call.running, rates, call.options, kept, moments, out.numpy()
        )
        ctx.save_for_backward(*parameters)
        ctx.call, ctx.rates, ctx.kept, ctx.moments = call, rates, kept, moments
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, slopes: Tensor) -> tuple[Tensor | None, ...]:
        from trainables.fused import kernels

        ctx.saved_tensors  # noqa: B018  # raises where one was changed since
        trunk = ctx.call.trunk
        flat = slopes.new_empty(sum(trunk.counts))
        kernels.backward(
            slopes.contiguous().numpy(),
            trunk.sizes,
            ctx.call.where,
            ctx.rates,
            ctx.call.options,
            ctx.kept,
            ctx.moments,
            flat.numpy(),
        )
        if len(ctx.needs_input_grad) == 3:  # the leaf
            return None, None, flat
        pieces = flat.split(trunk.counts)
        of_parameters = [
            piece.view(shape) if wanted else None
            for piece, shape, wanted in zip(
                pieces, trunk.shapes, ctx.needs_input_grad[2:], strict=True
            )
        ]
        return (None, None, *of_parameters)

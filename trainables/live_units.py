"""Live units: those of a masked network that a path of kept weights still leads through.

The path leads from the network's input to its output. A unit without one computes nothing that
matters and could be taken out of the network.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MethodType
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.modules import activation, batchnorm, dropout


class Readout(nn.Module):
    """A layer that combines a network's last outputs without weights of its own.

    A search for live units passes it over: where it subtracts outputs from each other their
    signals would cancel, and units that matter would seem dead.
    """


_PASSED_THROUGH = (
    Readout,
    batchnorm._NormBase,
    dropout._DropoutNd,
    nn.GroupNorm,
    nn.LayerNorm,
    nn.LocalResponseNorm,
    nn.RMSNorm,
    *(getattr(activation, name) for name in activation.__all__ if name != "MultiheadAttention"),
)
_CHANGES_SHAPE = nn.GLU  # an activation that halves its channels; lets positive inputs through


def live_unit_share(
    net: nn.Module, masks: Mapping[str, Tensor], input_shape: tuple[int, ...]
) -> float:
    """Share of the units that lie on a path of kept weights from input to output, in [0, 1].

    Units are the output channels or neurons of the prunable layers.

    A copy of the network is made to pass signals on. A kept weight becomes 1 / (kept weights of
    its unit), a removed weight and every bias become 0, and normalisation, activations and
    dropout pass their input on. The copy is fed with ones. Then a unit's activation is not 0
    exactly when some path of kept weights (or a skip connection) leads to it, from the input or
    from a learned constant such as a class token. Its gradient is not 0 exactly when a path leads
    on to the output. So the trained values do not matter. Depths and fan-ins of usual networks
    stay far from float64's limits.
    """
    layers = _chain(net, masks)
    if layers is not None:
        live = [int(one.sum()) for one in _live_of_chain(layers)]
        return sum(live) / sum(len(mask) for mask in masks.values())
    trace = _Trace()
    probe = _probe(net, masks, trace)
    with torch.enable_grad():
        output = probe(torch.ones(2, *input_shape, dtype=torch.float64))
        # unequal factors: behind a softmax the gradient of a plain sum would vanish
        factors = torch.arange(1.0, output[0].numel() + 1, dtype=torch.float64)
        (output.flatten(1) * factors).sum().backward()
    units = sum(len(mask) for mask in masks.values())
    # of attention that is spared signals are traced too, but its units are not asked for
    live = [int(one.sum()) for (name, _), one in trace.live_units().items() if name in masks]
    return sum(live) / units


def _chain(net: nn.Module, masks: Mapping[str, Tensor]) -> list[Tensor] | None:
    """The masks of a plain sequence of linear layers, from the first; None of other networks.

    Nobody needs a copy of such a network to follow its paths.
    """
    modules = dict(net._modules)
    found = list(modules.values())
    if type(net) is not nn.Sequential or len(set(found)) < len(found):
        return None
    if not found or type(found[0]) is not nn.Flatten or _hooked(net):
        return None
    layers: list[Tensor] = []
    for name, module in list(modules.items())[1:]:
        if module is None or _hooked(module) or module._modules:
            return None
        if type(module) is nn.Linear and f"{name}.weight" in masks:
            layers.append(masks[f"{name}.weight"])
        elif not isinstance(module, _PASSED_THROUGH) or isinstance(module, _CHANGES_SHAPE):
            return None
    return layers if len(layers) == len(masks) else None


def _hooked(module: nn.Module) -> bool:
    return bool(module._forward_hooks or module._forward_pre_hooks or "forward" in vars(module))


def _live_of_chain(layers: list[Tensor]) -> list[Tensor]:
    """Which units (units,) of each layer a path leads through, by its mask (units, inputs)."""
    reached = [torch.ones(layers[0].shape[1], dtype=torch.bool)]
    for mask in layers:
        reached.append((mask.cpu() & reached[-1]).any(1))
    heard = torch.ones(len(layers[-1]), dtype=torch.bool)
    live = []
    for mask, units in zip(reversed(layers), reversed(reached), strict=False):
        live.append(units & heard)
        heard = (mask.cpu() & heard[:, None]).any(0)
    return live


@dataclass
class _Trace:
    """The outputs of the prunable layers during one forward pass, by (weight, first row)."""

    outputs: dict[tuple[str, int], list[tuple[Tensor, int]]] = field(default_factory=dict)

    def record(self, weight: str, row: int, output: Tensor, axis: int) -> Tensor:
        """Notes that `output` holds along `axis` the units of `weight` from `row` on."""
        if output.requires_grad:
            output.retain_grad()
            self.outputs.setdefault((weight, row), []).append((output, axis))
        return output.clone()  # what follows may write to it in place, as skip connections do

    def live_units(self) -> dict[tuple[str, int], Tensor]:
        """(units,) bool each; a layer used several times is live where any use is."""
        return {
            key: torch.stack([_live_in(*use) for use in uses]).any(0)
            for key, uses in self.outputs.items()
        }


def _live_in(output: Tensor, axis: int) -> Tensor:
    gradient = torch.zeros_like(output) if output.grad is None else output.grad
    both = (output.detach() != 0) & (gradient != 0)  # at one and the same position
    return both.movedim(axis, -1).flatten(0, -2).any(0)


@torch.no_grad()
def _probe(net: nn.Module, masks: Mapping[str, Tensor], trace: _Trace) -> nn.Module:
    """The copy of `net` that passes signals on instead of computing; hooks write to `trace`."""
    probe = copy.deepcopy(net).to("cpu", torch.float64).eval()
    for name, parameter in probe.named_parameters():
        parameter.requires_grad_(True)
        parameter.copy_(_passing(name, parameter, masks))
    for name, module in probe.named_modules():
        prefix = f"{name}." if name else ""
        if isinstance(module, nn.MultiheadAttention):
            _replace_forward(module, MethodType(_attention(prefix, trace), module))
        elif isinstance(module, _PASSED_THROUGH) and not isinstance(module, _CHANGES_SHAPE):
            _replace_forward(module, _pass_on)
        elif f"{prefix}weight" in masks:
            module.register_forward_hook(_recorder(f"{prefix}weight", trace))
    return probe


def _passing(name: str, parameter: Tensor, masks: Mapping[str, Tensor]) -> Tensor:
    if name in masks:
        kept = masks[name].to("cpu", torch.float64)
        per_unit = kept.flatten(1).sum(1).clamp_min(1.0)
        return kept / per_unit.view(-1, *[1] * (kept.ndim - 1))
    return torch.zeros_like(parameter) if name.endswith("bias") else parameter.abs()


def _replace_forward(module: nn.Module, forward: Callable[..., Any]) -> None:
    # only what it computes: other modules may read its attributes
    module.forward = forward


def _pass_on(inputs: Tensor, *_: Any, **__: Any) -> Tensor:
    return inputs


def _recorder(weight: str, trace: _Trace) -> Callable[[nn.Module, Any, Tensor], Tensor]:
    def hook(layer: nn.Module, _: Any, output: Tensor) -> Tensor:
        return trace.record(weight, 0, output, -1 if isinstance(layer, nn.Linear) else 1)

    return hook


def _attention(prefix: str, trace: _Trace) -> Callable[..., tuple[Tensor, None]]:
    """A forward for MultiheadAttention that lets a signal through wherever it has a path.

    Softmax over equal tokens has no gradient, so it is replaced: the values pass on, and once
    more multiplied by their head's query-key product, averaged over the tokens.
    """

    def forward(
        self: nn.MultiheadAttention, query: Tensor, key: Tensor, value: Tensor, **_: Any
    ) -> tuple[Tensor, None]:
        tokens = 1 if self.batch_first else 0
        projected = []
        for i, (name, inputs) in enumerate((("q", query), ("k", key), ("v", value))):
            joint: Tensor | None = self.in_proj_weight
            weight = getattr(self, f"{name}_proj_weight") if joint is None else joint.chunk(3)[i]
            row = 0 if joint is None else i * self.embed_dim
            full_name = (
                f"{prefix}{name}_proj_weight" if joint is None else f"{prefix}in_proj_weight"
            )
            projected.append(trace.record(full_name, row, F.linear(inputs, weight), -1))
        q, k, v = (part.unflatten(-1, (self.num_heads, self.head_dim)) for part in projected)
        gate = (q * k.mean(tokens, keepdim=True)).sum(-1, keepdim=True)
        passed = (v.mean(tokens, keepdim=True) * (1.0 + gate)).flatten(-2)
        return self.out_proj(passed), None

    return forward

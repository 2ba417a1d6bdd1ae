"""A network of the user's own, and weights from a file."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from trainables.masks import prunable
from trainables.models.plain_network import plain
from trainables.models.weights_file import as_named_by, read_state, shared_names
from trainables.modules import evaluating
from trainables.names import first_line
from trainables.user_code import load_function


def build_user(
    given: str | Callable[..., Any],
    input_shape: tuple[int, ...],
    outputs: int,
    *,
    folder: Path | None = None,
    **args: Any,
) -> tuple[nn.Module, list[str]]:
    """Calls the user's function (or "module:function") and tries what it returns.

    The call is function(input_shape, outputs, **args), with the shape of one input. Returned are
    the network and notes, as `plain` has them.

    Raises ValueError where the function fails, does not return an nn.Module with prunable
    weights, or the module does not turn a batch (2, *input_shape) into (2, outputs).
    """
    if isinstance(given, str):
        spec, function = given, load_function("model.build", given, folder)
    else:
        spec, function = getattr(given, "__name__", type(given).__name__), given
    try:
        net = function(input_shape, outputs, **args)
    except Exception as error:
        more = "".join(f", {name}={value!r}" for name, value in args.items())
        call = f"{spec}({tuple(input_shape)}, {outputs}{more})"
        raise ValueError(f"model.build: {call} failed, {first_line(error)}") from error
    if not isinstance(net, nn.Module):
        kind = type(net).__name__
        raise ValueError(f"model.build: {spec} must return a torch.nn.Module, got {kind}")
    return checked(f"model.build: {spec}", net, input_shape, outputs)


@torch.no_grad()
def checked(
    who: str, given: nn.Module, input_shape: tuple[int, ...], outputs: int
) -> tuple[nn.Module, list[str]]:
    """A copy of `given` as methods can take it, and notes to the user; see `plain`.

    Lazy layers have found out how many inputs they have. Raises ValueError, naming `who`, unless
    it has prunable weights and fits the data and the task.
    """
    net, notes = plain(who, given)
    if not prunable(net):
        told = "; ".join(["at least one weight must be prunable, got none", *notes])
        raise ValueError(f"{who}: {told}")
    try:
        with evaluating(net):
            logits = net(torch.zeros(2, *input_shape))
    except Exception as error:
        batch = (2, *input_shape)
        reason = f"{first_line(error)}{_other_precision(net)}"
        raise ValueError(f"{who} must accept a batch {batch}, failed: {reason}") from error
    got = tuple(logits.shape) if isinstance(logits, Tensor) else type(logits).__name__
    if got != (2, outputs):
        rule = f"must turn a batch {(2, *input_shape)} into logits {(2, outputs)}"
        raise ValueError(f"{who} {rule}, got {got}")
    return net, notes


def _other_precision(net: nn.Module) -> str:
    """Why a network may not accept its inputs: it computes in another precision."""
    for name, parameter in net.named_parameters():
        if parameter.is_floating_point() and parameter.dtype != torch.float32:
            kind = str(parameter.dtype).removeprefix("torch.")
            return f"; inputs are float32, and {name} is {kind}: net.float() makes it alike"
    return ""


def load_weights(net: nn.Module, file: Path, *, other_classes: bool = False) -> None:
    """Loads `file` (.safetensors, or .pt that holds nothing but tensors) into `net`, in place.

    Names need not be those of `net` to the letter, see `as_named_by`. With `other_classes` the
    file may be of a network for another task: where its last Linear layer has another number of
    outputs, that of `net` keeps the weights it has. Raises ValueError where the file is missing,
    cannot be read, or holds the weights of another net, and names the first weight that does not
    fit.
    """
    own = net.state_dict()
    stored = read_state(file)
    state = as_named_by(own, stored)
    if other_classes:
        state |= {name: own[name] for name in _head_of_other_size(net, state)}
    for name, tensor in own.items():
        if name not in state:
            absent = f"{name} {tuple(tensor.shape)} is not in the file"
            raise _another(file, f"{absent}{_prefix_hint(own, stored)}")
        _check_tensor(file, name, state[name], tensor)
    for name in state:
        if name not in own:
            raise _another(file, f"{name} {tuple(state[name].shape)} is not in the network")
    for name, twins in shared_names(own).items():
        for twin in twins:
            if not torch.equal(state[name], state[twin]):
                one = f"{name} and {twin} are one tensor of the network and two in the file"
                raise _another(file, one)
    net.load_state_dict(state)


def _check_tensor(file: Path, name: str, stored: Tensor, own: Tensor) -> None:
    if stored.shape != own.shape:
        want, got = tuple(own.shape), tuple(stored.shape)
        raise _another(file, f"{name} must have shape {want}, got {got}")
    if stored.is_floating_point() != own.is_floating_point():
        raise _another(file, f"{name} must be {own.dtype}, got {stored.dtype}")
    if not bool(stored.isfinite().all()):
        raise ValueError(f"model.weights: {name} must be finite, has NaN or infinity ({file})")


def _prefix_hint(own: Mapping[str, Tensor], stored: Mapping[str, Tensor]) -> str:
    """What all names of the file begin with, and none of the network's: why none may fit."""
    prefix = f"{next(iter(stored)).partition('.')[0]}."
    common = all(name.startswith(prefix) for name in stored)
    strange = common and not any(name.startswith(prefix) for name in own)
    return f" (all names there begin with {prefix!r})" if strange else ""


def _head_of_other_size(net: nn.Module, state: dict[str, Tensor]) -> list[str]:
    """The names of the last Linear layer's weights where `state` has other outputs for it."""
    layers = [(name, m) for name, m in net.named_modules() if isinstance(m, nn.Linear)]
    if not layers:
        return []
    name, last = layers[-1]
    prefix = f"{name}." if name else ""
    weight = state.get(f"{prefix}weight")
    if weight is None or weight.ndim != 2 or weight.shape[1] != last.in_features:
        return []
    same = len(weight) == last.out_features
    return [] if same else [f"{prefix}{own}" for own, _ in last.named_parameters()]


def _another(file: Path, difference: str) -> ValueError:
    return ValueError(f"model.weights: {file} holds the weights of another net: {difference}")

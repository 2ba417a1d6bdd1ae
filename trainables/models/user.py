"""A network of the user's own, and weights from a file."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from trainables.data.batches import evaluating
from trainables.masks import Masks
from trainables.user_code import load_function


def build_user(
    given: str | Callable[..., Any],
    input_shape: tuple[int, ...],
    outputs: int,
    *,
    folder: Path | None = None,
    **args: Any,
) -> nn.Module:
    """Calls the user's function (or "module:function") and tries what it returns.

    The call is function(input_shape, outputs, **args), with the shape of one input.

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
        raise ValueError(f"model.build: {call} failed, {_named(error)}") from error
    if not isinstance(net, nn.Module):
        kind = type(net).__name__
        raise ValueError(f"model.build: {spec} must return a torch.nn.Module, got {kind}")
    check_network(f"model.build: {spec}", net, input_shape, outputs)
    return net


@torch.no_grad()
def check_network(who: str, net: nn.Module, input_shape: tuple[int, ...], outputs: int) -> None:
    """Raises ValueError unless `net` has prunable weights and fits the data and the task."""
    Masks.keep_all(net)
    device = next(net.parameters()).device
    try:
        with evaluating(net):
            logits = net(torch.zeros(2, *input_shape, device=device))
    except Exception as error:
        batch = (2, *input_shape)
        raise ValueError(f"{who} must accept a batch {batch}, failed: {_named(error)}") from error
    got = tuple(logits.shape) if isinstance(logits, Tensor) else type(logits).__name__
    if got != (2, outputs):
        rule = f"must turn a batch {(2, *input_shape)} into logits {(2, outputs)}"
        raise ValueError(f"{who} {rule}, got {got}")


def load_weights(net: nn.Module, file: Path, *, other_classes: bool = False) -> None:
    """Loads `file` (.safetensors, or .pt that holds nothing but tensors) into `net`, in place.

    A .pt may hold the state dict itself or have it under "state_dict". With `other_classes` the
    file may be of a network for another task: where its last Linear layer has another number of
    outputs, that of `net` keeps the weights it has. Raises ValueError where the file is missing,
    cannot be read, or holds the weights of another net, and names the first weight that does not
    fit.
    """
    state = _read(file)
    own = net.state_dict()
    if other_classes:
        state |= {name: own[name] for name in _head_of_other_size(net, state)}
    for name, tensor in own.items():
        if name not in state:
            raise _another(file, f"{name} {tuple(tensor.shape)} is not in the file")
        if state[name].shape != tensor.shape:
            want, got = tuple(tensor.shape), tuple(state[name].shape)
            raise _another(file, f"{name} must have shape {want}, got {got}")
    for name in state:
        if name not in own:
            raise _another(file, f"{name} {tuple(state[name].shape)} is not in the network")
    for name, tensor in state.items():
        if not bool(tensor.isfinite().all()):
            raise ValueError(f"model.weights: {name} must be finite, has NaN or infinity ({file})")
    net.load_state_dict(state)


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


def _read(file: Path) -> dict[str, Tensor]:
    if not file.is_file():
        raise ValueError(f"model.weights: must be an existing file, got {file}")
    if file.suffix not in (".safetensors", ".pt", ".pth"):
        raise ValueError(f"model.weights: must end in .safetensors, .pt or .pth, got {file.name}")
    try:
        if file.suffix == ".safetensors":
            return load_file(file)
        content = torch.load(file, map_location="cpu", weights_only=True)
    except (SafetensorError, pickle.UnpicklingError, RuntimeError, EOFError) as error:
        rule = "must hold tensors only (torch.save(net.state_dict(), ...) or safetensors)"
        raise ValueError(f"model.weights: {file} {rule}, {_named(error)}") from error
    if isinstance(content, dict) and isinstance(content.get("state_dict"), dict):
        content = content["state_dict"]
    if not isinstance(content, dict) or not all(isinstance(v, Tensor) for v in content.values()):
        raise ValueError(f"model.weights: {file} must hold a state dict of tensors")
    return content


def _named(error: Exception) -> str:
    first = (str(error).strip() or "no message").splitlines()[0]
    return f"{type(error).__name__}: {first}"

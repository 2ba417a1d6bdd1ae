"""Weights as others save them: read from a file, and brought to the names of a network."""

from __future__ import annotations

import pickle
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from trainables.names import first_line

State = dict[str, Tensor]

# What stands before every name where a network was saved inside another module: DataParallel and
# DistributedDataParallel, torch.compile, Lightning.
WRAPPERS = ("module.", "_orig_mod.", "model.")
_STATES = ("state_dict", "model_state_dict")  # keys of a checkpoint that hold the network's state
_COUNTER = "num_batches_tracked"  # of batch norms; files from before it was introduced lack it
# What torch.nn.utils makes of a weight: an original and its mask, or a length and a direction.
_MASKED = ("{0}_orig", "{0}_mask")
_NORMED = (
    ("{0}_g", "{0}_v"),
    ("{1}parametrizations.{2}.original0", "{1}parametrizations.{2}.original1"),
)


def read_state(file: Path) -> State:
    """The state dict in a .safetensors file, or in a .pt or .pth of torch.

    The latter may be the state dict itself or a checkpoint that has it under "state_dict" or
    "model_state_dict". Raises ValueError where the file is missing, cannot be read, or holds
    something else; nothing but tensors is ever unpickled.
    """
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
        raise ValueError(f"model.weights: {file} {rule}, {first_line(error)}") from error
    return _state_in(file, content)


def as_named_by(own: Mapping[str, Tensor], stored: State) -> State:
    """`stored`, of a file, under the names of `own`, a network's state.

    What a network was wrapped in when it was saved, or is wrapped in now, makes no difference.
    Filled in are the counters of batch norms that older versions of torch did not have, and
    tensors that the network has under several names and the file under one. Masks of
    torch.nn.utils.prune and weight norm are folded into their weights, as they are in networks.
    All else keeps its name.
    """
    names = dict(zip(_bare(own), own, strict=True))
    state = {
        names.get(bare, name): stored[name]
        for name, bare in zip(stored, _bare(stored), strict=True)
    }
    for name in own.keys() - state.keys():
        _fold(state, name, own)
    for name, twins in shared_names(own).items():
        if name not in state:
            held = next((twin for twin in twins if twin in state), None)
            state |= {} if held is None else {name: state[held]}
    counters = {name: own[name] for name in own if name.rpartition(".")[2] == _COUNTER}
    return counters | state


def _fold(state: State, name: str, own: Mapping[str, Tensor]) -> None:
    """Puts the weight `name` into `state` in place of what it was computed from."""
    layer, dot, key = name.rpartition(".")
    for form in (_MASKED, *_NORMED):
        first, second = (part.format(name, layer + dot, key) for part in form)
        if {first, second} <= state.keys() - own.keys():
            one, other = state.pop(first), state.pop(second)
            state[name] = one * other if form is _MASKED else _with_length(one, other)


def _with_length(length: Tensor, direction: Tensor) -> Tensor:
    """Salimans, Kingma, "Weight Normalization", NIPS 2016: g v / |v|, the norm over all axes but
    those that g has."""
    axes = [axis for axis in range(direction.ndim) if not length.ndim or length.shape[axis] == 1]
    weight: Tensor = direction * (length / direction.norm(dim=axes, keepdim=True))
    return weight


def shared_names(own: Mapping[str, Tensor]) -> dict[str, list[str]]:
    """The names of tensors that a network has under several, each with the others."""
    places: dict[tuple[object, ...], list[str]] = {}
    for name, tensor in own.items():
        if tensor.numel():
            key = (tensor.data_ptr(), tensor.dtype, tuple(tensor.shape), tensor.stride())
            places.setdefault(key, []).append(name)
    return {
        name: [other for other in names if other != name]
        for names in places.values()
        for name in names
        if len(names) > 1
    }


def _state_in(file: Path, content: Any) -> State:
    if _is_state(content):
        return dict(content)
    if isinstance(content, dict):
        for key in _STATES:
            if _is_state(content.get(key)):
                return dict(content[key])
        others = [str(key) for key, value in content.items() if _is_state(value)]
        if others:
            raise ValueError(
                f"model.weights: {file} must hold a state dict of tensors, itself or under "
                f"{' or '.join(map(repr, _STATES))}, got one under "
                f"{', '.join(map(repr, others))}: save that by itself"
            )
    raise ValueError(f"model.weights: {file} must hold a state dict of tensors")


def _is_state(content: Any) -> bool:
    return (
        isinstance(content, Mapping)
        and len(content) > 0
        and all(isinstance(value, Tensor) for value in content.values())
    )


def _bare(names: Iterable[str]) -> list[str]:
    """The names without what all of them begin with because the network was wrapped."""
    bare = [name.replace("_orig_mod.", "") for name in names]  # parts can be compiled too
    while wrapper := next(
        (w for w in WRAPPERS if bare and all(n.startswith(w) for n in bare)), ""
    ):
        bare = [name.removeprefix(wrapper) for name in bare]
    return bare

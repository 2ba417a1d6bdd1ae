"""A network's weights as a safetensors file that also says if its last layer was replaced."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from trainables.models.joint_head import described, rebuilt

_STRUCTURE = "structure"


def separate_tensors(net: nn.Module) -> dict[str, torch.Tensor]:
    """A network's state, tied weights written out: in a safetensors file no memory is shared."""
    return {k: v.detach().cpu().contiguous().clone() for k, v in net.state_dict().items()}


def save_net(net: nn.Module, path: Path) -> None:
    """Writes all of the network's state."""
    structure = described(net)
    metadata = None if structure is None else {_STRUCTURE: json.dumps(structure)}
    save_file(separate_tensors(net), path, metadata)


def load_net(path: Path, net: nn.Module) -> nn.Module:
    """The saved network. `net`, of the architecture that it was trained from, gets its weights.

    It is another object where training has replaced the last layer.
    """
    with safe_open(path, framework="pt") as file:
        metadata = file.metadata() or {}
        state = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
    structure = json.loads(metadata[_STRUCTURE]) if _STRUCTURE in metadata else None
    net = rebuilt(net, structure)
    net.load_state_dict(state)
    return net


def digest(tensors: Mapping[str, Tensor]) -> str:
    """sha256 over names, dtypes, shapes and bytes; the same on every device."""
    total = hashlib.sha256()
    for name in sorted(tensors):
        tensor = tensors[name].detach().cpu().contiguous()
        total.update(f"{name}\x1f{tensor.dtype}\x1f{tuple(tensor.shape)}\x1f".encode())
        total.update(tensor.reshape(-1).view(torch.uint8).numpy().tobytes())
    return total.hexdigest()

"""A network's weights as a safetensors file that also says if its last layer was replaced, and
what its content was when it was written."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from trainables.models.joint_head import described, rebuilt
from trainables.models.net_digest import DIGEST, check_content, content_digest

_STRUCTURE = "structure"


def separate_tensors(net: nn.Module) -> dict[str, torch.Tensor]:
    """A network's state, tied weights written out: in a safetensors file no memory is shared."""
    return {k: v.detach().cpu().contiguous().clone() for k, v in net.state_dict().items()}


def save_net(net: nn.Module, path: Path) -> None:
    """Writes all of the network's state."""
    structure, tensors = described(net), separate_tensors(net)
    metadata = {} if structure is None else {_STRUCTURE: json.dumps(structure)}
    # `save_file` would make a file that only its owner can read, unlike all others of a run.
    path.write_bytes(save(tensors, {**metadata, DIGEST: digest(tensors)}))


def load_net(path: Path, net: nn.Module) -> nn.Module:
    """The saved network. `net`, of the architecture that it was trained from, gets its weights.

    It is another object where training has replaced the last layer. Raises ValueError, naming the
    file, where it is damaged or holds the weights of another network, and FileNotFoundError.
    """
    metadata, state = _content(path)
    structure = json.loads(metadata[_STRUCTURE]) if _STRUCTURE in metadata else None
    net = rebuilt(net, structure)
    try:
        net.load_state_dict(state)
    except RuntimeError as error:
        first = " ".join(str(error).split("\n")[:2])
        raise ValueError(f"{path} holds the weights of another network: {first}") from error
    return net


def _content(path: Path) -> tuple[dict[str, str], dict[str, Tensor]]:
    """Metadata and tensors."""
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            state = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
    except SafetensorError as error:
        raise ValueError(f"{path} is damaged: {error}") from error
    check_content(path, metadata, digest(state))
    return metadata, state


def digest(tensors: Mapping[str, Tensor]) -> str:
    """sha256 over names, dtypes, shapes and bytes; the same on every device."""
    on_cpu = ((name, tensors[name].detach().cpu().contiguous()) for name in sorted(tensors))
    return content_digest(
        (name, str(one.dtype), one.shape, one.reshape(-1).view(torch.uint8).numpy().tobytes())
        for name, one in on_cpu
    )

"""The digest of a network's weights, found without torch, which takes seconds to load."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

from safetensors import SafetensorError, deserialize, safe_open

DIGEST = "digest"  # where a file of ours keeps it
_TYPES = {  # torch's names of what safetensors files hold
    "BOOL": "bool",
    "U8": "uint8",
    "I8": "int8",
    "I16": "int16",
    "I32": "int32",
    "I64": "int64",
    "U16": "uint16",
    "U32": "uint32",
    "U64": "uint64",
    "F16": "float16",
    "BF16": "bfloat16",
    "F32": "float32",
    "F64": "float64",
    "C64": "complex64",
    "F8_E4M3": "float8_e4m3fn",
    "F8_E5M2": "float8_e5m2",
}


def content_digest(tensors: Iterable[tuple[str, str, Iterable[int], bytes]]) -> str:
    """sha256 over (name, torch's dtype, shape, bytes) of tensors in order of their names."""
    total = hashlib.sha256()
    for name, dtype, shape, data in tensors:
        total.update(f"{name}\x1f{dtype}\x1f{tuple(shape)}\x1f".encode())
        total.update(data)
    return total.hexdigest()


def digest_of_file(path: Path) -> str:
    """`net_file.digest` of the tensors of a saved network.

    Raises ValueError, naming the file, where it is damaged, and FileNotFoundError.
    """
    try:
        with safe_open(path, framework="numpy") as file:
            metadata = file.metadata() or {}
        tensors = dict(deserialize(path.read_bytes()))
    except SafetensorError as error:
        raise ValueError(f"{path} is damaged: {error}") from error
    found = content_digest(
        (name, f"torch.{_TYPES[one['dtype']]}", one["shape"], one["data"])
        for name, one in sorted(tensors.items())
    )
    check_content(path, metadata, found)
    return found


def check_content(path: Path, metadata: dict[str, str], found: str) -> None:
    """Raises ValueError where a file says that its content was another when it was written.

    Files of earlier versions do not say it.
    """
    if metadata.get(DIGEST, found) != found:
        raise ValueError(f"{path} is damaged: its weights are not those that were written")

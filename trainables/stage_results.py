"""The content-addressed store of what stages left, for trials that need the same result."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from trainables.file_lock import NoLocks, drop_lock, take_lock
from trainables.whole_file import whole_file

log = logging.getLogger(__name__)

_NET, _MASK = "weight:", "mask:"
Part = dict[str, Any]  # of a report: all that the stage decides, JSON-able


@dataclass(frozen=True)
class StageResult:
    """What a stage left: its part of each epoch's report, the weights and masks at its end."""

    reports: tuple[Part, ...]
    net: Mapping[str, Tensor]
    masks: Mapping[str, Tensor]  # bool


class Claim:
    """The right to compute a result; it ends with `release` or with this process."""

    def __init__(self, file: IO[bytes] | None) -> None:
        """`file` is the locked one; None where the file system has no locks."""
        self._file = file

    def release(self) -> None:
        if self._file is not None:
            drop_lock(self._file)
            self._file = None


@dataclass(frozen=True)
class StageStore:
    """Files `<key>.safetensors` in one folder; a key says what decides a result, see `key_of`.

    The reports and a checksum over all of it are part of the file.
    """

    folder: Path

    def path(self, key: str) -> Path:
        return self.folder / f"{key}.safetensors"

    def files(self) -> list[Path]:
        """All results and locks, sorted by name."""
        found = (*self.folder.glob("*.safetensors"), *self.folder.glob("*.lock"))
        return sorted(found)

    def get(self, key: str, *, claimed: bool = False) -> StageResult | None:
        """The result, or None where there is none that can be read.

        A damaged one is removed by whoever holds the claim, and by nobody else: somebody may have
        put a whole one in its place meanwhile.
        """
        path = self.path(key)
        try:
            return _read(path, key)
        except FileNotFoundError:
            return None
        except (SafetensorError, ValueError) as error:
            log.warning("%s is damaged and has to be computed again: %s", path, error)
            if claimed:
                path.unlink(missing_ok=True)
            return None
        except OSError as error:  # of this machine or its connection, not of the file
            log.warning("%s cannot be read and is computed again: %s", path, error)
            return None

    def put(self, key: str, result: StageResult) -> None:
        """Writes a result; its file appears at once or not at all."""
        tensors = {_NET + name: tensor for name, tensor in result.net.items()}
        tensors |= {_MASK + name: tensor.to(torch.uint8) for name, tensor in result.masks.items()}
        content = {k: v.detach().cpu().contiguous().clone() for k, v in tensors.items()}
        said = json.dumps({"key": key, "reports": result.reports}, allow_nan=False)
        metadata = {"result": said, "checksum": _checksum(said, content)}
        with whole_file(self.path(key)) as file:
            file.write_bytes(save(content, metadata=metadata))

    def claim(self, key: str) -> Claim | None:
        """The right to compute the result, or None while somebody else has it.

        On a file system without locks everybody gets it: the same is then computed twice.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        file = self.path(key).with_suffix(".lock").open("ab")
        try:
            taken = take_lock(file)
        except NoLocks:
            log.warning("%s has no locks: shared stages may be computed twice", self.folder)
            file.close()
            return Claim(None)
        except BaseException:
            file.close()
            raise
        if not taken:
            file.close()
            return None
        return Claim(file)


def key_of(facts: Mapping[str, Any]) -> str:
    """The key of the result that these JSON-able facts decide; 32 hexadecimal digits."""
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:32]


def digest(tensors: Mapping[str, Tensor]) -> str:
    """sha256 over names, kinds, shapes and bytes; the same on every device."""
    found = hashlib.sha256()
    for name in sorted(tensors):
        tensor = tensors[name].detach().cpu().contiguous()
        found.update(f"{name}\x1f{tensor.dtype}\x1f{tuple(tensor.shape)}\x1f".encode())
        found.update(tensor.reshape(-1).view(torch.uint8).numpy().tobytes())
    return found.hexdigest()


def _checksum(said: str, content: Mapping[str, Tensor]) -> str:
    return hashlib.sha256(f"{said}\x1f{digest(content)}".encode()).hexdigest()


def _read(path: Path, key: str) -> StageResult:
    """Raises FileNotFoundError where there is no such file, ValueError where it is not as written
    (so does the JSON that it holds), SafetensorError where it is none."""
    with safe_open(path, framework="pt") as file:
        metadata = file.metadata() or {}
        # Copied: what is handed out must not change with the file.
        content = {name: file.get_tensor(name).clone() for name in file.keys()}  # noqa: SIM118
    said = metadata.get("result", "")
    if metadata.get("checksum") != _checksum(said, content):
        raise ValueError("its content does not match its checksum")
    result = json.loads(said)
    if result["key"] != key:
        raise ValueError(f"it is the result of another stage: {result['key']}")
    return StageResult(tuple(result["reports"]), _part(content, _NET), _masks(content))


def _part(content: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {k.removeprefix(prefix): v for k, v in content.items() if k.startswith(prefix)}


def _masks(content: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name: tensor.bool() for name, tensor in _part(content, _MASK).items()}

"""The content-addressed store of weights and masks that the front may need."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NotRequired, TypedDict

import torch
from safetensors import safe_open
from safetensors.torch import save

from trainables.evaluation.report import DecisionDict
from trainables.files import whole_file
from trainables.masks import MaskedNet, Masks, prune_only
from trainables.models.joint_head import Structure, described, rebuilt
from trainables.trial.names import checked_candidate

if TYPE_CHECKING:
    from torch import Tensor, nn

_WEIGHT, _MASK = "weight:", "mask:"


class CandidateFacts(TypedDict):
    """What a candidate's file says beside its weights and masks."""

    trial: str
    epoch: int
    spec: dict[str, Any]  # of the trial, see Spec.to_config
    decision: DecisionDict
    sparsity: float
    structure: NotRequired[Structure]  # where training has replaced the network's last layer


@dataclass(frozen=True)
class CandidateStore:
    """Files `<name>.safetensors` in one folder; a name is 16 digits of its content's sha256."""

    folder: Path

    def path(self, candidate: str) -> Path:
        """Raises BadName for what is no candidate's name."""
        return self.folder / f"{checked_candidate(candidate)}.safetensors"

    def __contains__(self, candidate: str) -> bool:
        return self.path(candidate).exists()

    def put(self, masked: MaskedNet, facts: CandidateFacts) -> str:
        """Writes one candidate and returns its name. The store adds the structure to `facts`.

        The file appears at once or not at all: a reader never sees half of it.
        """
        tensors = {_WEIGHT + k: v for k, v in masked.net.state_dict().items()}
        tensors |= {_MASK + k: v.to(torch.uint8) for k, v in masked.masks.items()}
        content = {k: v.detach().cpu().contiguous().clone() for k, v in tensors.items()}
        if (structure := described(masked.net)) is not None:
            facts = {**facts, "structure": structure}
        # One metadata entry only: the order of several is not fixed, and would change the hash.
        data = save(content, metadata={"candidate": json.dumps(facts, sort_keys=True)})
        name = _name_of(data)
        with whole_file(self.path(name)) as file:
            file.write_bytes(data)
        return name

    def files(self) -> list[Path]:
        """All candidates' files, sorted by name."""
        return sorted(self.folder.glob("*.safetensors"))

    def drop(self, candidate: str) -> None:
        self.path(candidate).unlink(missing_ok=True)

    def facts(self, candidate: str) -> CandidateFacts:
        """What was said of the candidate when it was put.

        Raises FileNotFoundError where the store has no such candidate.
        """
        return _facts(self._existing(candidate))

    def load(self, candidate: str, net: nn.Module) -> MaskedNet:
        """The candidate's weights in `net`, with its masks; see `intact` and `load_candidate`."""
        return load_candidate(self.intact(candidate), net)

    def intact(self, candidate: str) -> Path:
        """The file of a candidate.

        Raises ValueError where its content is not the one that it is named after, and
        FileNotFoundError where there is none.
        """
        path = self._existing(candidate)
        if _name_of(path.read_bytes()) != candidate:
            raise ValueError(f"candidates: {path} is damaged: its content is not what was written")
        return path

    def _existing(self, candidate: str) -> Path:
        if candidate not in self:
            raise FileNotFoundError(f"candidates: {self.path(candidate)} does not exist")
        return self.path(candidate)


def _name_of(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:16]


def load_candidate(path: Path, net: nn.Module) -> MaskedNet:
    """The weights of a candidate's file in `net`, with its masks.

    `net` is of the architecture that the candidate was trained from. It is changed in place,
    unless one of the two has another last layer than the other.
    """
    net = rebuilt(net, _facts(path).get("structure"))
    with safe_open(path, framework="pt") as file:
        tensors: dict[str, Tensor] = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
    weights = {k.removeprefix(_WEIGHT): v for k, v in tensors.items() if k.startswith(_WEIGHT)}
    masks = {k.removeprefix(_MASK): v for k, v in tensors.items() if k.startswith(_MASK)}
    net.load_state_dict(weights)
    prune_only(net, masks)  # a network handed over need not know which of its weights were frozen
    return MaskedNet(net, Masks({k: v.bool() for k, v in masks.items()}))


def _facts(path: Path) -> CandidateFacts:
    with safe_open(path, framework="pt") as file:
        facts: CandidateFacts = json.loads(file.metadata()["candidate"])
        return facts

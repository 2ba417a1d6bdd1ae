"""What a stage of a trial is: validated settings, and a run that advances an epoch at a time."""

from __future__ import annotations

import copy
import hashlib
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

import torch

from trainables.masks import MaskedNet, Masks

if TYPE_CHECKING:
    from torch import nn

    from trainables.data.batches import TrialData
    from trainables.evaluation.objective import Objective

State = dict[str, Any]  # tensors, numbers, strings, lists and dicts of them: weights-only loading


def derived_seed(*parts: object) -> int:
    """A seed in [0, 2**63) that depends on every part and on nothing else."""
    text = "\x1f".join(repr(part) for part in parts)
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "little") >> 1


@contextmanager
def seeded(seed: int, device: torch.device) -> Iterator[None]:
    """Torch's global stream (dropout) starts from `seed` in the `with` block, then is put back."""
    cuda = [device] if device.type == "cuda" else []
    with torch.random.fork_rng(devices=cuda):
        torch.manual_seed(seed)
        yield


@contextmanager
def limited_threads(threads: int) -> Iterator[None]:
    """Torch on so many CPU threads for the length of a `with` block."""
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@dataclass(frozen=True)
class Context:
    """What a stage is given. The networks are not its own: it copies one before it changes it."""

    untrained: nn.Module  # as training starts from it: what every dense stage begins with
    dense: nn.Module
    incoming: tuple[MaskedNet, ...]  # what the earlier stages left, oldest first
    data: TrialData
    objective: Objective
    device: torch.device
    seed: int  # of this stage: derived from the trial's seed, the position and the settings

    def generator(self, *purpose: object) -> torch.Generator:
        """A CPU generator for one named purpose (the set-up of a stage, an epoch)."""
        return torch.Generator().manual_seed(derived_seed(self.seed, *purpose))

    def latest(self, stage: str) -> MaskedNet:
        """What the stage before left; raises ValueError, naming `stage`, where there is none."""
        if not self.incoming:
            raise ValueError(f"{stage}: needs the result of an earlier stage, got none")
        return self.incoming[-1]

    def latest_or_dense(self) -> MaskedNet:
        """What the stage before left; in a first stage the dense network, every weight kept."""
        if self.incoming:
            return self.incoming[-1]
        return MaskedNet(self.dense, Masks.keep_all(self.dense))


class Settings(Protocol):
    """A stage's settings: frozen and validated; the fields are exactly what a space may search."""

    inputs: ClassVar[int]  # how many earlier results the stage needs in `context.incoming`

    @property
    def learns_from(self) -> str:
        """The split the stage learns from: "train", "debias" or "nothing"."""
        ...

    def start(self, context: Context) -> StageRun: ...


class StageRun(ABC):
    """A stage under way.

    All randomness of an epoch comes from the generator that it is handed. What a network draws
    itself (dropout) comes from torch's global stream, which the pipeline seeds from the same
    source before each epoch. So no state of a generator is part of `state_dict`.
    """

    epochs: int  # how many epochs the stage takes; at least 1
    yields_candidates: bool = False  # True: epochs before the stage's last may enter the front
    passes: int = 1  # networks that each row goes through in an epoch: what it is charged

    @abstractmethod
    def epoch(self, generator: torch.Generator) -> dict[str, float]:
        """Advances by one epoch and returns its mean losses by name.

        Raises FloatingPointError where a loss is not finite.
        """

    @abstractmethod
    def result(self) -> MaskedNet:
        """The network and masks as they stand now; the caller does not change them."""

    @abstractmethod
    def state_dict(self) -> State:
        """Everything needed to go on as if nothing had happened."""

    @abstractmethod
    def load_state_dict(self, state: State) -> None: ...


class Unchanged(StageRun):
    """One epoch that leaves a network as it is."""

    epochs = 1

    def __init__(self, masked: MaskedNet) -> None:
        self._masked = masked

    def epoch(self, generator: torch.Generator) -> dict[str, float]:
        return {}

    def result(self) -> MaskedNet:
        return self._masked

    def state_dict(self) -> State:
        return {}

    def load_state_dict(self, state: State) -> None:
        """There is nothing to restore: the network is handed over when the stage starts."""


def settings_dict(settings: Any) -> dict[str, Any]:
    """The searchable fields of a stage's settings as plain values."""
    return asdict(settings)


def finite(stage: str, losses: dict[str, float]) -> dict[str, float]:
    """`losses` unchanged; raises FloatingPointError where one of them is NaN or infinite."""
    for name, value in losses.items():
        if not torch.isfinite(torch.tensor(value)):
            raise FloatingPointError(f"{stage}: {name} must stay finite, got {value}")
    return losses


def snapshot(state: dict[str, Any]) -> State:
    """A deep copy of a state that is kept: training that goes on must not change it."""
    return copy.deepcopy(dict(state))

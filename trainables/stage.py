"""What a stage of a trial is: validated settings, and a run that advances an epoch at a time."""

from __future__ import annotations

import copy
import hashlib
import math
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import torch

from trainables.masks import MaskedNet, Masks

if TYPE_CHECKING:
    from torch import nn

    from trainables.data.batches import TrialData
    from trainables.evaluation.objective import Objective
    from trainables.evaluation.report import Diagnostics

State = dict[str, Any]  # tensors, numbers, strings, lists and dicts of them: weights-only loading
EarlierWeights = Literal["initial", "early"]


def derived_seed(*parts: object) -> int:
    """A seed in [0, 2**63) that depends on every part and on nothing else."""
    text = "\x1f".join(repr(part) for part in parts)
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "little") >> 1


@contextmanager
def seeded(seed: int, device: torch.device) -> Iterator[None]:
    """Torch's global stream (dropout) starts from `seed` in the `with` block, then is put back."""
    cuda = [device] if device.type == "cuda" else []
    with torch.random.fork_rng(devices=cuda):
        if cuda:
            torch.manual_seed(seed)
        else:  # `torch.manual_seed` keeps the whole stack for each kind of GPU, until one starts
            torch.default_generator.manual_seed(seed)
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

    initial: nn.Module | None  # what the dense training starts from; None: the net was given
    early: nn.Module | None  # the dense net after its first epochs; None: nobody has asked for it
    dense: nn.Module
    incoming: tuple[MaskedNet, ...]  # what the earlier stages left, oldest first
    data: TrialData
    objective: Objective
    device: torch.device
    seed: int  # of this stage: derived from the trial's seed, the position and the settings

    def generator(self, *purpose: object) -> torch.Generator:
        """A CPU generator for one named purpose (the set-up of a stage, an epoch)."""
        return torch.Generator().manual_seed(derived_seed(self.seed, *purpose))

    def start_of_training(self, stage: str) -> nn.Module:
        """The network before any training; raises ValueError, naming `stage`, without one."""
        if self.initial is None:
            raise ValueError(
                f"{stage}: needs the network's initial weights, a given network has none"
            )
        return self.initial

    def early_in_training(self, stage: str) -> nn.Module:
        """The dense net after its first epochs; raises ValueError, naming `stage`, without one."""
        if self.early is None:
            raise ValueError(
                f"{stage}: needs weights from early in the dense net's training, there are none"
            )
        return self.early

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


@dataclass(frozen=True)
class NoOp:
    """What the reports of a stage look like that did nothing of what it is meant to do."""

    loss: str  # that the stage reports of its epochs
    at_most: float  # where none of its epochs is above this, it did nothing
    says: str  # what did not happen, as a clause: "its adversary found out nothing of groups"


class Settings(ABC):
    """A stage's settings: frozen and validated; the fields are exactly what a space may search."""

    inputs: ClassVar[int] = 0  # how many earlier results the stage needs in `context.incoming`
    starts_from_dense: ClassVar[bool] = False  # and nothing of earlier results, were there any
    # Settings that earlier versions had not: at their defaults the stage's seed is what it was.
    gained: ClassVar[frozenset[str]] = frozenset()

    @property
    @abstractmethod
    def learns_from(self) -> str:
        """The split the stage learns from: "train", "debias" or "nothing"."""

    @property
    def leaves_candidates(self) -> bool:
        """Whether the stage offers networks to the front wherever it stands in a trial.

        Others do so only as a trial's last stage. A stage that does is never shared.
        """
        return False

    @property
    def needs(self) -> frozenset[EarlierWeights]:
        """Which weights from before the end of the dense training the stage asks `Context` for."""
        return frozenset()

    @property
    def no_ops(self) -> tuple[NoOp, ...]:
        """By which of its losses one sees that the stage, at these settings, did nothing.

        A trial in which one of them holds is flagged wherever it is shown.
        """
        return ()

    @property
    def prunes_by_groups(self) -> bool:
        """Whether what stays depends on the groups to prune by, so that [prune_by] has a say."""
        return False

    @abstractmethod
    def start(self, context: Context) -> StageRun: ...


class StageRun(ABC):
    """A stage under way.

    All randomness of an epoch comes from the generator that it is handed. What a network draws
    itself (dropout) comes from torch's global stream, which the pipeline seeds from the same
    source before each epoch. So no state of a generator is part of `state_dict`.

    What is said of a single epoch is read after it has run, before the next one.
    """

    epochs: int  # how many epochs the stage takes; at least 1
    passes: int = 1  # networks that each row goes through in an epoch: what it is charged
    # Of the epoch just run:
    samples: int | None = None  # rows that it took; None: `passes` times the split
    worth_keeping: bool = True  # False: never offered to the front
    round: int | None = None  # of pruning, from 1, that it belongs to; None: there are no rounds
    diagnostics: Diagnostics | None = None  # of the masks, where the epoch has changed them

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


def seeding_settings(settings: Any) -> list[tuple[str, Any]]:
    """The settings that a stage's seed depends on, by name; see `Settings.gained`."""
    gained = {one.name: one.default for one in fields(settings) if one.name in settings.gained}
    return sorted(
        (name, value)
        for name, value in settings_dict(settings).items()
        if name not in gained or value != gained[name]
    )


def finite(stage: str, losses: dict[str, float]) -> dict[str, float]:
    """`losses` unchanged; raises FloatingPointError where one of them is NaN or infinite."""
    for name, value in losses.items():
        if not math.isfinite(value):
            raise FloatingPointError(f"{stage}: {name} must stay finite, got {value}")
    return losses


def snapshot(state: dict[str, Any]) -> State:
    """A deep copy of a state that is kept: training that goes on must not change it."""
    return copy.deepcopy(dict(state))

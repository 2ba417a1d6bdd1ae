"""A run whose dense net is still to be trained: what its folder holds until its search has begun.

Nothing is in its journal yet. `resume` goes on from these files.
"""

from __future__ import annotations

import json
import uuid
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from analysis.events import JOURNAL
from search.journal.events import HowFar
from search.journal.journal import LOCK, has_begun
from search.runs.state import CONFIG
from trainables.files import whole_file

if TYPE_CHECKING:
    from search.config.config import Config

BEGINNING = "beginning.json"
TRAINING = "dense_training.pt"  # weights, optimizer and schedule of the dense net
HOW_FAR = "dense_training.json"  # epochs so far
FILES = (BEGINNING, TRAINING, HOW_FAR)


@dataclass(frozen=True)
class Beginning:
    """What cannot be told from the experiment file."""

    run: str  # its id
    in_memory: bool  # data were handed over from Python
    model_in_memory: bool

    @classmethod
    def new(cls, *, in_memory: bool, model_in_memory: bool) -> Beginning:
        return cls(uuid.uuid4().hex, in_memory, model_in_memory)

    def write(self, path: Path, config: Config) -> None:
        """Makes the folder, so that an interrupted training can be gone on with."""
        path.mkdir(parents=True, exist_ok=True)
        with whole_file(path / CONFIG) as file:
            file.write_text(config.to_toml(), encoding="utf-8")
        with whole_file(path / BEGINNING) as file:
            file.write_text(json.dumps(asdict(self)) + "\n", encoding="utf-8")
        (path / JOURNAL).touch()

    @classmethod
    def read(cls, path: Path) -> Beginning | None:
        """What another session wrote; None where there is nothing to go on with."""
        try:
            return cls(**json.loads((path / BEGINNING).read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            return None


def is_beginning(path: Path) -> bool:
    """Whether a search was started there whose dense net is still to be trained."""
    return (path / BEGINNING).exists() and not has_begun(path)


def how_far(path: Path) -> HowFar | None:
    """How far the dense net's training is, as it was kept last; None where nothing is known."""
    try:
        told: HowFar = json.loads((path / HOW_FAR).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return told


def forget(path: Path) -> None:
    """Removes the files: the search has begun."""
    for name in FILES:
        (path / name).unlink(missing_ok=True)


def empty(path: Path) -> None:
    """Removes all that a search writes before it begins: it is not to be gone on with."""
    for name in (*FILES, CONFIG, JOURNAL, LOCK):
        (path / name).unlink(missing_ok=True)

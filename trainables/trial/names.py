"""Names of trials and candidates, checked before they become paths.

Names in a run's folder may have been written by anybody.
"""

from __future__ import annotations

import re
from pathlib import Path

from trainables.names import BadName

LOADED = "FAIRFRONT_LOADED"  # variable: where a worker leaves a mark once it has loaded all

_CANDIDATE = re.compile(r"[0-9a-f]{16}")
_TRIAL = re.compile(r"t[0-9]+(-seed[0-9]+)?")  # the second part where `confirm --seeds` ran it


def checked_candidate(name: object) -> str:
    """`name` if it is one that `CandidateStore.put` gives; raises BadName otherwise."""
    if not isinstance(name, str) or not _CANDIDATE.fullmatch(name):
        raise BadName(f"candidate: a name must be 16 hexadecimal digits, got {name!r}")
    return name


def is_trial(name: object) -> bool:
    """Whether `name` is one that a search or `confirm --seeds` gives a trial."""
    return isinstance(name, str) and _TRIAL.fullmatch(name) is not None


def checkpoint_path(folder: Path, trial: str) -> Path:
    """Where the run in `folder` keeps the state of a trial under way.

    Raises BadName for what is no trial's name.
    """
    if not is_trial(trial):
        raise BadName(f"trial: a name must be like t0001, got {trial!r}")
    return folder / "checkpoints" / f"{trial}.pt"

"""Checkpoints of trials under way: which of them a search that goes on may use."""

from __future__ import annotations

import io
import logging
from collections.abc import Mapping
from pathlib import Path

import torch

from trainables.trial.names import checkpoint_path

log = logging.getLogger(__name__)


def drop_checkpoints_ahead(run: Path, unfinished: Mapping[str, int]) -> None:
    """Removes checkpoints that know more epochs of a trial than the journal does.

    The machine went down, or a repair set reports aside. Such trials start anew and report
    the same again. `run` is the run's folder, `unfinished` what the journal knows: trial -> its
    last epoch.
    """
    for trial, epoch in unfinished.items():
        path = checkpoint_path(run, trial)
        if path.exists() and _epoch_of(path) > epoch:
            log.warning("%s: its checkpoint is ahead of the journal; it starts anew", trial)
            path.unlink()


def _epoch_of(checkpoint: Path) -> float:
    """The epoch that a trial's checkpoint has reached; infinity where it is damaged."""
    content = io.BytesIO(checkpoint.read_bytes())  # what the disk cannot read may be whole
    try:
        state = torch.load(content, weights_only=True, map_location="cpu")
    except Exception as error:  # of many kinds: half of it is missing after a power cut
        log.warning("%s cannot be read: %s", checkpoint, error)
        return float("inf")
    return float(state["epoch"])

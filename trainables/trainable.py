"""A trial as Ray Tune sees it: one step is one epoch, one result is one report."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from ray import tune
from torch import nn

from trainables.candidates import CandidateStore, checkpoint_path
from trainables.data import Prepared
from trainables.objective import Objective
from trainables.pipeline import Pipeline
from trainables.spec import Spec
from trainables.world import World


@dataclass(frozen=True)
class Supplies:
    """What travels to every worker once: the data without their test part, the dense net.

    Only a recording counts the test part as well: its trials are there to try schedulers on.
    """

    prepared: Prepared  # sealed, unless this is a recording
    dense: nn.Module
    objective: Objective
    sparsity: bool  # whether it is an objective
    folder: Path  # of the run; on a path that all workers share
    counted: tuple[str, ...] = ("tune", "held_back")

    def open(self) -> World:
        return World.open(
            self.prepared,
            self.dense,
            self.objective,
            sparsity=self.sparsity,
            counted=self.counted,
        )


class FairPruning(tune.Trainable):
    """Runs one `Pipeline`. An error of the trial becomes a report with `failure`, so that the
    worker with its data lives on; only the death of the process itself is left to Ray's retries.

    A checkpoint is written before an epoch starts, thus after the driver took the report of the
    epoch before: a trial that goes on from it repeats nothing and leaves nothing out.
    """

    checkpoint_seconds = 10.0

    def setup(self, config: dict[str, Any], supplies: Supplies) -> None:
        self.supplies = supplies
        self.world: World | None = None
        self._begin(config)

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        self._begin(new_config)
        return True

    def _begin(self, config: dict[str, Any]) -> None:
        self.trial_config = config
        self.pipeline: Pipeline | None = None
        self._since_checkpoint = 0.0

    def step(self) -> dict[str, Any]:
        trial = self.trial_config["trial"]
        try:
            pipeline = self.pipeline or self._open_pipeline()
            if self._since_checkpoint >= self.checkpoint_seconds:
                self._checkpoint(pipeline)
            report = pipeline.step()
        except Exception as error:
            # Whatever went wrong belongs to this trial alone; its reason is shown to the user.
            report = {"trial": trial, "failure": f"{type(error).__name__}: {error}"}
        self._since_checkpoint += report.get("seconds", 0.0)
        return {"report": json.dumps(report)}

    def _open_pipeline(self) -> Pipeline:
        self.world = self.world or self.supplies.open()
        folder = self.supplies.folder
        store = CandidateStore(folder / "candidates")
        self.pipeline = Pipeline(Spec.from_config(self.trial_config), self.world, store)
        path = checkpoint_path(folder, self.trial_config["trial"])
        if path.exists():
            state = torch.load(path, weights_only=True, map_location=self.world.device)
            self.pipeline.load_state_dict(state)
        return self.pipeline

    def _checkpoint(self, pipeline: Pipeline) -> None:
        path = checkpoint_path(self.supplies.folder, self.trial_config["trial"])
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_suffix(f".partial-{os.getpid()}")
        torch.save(pipeline.state_dict(), partial)
        partial.replace(path)
        self._since_checkpoint = 0.0

    def save_checkpoint(self, checkpoint_dir: str) -> None:
        """Nothing: the trial's own checkpoints in the run folder serve retries and `resume`."""

    def load_checkpoint(self, checkpoint: Any) -> None:
        """Nothing: see `save_checkpoint`."""

"""A trial as Ray Tune sees it: one step is one epoch, one result is one report."""

from __future__ import annotations

import io
import json
import socket
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from ray import tune
from torch import nn

from trainables.corrections.chosen_by import ChosenBy
from trainables.corrections.decision import Decision
from trainables.data import Prepared
from trainables.data.mapped import PackedData
from trainables.data.precision import Fused, Precision
from trainables.data.pruning_groups import PruningGroups
from trainables.evaluation.objective import Objective
from trainables.evaluation.report import NoReport, Report
from trainables.files import what_failed, whole_file
from trainables.trial.candidate_store import CandidateStore
from trainables.trial.names import checkpoint_path
from trainables.trial.pipeline import Pipeline
from trainables.trial.shared_stage import StageStore
from trainables.trial.spec import Spec
from trainables.trial.workbench import Workbench


class UnfitWorker(RuntimeError):
    """This machine cannot run any trial. The trial is not at fault, so the search has to stop."""


@dataclass(frozen=True)
class Supplies:
    """What travels to every worker once: the data without their test part, and the dense net.

    Only the workers of a recording get the test part too: its trials are there to try schedulers
    on.
    """

    prepared: Prepared  # sealed, unless this is a recording; its inputs may lie in `files`
    dense: nn.Module
    objective: Objective
    sparsity: bool  # whether it is an objective
    folder: Path  # of the run; on a path that all workers share
    recording: bool = False
    files: Mapping[str, Path] = field(default_factory=dict)  # see PackedData
    gpu: float | None = None  # devices per trial; None: one, if this process sees any
    initial: nn.Module | None = None  # see Workbench
    early: nn.Module | None = None
    precision: Precision = "float32"  # that networks learn in
    fused: Fused = "off"  # see TrialData
    pruning: PruningGroups | None = None  # to prune by; None: see TrialData
    dense_decision: Decision | None = None  # see Workbench
    tolerances: tuple[float, float] | None = None  # see Workbench
    beside: ChosenBy | None = None  # see Workbench
    network: str | None = None  # see Workbench

    def open(self) -> Workbench:
        """Raises UnfitWorker where this machine lacks the run's folder or the device."""
        if not self.folder.is_dir():
            raise UnfitWorker(
                f"{socket.gethostname()} does not see the run's folder {self.folder}: "
                f"--out must lie on a path that all machines share"
            )
        return Workbench.open(
            PackedData(self.prepared, self.files).open(),
            self.dense,
            self.objective,
            sparsity=self.sparsity,
            tolerances=self.tolerances,
            device=None if self.gpu is None else claimed_device(self.gpu),
            recording=self.recording,
            initial=self.initial,
            early=self.early,
            precision=self.precision,
            fused=self.fused,
            pruning=self.pruning,
            given_decision=self.dense_decision,
            beside=self.beside,
            network=self.network,
        )


def claimed_device(gpu: float) -> str:
    """The torch device of a process that holds `gpu` devices.

    Ray only counts how much of a device is taken; how much memory a process may take is limited
    here. Raises UnfitWorker where torch finds no device.
    """
    if gpu == 0:
        return "cpu"
    if not torch.cuda.is_available():
        raise UnfitWorker(
            f"{socket.gethostname()} has given a trial {gpu:g} GPUs, but its torch finds none: "
            f"its driver is missing, or its torch was built for CPUs"
        )
    if gpu < 1:
        torch.cuda.set_per_process_memory_fraction(gpu)
    return "cuda"


class FairPruning(tune.Trainable):
    """Runs one `Pipeline`.

    An error of the trial becomes a report with `failure`, so that the worker and its data live on.
    One of the operating system, as where a disk is full, is never the trial's: no settings lead to
    it, and all other trials would meet it too. It becomes a report that the machine is `unfit`.
    Only the death of the process itself is left to Ray's retries. A checkpoint is written before
    an epoch starts, thus after the driver took the report of the epoch before: a trial that goes
    on from it repeats nothing and leaves nothing out.
    """

    checkpoint_seconds = 10.0
    patience_seconds = 1.0  # of a step that waits for another worker's result

    def setup(self, config: dict[str, Any], supplies: Supplies) -> None:
        self.supplies = supplies
        self.bench: Workbench | None = None
        self.pipeline: Pipeline | None = None
        self._begin(config)

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        self._begin(new_config)
        return True

    def _begin(self, config: dict[str, Any]) -> None:
        self._leave()
        self.trial_config = config
        self._since_checkpoint = 0.0

    def _leave(self) -> None:
        """Lets other trials compute what this one has not finished."""
        if self.pipeline is not None:
            self.pipeline.close()
            self.pipeline = None

    def cleanup(self) -> None:
        self._leave()

    def step(self) -> dict[str, Any]:
        """One report; or that the trial waits, so that a search can end meanwhile."""
        trial = self.trial_config["trial"]
        report: Report | NoReport
        try:
            pipeline = self.pipeline or self._open_pipeline()
            if self._since_checkpoint >= self.checkpoint_seconds:
                self._checkpoint(pipeline)
            if pipeline.ready(self.patience_seconds):
                report = pipeline.step()
                self._since_checkpoint += report["seconds"]
            else:
                report = {"trial": trial, "waiting": True}
        except UnfitWorker as error:
            report = {"trial": trial, "unfit": str(error)}
        except OSError as error:
            report = {"trial": trial, "unfit": f"{socket.gethostname()}: {what_failed(error)}"}
            self._leave()
        except Exception as error:
            # Whatever went wrong belongs to this trial alone; its reason is shown to the user.
            report = {"trial": trial, "failure": f"{type(error).__name__}: {error}"}
            self._leave()
        return {"report": json.dumps(report)}

    def _open_pipeline(self) -> Pipeline:
        self.bench = self.bench or self.supplies.open()
        folder = self.supplies.folder
        store = CandidateStore(folder / "candidates")
        stages = StageStore(folder / "stages")
        self.pipeline = Pipeline(Spec.from_config(self.trial_config), self.bench, store, stages)
        path = checkpoint_path(folder, self.trial_config["trial"])
        if path.exists():
            state = io.BytesIO(path.read_bytes())
            device = self.bench.device
            self.pipeline.load_state_dict(
                torch.load(state, weights_only=True, map_location=device)
            )
        return self.pipeline

    def _checkpoint(self, pipeline: Pipeline) -> None:
        path = checkpoint_path(self.supplies.folder, self.trial_config["trial"])
        # Written by Python: of a full disk torch says no more than "file write failed".
        state = io.BytesIO()
        torch.save(pipeline.state_dict(), state)
        with whole_file(path) as file:
            file.write_bytes(state.getbuffer())
        self._since_checkpoint = 0.0

    def save_checkpoint(self, checkpoint_dir: str) -> None:
        """Nothing: the trial's own checkpoints in the run folder serve retries and `resume`."""

    def load_checkpoint(self, checkpoint: Any) -> None:
        """Nothing: see `save_checkpoint`."""

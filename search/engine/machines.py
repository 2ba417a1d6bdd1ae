"""Where a search computes: on this machine or on a cluster, for trials and the dense net."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from torch import nn

from search.cluster.connect import connected
from search.cluster.nodes import check_shared
from search.config.config import Config
from search.engine.dense_training import Watch, train_beside, train_on_worker
from search.journal.journal import has_begun
from search.problem.dense_net import Trainer
from search.problem.problem import Problem
from search.runs.folder import DATA, RunFolder
from trainables.corrections.decision import Decision
from trainables.data.mapped import PackedData
from trainables.learning.fingerprint import network_fingerprint
from trainables.trial.trainable import Supplies


@contextmanager
def machines(
    config: Config,
    address: str | None,
    folder: RunFolder,
    watch: Watch | None = None,
) -> Iterator[Trainer | None]:
    """The trainer of a dense net for the length of a `with` block, with Ray around it; None where
    none is to be trained (there is nothing to `watch`) and Ray is not needed before the trials.

    With devices or a cluster the dense net is trained where trials run. Else it is trained in this
    process, and Ray is started meanwhile, whose workers load what trials need. Raises UserError
    where machines of the cluster do not see the run's folder.
    """
    cpu, gpu = config.resources.cpu, config.resources.gpu
    if address is None and gpu == 0:
        if watch is None:
            yield None
            return
        with ExitStack() as stack:

            def open_ray() -> None:
                cpus = local_cpus(config)
                stack.enter_context(connected(None, cpus=cpus, gpus=False, per_trial=cpu))

            yield train_beside(open_ray, watch)
        return
    path = folder.path.resolve()
    with connected(address, cpus=local_cpus(config), gpus=gpu > 0, per_trial=cpu):
        try:
            if address is not None:
                check_shared(path)
            yield None if watch is None else train_on_worker(path / DATA, cpu, gpu, watch)
        finally:
            if not has_begun(path):
                shutil.rmtree(path / DATA, ignore_errors=True)


def local_cpus(config: Config) -> int:
    """How many CPUs a Ray of our own on this machine is to have."""
    cpu = config.resources.cpu
    return cpu * (config.search.concurrent or max(1, (os.cpu_count() or 1) // cpu))


def supplies_of(
    problem: Problem,
    dense: nn.Module,
    folder: Path,
    early: nn.Module | None = None,
    dense_decision: Decision | None = None,
) -> Supplies:
    """What the workers of a search are given; the run's `folder` takes what is too large."""
    config = problem.config
    recording = config.search.recording
    prepared = problem.prepared if recording else problem.prepared.sealed()
    packed = PackedData.pack(prepared, folder.resolve() / DATA)
    return Supplies(
        packed.prepared,
        dense,
        problem.objective,
        config.objective.sparsity,
        folder.resolve(),
        recording,
        files=packed.files,
        gpu=config.resources.gpu,
        initial=problem.initial(),
        early=early,
        precision=config.model.precision,
        fused=config.model.fused,
        pruning=problem.pruning,
        dense_decision=dense_decision,
        tolerances=config.objective.tolerance_range,
        beside=config.correction.beside,
        network=network_fingerprint(dense, prepared.input_shape),
    )

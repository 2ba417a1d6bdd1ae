"""Where a search computes: on this machine, or on those of a cluster."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from torch import nn

from search.cluster import connected
from search.config import Config
from search.dense_net import Trainer
from search.dense_task import train_on_worker
from search.nodes import check_shared
from search.problem import Problem
from search.run_folder import DATA, RunFolder
from trainables.data.mapped import PackedData
from trainables.trainable import Supplies


@contextmanager
def machines(config: Config, address: str | None, folder: RunFolder) -> Iterator[Trainer | None]:
    """The trainer of a dense net for the length of a `with` block, with Ray around it; None where
    it is to be trained in this process, and Ray is not needed before the trials.

    With devices or a cluster the dense net is trained where trials run. Raises UserError where
    machines of the cluster do not see the run's folder; a folder that stays empty is removed.
    """
    cpu, gpu = config.resources.cpu, config.resources.gpu
    if address is None and gpu == 0:
        yield None
        return
    path = folder.path.resolve()
    with connected(address, cpus=local_cpus(config), gpus=gpu > 0):
        try:
            if address is not None:
                check_shared(path)
            yield train_on_worker(path / DATA, cpu, gpu)
        finally:
            if not folder.journal.exists():
                shutil.rmtree(path / DATA, ignore_errors=True)
                with suppress(OSError):  # it holds something, or was never made
                    path.rmdir()


def local_cpus(config: Config) -> int:
    """How many CPUs a Ray of our own on this machine is to have."""
    cpu = config.resources.cpu
    return cpu * (config.search.concurrent or max(1, (os.cpu_count() or 1) // cpu))


def supplies_of(problem: Problem, dense: nn.Module, folder: Path) -> Supplies:
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
        untrained=problem.untrained(),
        precision=config.model.precision,
    )

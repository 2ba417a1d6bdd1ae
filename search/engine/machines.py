"""Where a search computes: on this machine or on a cluster, for trials and the dense net."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import ray
from torch import nn

from search.cluster.connect import connected
from search.cluster.nodes import check_shared
from search.cluster.shipping import ship_by_value
from search.config.config import Config
from search.problem.dense_net import TrainedNets, Trainer, train_dense
from search.problem.dense_recipe import DenseRecipe
from search.problem.problem import Problem
from search.runs.folder import DATA, RunFolder
from trainables.corrections.decision import Decision
from trainables.data import Prepared
from trainables.data.mapped import PackedData
from trainables.evaluation.objective import Objective
from trainables.learning.fingerprint import network_fingerprint
from trainables.trial.trainable import Supplies, claimed_device

RETRIES = 2  # after the loss of the task's worker or machine; each begins anew


def train_on_worker(data_folder: Path, cpu: int, gpu: float) -> Trainer:
    """A trainer for the Ray that this process is connected to: the machine that a search is
    driven from may have no device, or be too small. Large data lie in `data_folder` meanwhile."""

    def train(
        recipe: DenseRecipe,
        start: nn.Module,
        prepared: Prepared,
        objective: Objective,
        threads: int,
    ) -> TrainedNets:
        ship_by_value(start)
        packed = PackedData.pack(prepared.sealed(), data_folder)
        task = ray.remote(num_cpus=cpu, num_gpus=gpu, max_retries=RETRIES)(_train)
        said = task.remote(recipe, start, ray.put(packed), objective, threads, gpu)
        nets: TrainedNets = ray.get(said)  # an error of the training is raised as what it is
        return nets

    return train


def _train(
    recipe: DenseRecipe,
    start: nn.Module,
    packed: PackedData,
    objective: Objective,
    threads: int,
    gpu: float,
) -> TrainedNets:
    """Runs in a worker."""
    return train_dense(recipe, start, packed.open(), objective, threads, claimed_device(gpu))


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

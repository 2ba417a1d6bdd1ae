"""The dense net trained where trials run: as a Ray task with the resources of one."""

from __future__ import annotations

from pathlib import Path

import ray
from torch import nn

from search.dense_net import DenseRecipe, Trainer, train_dense
from search.shipping import ship_by_value
from trainables.data import Prepared
from trainables.data.mapped import PackedData
from trainables.objective import Objective
from trainables.trainable import claimed_device

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
    ) -> nn.Module:
        ship_by_value(start)
        packed = PackedData.pack(prepared.sealed(), data_folder)
        task = ray.remote(num_cpus=cpu, num_gpus=gpu, max_retries=RETRIES)(_train)
        said = task.remote(recipe, start, ray.put(packed), objective, threads, gpu)
        net: nn.Module = ray.get(said)  # an error of the training is raised as what it is
        return net

    return train


def _train(
    recipe: DenseRecipe,
    start: nn.Module,
    packed: PackedData,
    objective: Objective,
    threads: int,
    gpu: float,
) -> nn.Module:
    """Runs in a worker."""
    return train_dense(recipe, start, packed.open(), objective, threads, claimed_device(gpu))

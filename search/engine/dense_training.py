"""How a search has its dense net trained: beside the start of Ray, or on a worker of it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import ray
from torch import nn

from search.cluster.shipping import ship_by_value
from search.journal.events import HowFar, Listener
from search.problem.course import Allowance, Course, Halted
from search.problem.dense_net import TrainedNets, Trainer, train_dense
from search.problem.dense_recipe import DenseRecipe
from search.runs.beginning import how_far
from trainables.data import Prepared
from trainables.data.mapped import PackedData
from trainables.evaluation.objective import Objective
from trainables.trial.trainable import claimed_device

RETRIES = 2  # after the loss of the task's worker or machine; each goes on where the last was
LOOK = 0.2  # seconds between two looks at how far a training is
PATIENCE = 5.0  # seconds that a training has to end when it is told to


@dataclass(frozen=True)
class Watch:
    """What a search gives its trainer: where the state is kept, how long it may go on from now,
    and whom to tell."""

    kept: Path
    allowed: Callable[[], Allowance]
    listener: Listener | None = None

    def tell(self, told: HowFar | None) -> None:
        if told is None or self.listener is None:
            return
        epoch, epochs, took = told["epoch"], told["epochs"], told["seconds"]
        left = took / epoch * (epochs - epoch) if epoch else None
        limit = self.allowed().should
        if limit is not None:
            left = limit if left is None else min(left, max(0.0, limit))
        self.listener(
            {
                "event": "underway",
                "of": "dense net",
                "what": "dense net",
                "epoch": epoch,
                "epochs": epochs,
                "best": told["best"],
                "best_epoch": told["best_epoch"],
                "seconds_left": left,
            }
        )


def train_beside(open_ray: Callable[[], None], watch: Watch) -> Trainer:
    """A trainer that works in a thread of this process, while `open_ray` starts Ray: each has
    seconds to wait for the other otherwise."""

    def train(
        recipe: DenseRecipe,
        start: nn.Module,
        prepared: Prepared,
        objective: Objective,
        threads: int,
    ) -> TrainedNets:
        course = Course(watch.kept, watch.allowed())
        nets: list[TrainedNets] = []
        failed: list[BaseException] = []

        def work() -> None:
            try:
                nets.append(
                    train_dense(recipe, start, prepared, objective, threads, course=course)
                )
            except BaseException as error:
                failed.append(error)

        thread = threading.Thread(target=work, name="dense net", daemon=True)
        thread.start()
        try:
            watch.tell({"epoch": 0, "epochs": 0, "seconds": 0.0, "best": None, "best_epoch": None})
            open_ray()
            while thread.is_alive():
                thread.join(LOOK)
                watch.tell(course.how_far)
        finally:
            course.halt()
            thread.join(PATIENCE)
        if failed:
            raise failed[0]
        return nets[0]

    return train


def train_on_worker(data_folder: Path, cpu: int, gpu: float, watch: Watch) -> Trainer:
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
        allowed = watch.allowed()
        end = None if allowed.may is None else time.monotonic() + allowed.may + PATIENCE
        begun = time.time()
        said = task.remote(
            *(recipe, start, ray.put(packed), objective, threads, gpu),
            *(watch.kept, allowed, begun),
        )
        while not ray.wait([said], timeout=5 * LOOK)[0]:
            watch.tell(how_far(watch.kept.parent))
            if end is not None and time.monotonic() > end:  # it was not even started, or is stuck
                ray.cancel(said, force=True)
                raise Halted
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
    kept: Path,
    allowed: Allowance,
    since: float,
) -> TrainedNets:
    """Runs in a worker; `since` is when it was asked for: it may have waited for a machine."""
    waited = time.time() - since
    left = (None if one is None else one - waited for one in allowed)
    course = Course(kept, Allowance(*left))
    device = claimed_device(gpu)
    return train_dense(recipe, start, packed.open(), objective, threads, device, course)

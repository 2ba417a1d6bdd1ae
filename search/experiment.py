"""The only place where all parts meet: Config -> Tuner -> trials -> front."""

from __future__ import annotations

import os
import time
import uuid
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import optuna
import pandas as pd
from ray import tune
from torch import nn

from search import tracking
from search.cluster import check_cluster, connected, ship_by_value
from search.config import Config
from search.dense_net import dense_report
from search.errors import UserError
from search.journal import Event, Journal, read_events
from search.ledger import record_opening
from search.problem import Build, Problem, open_problem
from search.progress import Status
from search.record import Record
from search.run_folder import TUNE, RunFolder
from search.samplers import Sampling
from search.schedulers import SCHEDULERS, Policy
from search.schedulers.journaling import JournalingScheduler
from search.searchers import MethodSearcher
from search.studies import MethodStudy, Target
from trainables.data import FairData
from trainables.stage import derived_seed
from trainables.trainable import FairPruning, Supplies
from trainables.world import World

Listener = Callable[[Event], None]


@dataclass(frozen=True)
class RunResult:
    """Where a search wrote, and what front.json holds."""

    folder: Path
    front: dict[str, Any]


def run(
    config: Config,
    *,
    out: Path | str | None = None,
    data: FairData | pd.DataFrame | None = None,
    model: nn.Module | Build | None = None,
    address: str | None = None,
    on_event: Listener | None = None,
) -> RunResult:
    """Searches and writes the run folder `out` (default `runs/<name>-<time>`).

    `data` and `model` stand for [data] and [model] when they are at hand as Python objects.
    Raises UserError before anything is written where the input does not fit together.
    """
    folder = RunFolder(
        Path(out) if out else Path("runs") / f"{config.name}-{time.strftime('%Y%m%d-%H%M%S')}"
    )
    folder.refuse_existing()
    check_cluster(config.resources.gpu, address)
    problem = open_problem(config, data, model)
    start = problem.untrained()
    if on_event is not None:
        for text in (*problem.notes(), "dense net: trained now, or taken from the cache"):
            on_event({"event": "note", "text": text})
    dense = problem.dense(start)
    world = World.open(problem.prepared, dense, problem.objective, device="cpu")
    report = dense_report(world)
    problem = problem.with_reference(report["trivial_performance"])
    folder.create(problem.config, dense, problem.prepared)
    with Driver(folder, problem, dense, address, on_event) as driver:
        driver.record.add(
            "experiment",
            run=uuid.uuid4().hex,
            in_memory=data is not None,
            model_in_memory=model is not None,
            **problem.facts(),
        )
        driver.record.add("dense", **report)
        if config.search.recording:
            facts = folder.facts()
            record_opening(facts["hashes"]["test"], facts["run"], facts["name"])
        driver.search()
        return RunResult(folder.path, folder.write_front())  # before the mirror is let go


def resume(
    path: Path | str,
    *,
    trials: int | None = None,
    time_limit: float | None = None,
    data: FairData | pd.DataFrame | None = None,
    model: nn.Module | Build | None = None,
    address: str | None = None,
    on_event: Listener | None = None,
) -> RunResult:
    """Goes on with an interrupted search: finished trials stay, unfinished ones continue from
    their checkpoints, the rest is run. A search that was complete stays as it is."""
    folder = RunFolder(Path(path))
    config = folder.config()
    changes = {"trials": trials, "time_limit": time_limit}
    limits = {key: value for key, value in changes.items() if value is not None}
    search = config.search.model_copy(update={"time_limit": None, **limits})
    config = config.model_copy(update={"search": search})
    facts = folder.facts()
    if facts["in_memory"] and data is None:
        raise UserError(f"resume: {path} was run on data handed over from Python; hand them again")
    check_cluster(config.resources.gpu, address)
    problem = open_problem(config, data, model)
    if problem.prepared.hashes != facts["hashes"]:
        raise UserError(f"resume: the data of {path} have changed since the search was started")
    dense = folder.dense(problem.untrained())
    with Driver(folder, problem, dense, address, on_event) as driver:
        driver.search()
        return RunResult(folder.path, folder.write_front())  # before the mirror is let go


def load_run(path: Path | str) -> dict[str, pd.DataFrame]:
    """Frames of a run: "front", "trials" (one row each) and "reports" (one row per epoch)."""
    return RunFolder(Path(path)).frames()


class Driver:
    """Journal, record, Ray and the MLflow mirror for the length of one search.

    `trainable` is what Ray runs, given `supplies`; its results are those of FairPruning.
    """

    def __init__(
        self,
        folder: RunFolder,
        problem: Problem,
        dense: nn.Module,
        address: str | None,
        on_event: Listener | None,
        trainable: type[tune.Trainable] = FairPruning,
    ) -> None:
        self._folder, self._problem, self._dense = folder, problem, dense
        self._address, self._trainable = address, trainable
        self._on_event = on_event
        self._stack = ExitStack()

    def __enter__(self) -> Driver:
        # Optuna announces every study and every told trial on stderr unless it is asked not to.
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        path = self._folder.path
        journal = Journal(path)
        self._stack.callback(journal.close)
        self._status = Status(self._problem, self._on_event)
        self.record = Record(journal, self._status.take)
        for event in read_events(journal.path):
            self.record.replay([event])
            self._status.replay(event)
        return self

    def __exit__(self, *exception: object) -> None:
        self._stack.close()

    def search(self) -> None:
        """Runs what is left to run. Raises KeyboardInterrupt on Ctrl-C, with the journal whole."""
        config = self._problem.config
        limit = config.search.time_limit
        deadline = None if limit is None else time.time() + limit
        searcher = self._searcher(deadline)
        if config.tracking.enabled:
            mirror = tracking.start_mirror(self._folder.path, config.tracking.uri)
            self._stack.callback(tracking.finish_mirror, mirror, 600)
        if searcher.left:
            self._status.expect(searcher.left)
            self._tune(searcher, deadline)
            finished = [t.trial for t in self.record.trials.values() if t.status == "finished"]
            self._folder.tidy(finished)
        self.record.add("search_end", left=searcher.left)

    def _searcher(self, deadline: float | None) -> MethodSearcher:
        config, problem = self._problem.config, self._problem
        target = Target(problem.objective.safe_bias, config.objective.sparsity)
        studies = {
            method: MethodStudy(space, self._sampling(method), target)
            for method, space in problem.spaces.items()
        }
        base = {"seed": config.seed, "correction": problem.correction}
        return MethodSearcher(
            studies, self.record, trials=config.search.trials, base=base, deadline=deadline
        )

    def _sampling(self, method: str) -> Sampling:
        config = self._problem.config
        seed = derived_seed(config.seed, "sampler", method)
        per_method = max(1, config.search.trials // len(self._problem.spaces))
        return Sampling(config.search.sampler, seed, per_method)

    def _policy(self) -> Policy | None:
        return SCHEDULERS[self._problem.config.search.scheduler](self._problem.stopping())

    def _tune(self, searcher: MethodSearcher, deadline: float | None) -> None:
        config, problem = self._problem.config, self._problem
        concurrent = config.search.concurrent or max(
            1, (os.cpu_count() or 1) // config.resources.cpu
        )
        cpus, gpus = config.resources.cpu, config.resources.gpu
        ship_by_value(self._dense)
        with connected(self._address, cpus=concurrent * cpus, gpus=gpus > 0):
            recording = config.search.recording
            supplies = Supplies(
                problem.prepared if recording else problem.prepared.sealed(),
                self._dense,
                problem.objective,
                config.objective.sparsity,
                self._folder.path.resolve(),
                ("tune", "held_back", "test") if recording else ("tune", "held_back"),
            )
            trainable = tune.with_resources(
                tune.with_parameters(self._trainable, supplies=supplies),
                {"cpu": cpus, "gpu": gpus},
            )
            tuner = tune.Tuner(
                trainable,
                tune_config=tune.TuneConfig(
                    search_alg=searcher,
                    scheduler=JournalingScheduler(self.record, self._policy(), deadline),
                    num_samples=searcher.left,
                    max_concurrent_trials=concurrent,
                    reuse_actors=True,
                ),
                run_config=tune.RunConfig(
                    name="tune",
                    storage_path=str(self._folder.path.resolve() / TUNE),
                    checkpoint_config=tune.CheckpointConfig(checkpoint_at_end=False),
                    failure_config=tune.FailureConfig(max_failures=2),
                    verbose=0,
                ),
            )
            tuner.fit()

"""The only place where all parts meet: Config -> Tuner -> trials -> front."""

from __future__ import annotations

import uuid
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

import optuna
import pandas as pd
from ray import tune
from torch import nn

from analysis.front_json import Front
from search.cluster.connect import check_cluster, cluster_address, connected
from search.cluster.nodes import trials_at_once
from search.cluster.shipping import check_sendable, ship_by_value
from search.config.config import Config
from search.config.tracking_uri import resolved
from search.engine.faults import stopped_by_faults
from search.engine.listed_trials import ListedSearcher
from search.engine.machines import local_cpus, machines, supplies_of
from search.engine.progress import Limits, Progress, spending
from search.engine.ray_scheduler import DEATHS, Forgiving, JournalingScheduler
from search.engine.ray_searcher import MethodSearcher, TrialSearcher
from search.engine.references_beside import ReferencesBeside
from search.engine.shares import share_of
from search.engine.study import MethodStudy, Target
from search.engine.unchanged import unchanged_dense
from search.engine.warm_start import earlier_runs
from search.errors import UserError
from search.journal.events import Dense, Event, Experiment, Listener, WarmStart
from search.journal.journal import Journal, read_events
from search.journal.opening_ledger import record_opening
from search.journal.record import Record
from search.problem.dense_doubts import doubts_of
from search.problem.dense_net import decision_of, dense_report
from search.problem.fitted_defaults import fitted
from search.problem.problem import Problem, open_problem
from search.problem.rehearsal import rehearse
from search.problem.shared_pruners import with_pools
from search.problem.start_network import Build
from search.problem.unread_numbers import refuse_unread_numbers
from search.runs.checkpoints import drop_checkpoints_ahead
from search.runs.folder import TUNE, RunFolder, new_path
from search.runs.places import check_places
from search.runs.trust import check_trusted, reached, remember
from search.samplers.sampling import Sampling
from search.schedulers import SCHEDULERS
from search.schedulers.policy import Policy
from search.tracking import mirror
from trainables.data import FairData
from trainables.fused.warming import warm
from trainables.stage import derived_seed
from trainables.trial.trainable import FairPruning
from trainables.trial.workbench import Workbench


@dataclass(frozen=True)
class RunResult:
    """Where a search wrote, and what front.json holds."""

    folder: Path
    front: Front


def run(
    config: Config,
    *,
    out: Path | str | None = None,
    data: FairData | pd.DataFrame | None = None,
    model: nn.Module | Build | None = None,
    address: str | None = None,
    on_event: Listener | None = None,
) -> RunResult:
    """Searches and writes the run folder `out` (default: see `new_path`).

    `data` and `model` stand for [data] and [model] when they are at hand as Python objects.
    Raises UserError before anything is written where the input does not fit together.
    """
    folder = RunFolder(Path(out) if out else new_path(config.name))
    check_places(folder.path)
    folder.refuse_existing()
    address = cluster_address(address)
    check_cluster(config.resources.gpu, address)
    resolved(config.tracking.uri)
    problem = open_problem(config, data, model)
    refuse_unread_numbers(problem.prepared)
    start, of_network = problem.start()
    check_sendable(start)
    problem = fitted(problem, start)
    config = problem.config
    rehearse(problem, start)
    compile_loops(config, start, on_event)
    earlier = earlier_runs(config.search.warm_start, problem)
    if on_event is not None:
        told = (one.note() for one in earlier)
        texts = (*of_network, *problem.notes(), *told)
        for text in (*texts, "dense net: trained now, or taken from the cache"):
            on_event({"event": "note", "text": text})
    with machines(config, address, folder) as train:
        dense = problem.dense(start, train)
        bench = Workbench.open(
            problem.prepared,
            dense,
            problem.objective,
            device="cpu",
            given_decision=decision_of(problem.correction),
        )
        report = dense_report(bench)
        problem = problem.with_reference(report["trivial_performance"]).with_pruning_groups(bench)
        doubts = doubts_of(config, bench, report)
        problem = replace(problem, network_notes=(*of_network, *doubts))
        if on_event is not None:
            of_pruning = problem.pruning_notes() if problem.pruning is not None else []
            for text in (*of_pruning, *doubts):
                on_event({"event": "note", "text": text})
        folder.create(problem.config, dense, problem.prepared, problem.early(start, train))
        if problem.pruning is not None:
            folder.store_pruning_groups(problem.pruning)
        name = uuid.uuid4().hex
        remember(name, reached(config))
        again = f"fairfront resume {folder.path}"
        with (
            stopped_by_faults(again),
            Driver(folder, problem, dense, address, on_event, references=True) as driver,
        ):
            # cast: mypy cannot tell that the facts do not hold a time, which the journal adds
            driver.record.add(
                cast(
                    "Experiment",
                    {
                        "event": "experiment",
                        "run": name,
                        "in_memory": data is not None,
                        "model_in_memory": model is not None,
                        **problem.facts(),
                    },
                )
            )
            for run_before in earlier:
                driver.record.add(cast("WarmStart", {"event": "warm_start", **run_before.facts()}))
            driver.record.add(cast("Dense", {"event": "dense", **report}))
            driver.search()
            return RunResult(folder.path, folder.write_front())  # before the mirror is let go


def resume(
    path: Path | str,
    *,
    trials: int | None = None,
    time_limit: float | None = None,
    budget: float | None = None,
    data: FairData | pd.DataFrame | None = None,
    model: nn.Module | Build | None = None,
    address: str | None = None,
    repair: bool = False,
    trust_code: bool = False,
    on_event: Listener | None = None,
) -> RunResult:
    """Goes on with an interrupted search: finished trials stay, unfinished ones continue from
    their checkpoints, the rest is run. A search that was complete stays as it is.

    `repair` mends a damaged journal first. Raises UserError while another process writes the run,
    where `trials` asks for another number than [[trials]] lists, and, without `trust_code`, where
    the run of somebody else names code.
    """
    folder = RunFolder(Path(path))
    folder.open_again(repair=repair)
    config = folder.config()
    if config.trials and trials not in (None, len(config.trials)):
        raise UserError(
            f"resume: --trials must be left out where [[trials]] lists them, got {trials} for "
            f"{len(config.trials)} listed ones"
        )
    changes = {"trials": trials, "time_limit": time_limit, "budget": budget}
    limits = {key: value for key, value in changes.items() if value is not None}
    search = config.search.model_copy(update={"time_limit": None, **limits})
    config = config.model_copy(update={"search": search})
    address = cluster_address(address)
    check_cluster(config.resources.gpu, address)
    resolved(config.tracking.uri)
    problem, dense = reopened(folder, config, data, model, "resume", trust_code=trust_code)
    compile_loops(config, dense, on_event)
    with (
        stopped_by_faults(f"fairfront resume {folder.path}"),
        machines(config, address, folder),
        Driver(folder, problem, dense, address, on_event, references=True) as driver,
    ):
        driver.search()
        return RunResult(folder.path, folder.write_front())  # before the mirror is let go


def compile_loops(config: Config, net: nn.Module, on_event: Listener | None) -> None:
    """Before workers start: what of small networks runs as compiled loops, once per machine."""

    def say(text: str) -> None:
        if on_event is not None:
            on_event({"event": "note", "text": text})

    if config.model.fused == "auto" and not config.resources.gpu:
        warm(net, say)


def reopened(
    folder: RunFolder,
    config: Config,
    data: FairData | pd.DataFrame | None,
    model: nn.Module | Build | None,
    who: str,
    *,
    trust_code: bool = False,
) -> tuple[Problem, nn.Module]:
    """The problem and the dense net of an earlier session, for `who` goes on with them.

    Raises UserError where they have changed since, or are not at hand, and, unless `trust_code`,
    where the run of somebody else names code to run for it.
    """
    facts = folder.facts()
    found = reached(config, data_given=data is not None, model_given=model is not None)
    check_trusted(facts["run"], folder.path, who, found, trust=trust_code)
    if facts["in_memory"] and data is None:
        raise UserError(
            f"{who}: {folder.path} was run on data handed over from Python; hand them again"
        )
    # The groups to prune by are kept: the network that they were made with need not be there.
    problem = open_problem(config.model_copy(update={"prune_by": None}), data, model)
    if problem.prepared.hashes != facts["hashes"]:
        raise UserError(
            f"{who}: the data of {folder.path} have changed since the search was started"
        )
    problem = replace(
        problem,
        config=problem.config.model_copy(update={"prune_by": config.prune_by}),
        spaces=with_pools(problem.spaces, facts),
        pruning=folder.pruning_groups(facts),
    )
    return problem, unchanged_dense(folder, problem, who)


class Driver:
    """Journal, record, Ray and the MLflow mirror for the length of one search.

    `trainable` is what Ray runs, given `supplies`; its results are those of FairPruning. With
    `references`, what the front is compared with is fitted beside the trials.
    """

    def __init__(
        self,
        folder: RunFolder,
        problem: Problem,
        dense: nn.Module,
        address: str | None,
        on_event: Listener | None,
        trainable: type[tune.Trainable] = FairPruning,
        *,
        references: bool = False,
    ) -> None:
        self._folder, self._problem, self._dense = folder, problem, dense
        self._address, self._trainable = address, trainable
        self._on_event = on_event
        self._references = (
            ReferencesBeside(folder, problem, dense, on_event) if references else None
        )
        self._stack = ExitStack()

    def __enter__(self) -> Driver:
        # Optuna announces every study and every told trial on stderr unless it is asked not to.
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        with ExitStack() as opening:
            journal = Journal(self._folder.path)
            opening.callback(journal.close)
            self._progress = Progress(self._problem.config, self._on_event)
            self.record = Record(journal, self._heard)
            for event in read_events(journal.path):
                self.record.replay([event])
                self._progress.replay(event)
                if self._references is not None:
                    self._references.replay(event)
            if self._references is not None:
                opening.callback(self._references.close)
            drop_checkpoints_ahead(self._folder.path, self.record.unfinished())
            self._stack = opening.pop_all()
        return self

    def __exit__(self, *exception: object) -> None:
        self._stack.close()

    def _heard(self, event: Event) -> None:
        self._progress.take(event)
        if self._references is not None:
            self._references.follow(self.record, event)

    def search(self) -> None:
        """Runs what is left to run. Raises KeyboardInterrupt on Ctrl-C, with the journal whole."""
        config = self._problem.config
        if config.search.recording:
            facts = self._folder.facts()
            record_opening(facts["hashes"]["test"], facts["run"], facts["name"], "recording")
        limits = Limits.of(config, self.record)
        searcher = self._searcher(limits)
        if config.tracking.enabled:
            process = mirror.start_mirror(self._folder.path, config.tracking.uri)
            self._stack.callback(mirror.finish_mirror, process, 600)
        if searcher.left and not limits.reached:
            self._progress.expect(searcher.left)
            self._tune(searcher, limits)
            searcher.end_dead()
            self._folder.tidy(self.record.trials.values())
        if self._references is not None:
            self._references.finish(self.record)
        charged, spent = self.record.compute
        costs = spending(config, self.record.seconds)
        self.record.add(
            {
                "event": "search_end",
                "left": searcher.left,
                "charged": charged,
                "spent": spent,
                "spent_hours": costs["spent_hours"],
                "budget_hours": costs["budget_hours"],
                "device": costs["device"],
            }
        )

    def _searcher(self, limits: Limits) -> TrialSearcher:
        config, problem = self._problem.config, self._problem
        if config.trials:
            return ListedSearcher(
                config.trials,
                self.record,
                share=bool(config.search.shared_pruners),
                seed=config.seed,
                correction=problem.correction,
                limits=limits,
            )
        asked = config.objective
        target = Target(problem.objective.safe_bias, asked.sparsity, asked.optimise or ())
        studies = {
            method: MethodStudy(space, self._sampling(method), target)
            for method, space in problem.spaces.items()
        }
        return MethodSearcher(
            studies,
            self.record,
            trials=config.search.trials,
            share=share_of(problem),
            seed=config.seed,
            correction=problem.correction,
            limits=limits,
        )

    def _sampling(self, method: str) -> Sampling:
        config = self._problem.config
        seed = derived_seed(config.seed, "sampler", method)
        per_method = max(1, config.search.trials // len(self._problem.spaces))
        return Sampling(config.search.sampler, seed, per_method)

    def _policy(self) -> Policy | None:
        return SCHEDULERS[self._problem.config.search.scheduler](self._problem.stopping())

    def _tune(self, searcher: TrialSearcher, limits: Limits) -> None:
        config = self._problem.config
        cpu, gpu = config.resources.cpu, config.resources.gpu
        ship_by_value(self._dense)
        with connected(self._address, cpus=local_cpus(config), gpus=gpu > 0):
            concurrent = config.search.concurrent or trials_at_once(cpu, gpu)
            early = self._folder.early(self._problem.untrained())
            decision = decision_of(self._problem.correction, self._folder.dense_event())
            supplies = supplies_of(self._problem, self._dense, self._folder.path, early, decision)
            forgiving = Forgiving(self.record)
            scheduler = JournalingScheduler(self.record, self._policy(), limits, forgiving)
            trainable = tune.with_resources(
                tune.with_parameters(self._trainable, supplies=supplies),
                {"cpu": cpu, "gpu": gpu},
            )
            tuner = tune.Tuner(
                trainable,
                tune_config=tune.TuneConfig(
                    search_alg=searcher,
                    scheduler=scheduler,
                    num_samples=searcher.left,
                    max_concurrent_trials=concurrent,
                    reuse_actors=True,
                ),
                run_config=tune.RunConfig(
                    name="tune",
                    storage_path=str(self._folder.path.resolve() / TUNE),
                    checkpoint_config=tune.CheckpointConfig(checkpoint_at_end=False),
                    failure_config=tune.FailureConfig(max_failures=DEATHS),
                    verbose=0,
                ),
            )
            tuner.fit()

"""A search that runs: its journal, record, Ray, the MLflow mirror, and their end."""

from __future__ import annotations

import subprocess
from contextlib import ExitStack

import optuna
from ray import tune
from torch import nn

from search.cluster.connect import connected
from search.cluster.loading import wait_until_loaded
from search.cluster.nodes import trials_at_once
from search.cluster.shipping import ship_by_value
from search.engine.listed_trials import ListedSearcher
from search.engine.machines import local_cpus, supplies_of
from search.engine.progress import Limits, Progress, spending
from search.engine.ray_scheduler import DEATHS, AtLimit, Forgiving, JournalingScheduler
from search.engine.ray_searcher import MethodSearcher, TrialSearcher
from search.engine.references_beside import ReferencesBeside
from search.engine.shares import share_of
from search.engine.study import MethodStudy, Target
from search.journal.events import Event, Listener
from search.journal.journal import Journal, read_events
from search.journal.opening_ledger import record_opening
from search.journal.record import Record
from search.problem.dense_net import decision_of
from search.problem.problem import Problem
from search.runs.checkpoints import drop_checkpoints_ahead
from search.runs.folder import TUNE, RunFolder
from search.samplers.sampling import Sampling
from search.schedulers import SCHEDULERS
from search.schedulers.policy import Policy
from search.tracking import mirror
from trainables.stage import derived_seed
from trainables.trial.trainable import FairPruning

HURRIED = 3.0  # seconds that MLflow's copy is waited for when the time is over, or at Ctrl-C
OF_OWN = 1.0  # the same of a copy in the run's own store, in any case


class Driver:
    """Journal, record, Ray and the MLflow mirror for the length of one search.

    `trainable` is what Ray runs, given `supplies`; its results are those of FairPruning. The time
    limit counts from `begun` of time.monotonic(), else from when trials start. With `references`,
    what the front is compared with is fitted beside the trials.
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
        begun: float | None = None,
        references: bool = False,
    ) -> None:
        self._folder, self._problem, self._dense = folder, problem, dense
        self._address, self._trainable = address, trainable
        self._on_event, self._begun = on_event, begun
        self._references = (
            ReferencesBeside(folder, problem, dense, on_event) if references else None
        )
        self._stack = ExitStack()
        self._cut_off = False

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
        self._cut_off = exception[0] is not None  # as by Ctrl-C
        self._stack.close()

    def _heard(self, event: Event) -> None:
        self._progress.take(event)
        if self._references is not None:
            self._references.follow(self.record)

    def search(self) -> None:
        """Runs what is left to run. Raises KeyboardInterrupt on Ctrl-C, with the journal whole."""
        config = self._problem.config
        if config.search.recording:
            facts = self._folder.facts()
            record_opening(facts["hashes"]["test"], facts["run"], facts["name"], "recording")
        if self._references is not None:
            self._references.start()
        limits = Limits.of(config, self.record, self._begun)
        searcher = self._searcher(limits)
        if config.tracking.enabled:
            process = mirror.start_mirror(self._folder.path, config.tracking.uri)
            self._stack.callback(self._finish, process, limits)
        if searcher.left and not limits.reached:
            self._progress.expect(searcher.left, limits)
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
                "ended_by": (limits.ended_by if searcher.left else None) or "trials",
                "charged": charged,
                "spent": spent,
                "spent_hours": costs["spent_hours"],
                "budget_hours": costs["budget_hours"],
                "device": costs["device"],
            }
        )

    def _finish(self, process: subprocess.Popen[bytes], limits: Limits) -> None:
        """Waits for the copy in MLflow, not for long at a limit or an interruption, and less for
        that in the run's own store, which no server can keep from being completed meanwhile."""
        own = mirror.is_own_store(self._folder.path, self._problem.config.tracking.uri)
        hurried = self._cut_off or limits.reached
        patience = OF_OWN if own else HURRIED if hurried else 600.0
        mirror.finish_mirror(process, patience, leave=own or hurried)

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
        with connected(self._address, cpus=local_cpus(config), gpus=gpu > 0, per_trial=cpu):
            wait_until_loaded(lambda: limits.reached)
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
                    stop=AtLimit(limits),
                    verbose=0,
                ),
            )
            tuner.fit()

"""All arms of a comparison, replayed seed by seed, over several processes if wished.

An arm is one scheduler with one sampler on one task. A replayed search chooses its front on tune,
from the feasible candidates of the trials that were not stopped. The **confirmed** hypervolume of
that front is that of the same points at their performance and bias on test: a point whose bias on
test does not keep the tolerance counts nothing, and no other point takes its place. For a method
that removes no weights both are areas over performance and bias: with the sparsity of the
reference point, 0, its volume would be 0 whatever it finds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import optuna
from numpy.typing import NDArray

from analysis.hypervolume import hypervolume
from analysis.pareto import non_dominated
from search.errors import UserError, unknown
from search.journal.candidates import is_feasible
from search.journal.record import TrialRecord
from search.replay.pool import Pool, RecordedTrial, pool_of
from search.replay.simulate import ReplayedSearch, proposals_of, simulate
from search.replay.table import RecordedTable
from search.samplers import SAMPLERS
from search.schedulers import SCHEDULERS
from search.schedulers.policy import Stopping
from trainables.stage import derived_seed

NO_STOPPING = "none"
IDEAL, MAXIMIZE = (1.0, 0.0, 1.0), (True, False, True)  # performance, bias, sparsity

OnReplay = Callable[
    [int, int], None
]  # hears after each replay: how many are done, and of how many


@dataclass(frozen=True)
class Comparison:
    """What is compared: every scheduler with every sampler on every task."""

    tables: tuple[Path, ...]
    schedulers: tuple[str, ...]
    samplers: tuple[str, ...]
    seeds: int = 20
    workers: int = 2
    share: float = 1.0  # of the recorded trials, per search: less leaves a sampler a choice
    error_rate: float = 0.05  # what the policies are asked for

    def __post_init__(self) -> None:
        for kind, names, known in (
            ("scheduler", self.schedulers, SCHEDULERS),
            ("sampler", self.samplers, SAMPLERS),
        ):
            if not names:
                raise UserError(f"replay: needs at least one {kind}")
            for name in names:
                if name not in known:
                    raise UserError(unknown(kind, name, known))
        if not self.tables:
            raise UserError("replay: needs at least one table")
        for what, value in (("seeds", self.seeds), ("workers", self.workers)):
            if value < 1:
                raise UserError(f"replay: {what} must be at least 1, got {value}")
        if not 0 < self.share <= 1:
            raise UserError(f"replay: the share of trials must lie in (0, 1], got {self.share}")
        if not 0 < self.error_rate < 1:
            raise UserError(f"replay: the error rate must lie in (0, 1), got {self.error_rate}")


@dataclass(frozen=True)
class Arm:
    """One scheduler with one sampler on one task."""

    table: Path
    method: str
    scheduler: str
    sampler: str


@dataclass(frozen=True, eq=False)
class Outcome:
    """One replayed search in numbers."""

    seed: int
    trials: int
    epochs: int
    charged: int  # samples of all trials
    makespan: int  # samples of the worker that worked longest
    tune: float  # hypervolume on tune
    confirmed: float  # hypervolume of the same front on test
    front: int  # points of the front
    kept: int  # of them, those that keep the tolerance on test
    stopped: int  # trials
    feasible: int  # trials that end with a feasible candidate when they are not stopped
    killed: int  # of them, those that were stopped
    front_trials: int  # trials on the front when none is stopped
    killed_front: int  # of them, those that were stopped
    curve: NDArray[np.float64] | None = None  # of smaller searches, see `growth`


Replays = dict[Arm, tuple[Outcome, ...]]  # by seed


def replay_all(
    comparison: Comparison, *, jobs: int = 1, on_replay: OnReplay | None = None
) -> Replays:
    """Every arm of the comparison, with the arm that stops nothing for each sampler.

    Raises UserError where a table cannot be read.
    """
    replays_to_do = [
        (comparison, Arm(path, method, scheduler, sampler), seed)
        for path in comparison.tables
        for method in RecordedTable.load(path).header.spaces
        for sampler in comparison.samplers
        for scheduler in dict.fromkeys((NO_STOPPING, *comparison.schedulers))
        for seed in range(comparison.seeds)
    ]
    replays: dict[Arm, list[Outcome]] = {}
    for done, outcome in enumerate(_outcomes(replays_to_do, jobs)):
        _, arm, _ = replays_to_do[done]
        replays.setdefault(arm, []).append(outcome)
        if on_replay is not None:
            on_replay(done + 1, len(replays_to_do))
    return {arm: tuple(outcomes) for arm, outcomes in replays.items()}


def task_of(arm: Arm) -> str:
    """Data set and method, as results name it."""
    return _pool(arm.table, arm.method).task


def outcome_of(
    pool: Pool, search: ReplayedSearch, seed: int, *, with_curve: bool = False
) -> Outcome:
    """The numbers of a replayed search; with its `growth` where nothing was stopped."""
    trials = search.record.trials
    front = _front(pool, (feasible_candidates(r, trials[r.trial]) for r in search.order))
    unstopped = {
        recorded.trial: feasible_candidates(recorded, _at_its_end(recorded, pool.method))
        for recorded in search.order
    }
    feasible = {name for name, candidates in unstopped.items() if len(candidates.tune)}
    on_front = set(_front(pool, unstopped.values()).trials.tolist())
    stopped = {name for name, trial in trials.items() if trial.status == "stopped"}
    tune, confirmed = front.volumes(pool)
    return Outcome(
        seed=seed,
        trials=len(trials),
        epochs=search.epochs,
        charged=search.charged,
        makespan=search.makespan,
        tune=tune,
        confirmed=confirmed,
        front=len(front.tune),
        kept=int((front.test[:, 1] < pool.header.objective.tolerance).sum()),
        stopped=len(stopped),
        feasible=len(feasible),
        killed=len(feasible & stopped),
        front_trials=len(on_front),
        killed_front=len(on_front & stopped),
        curve=growth(pool, search) if with_curve else None,
    )


def growth(pool: Pool, search: ReplayedSearch) -> NDArray[np.float64]:
    """(trials, 3) epochs used, hypervolume on tune and confirmed, of ever larger searches.

    Row k is the search that would have started only the first k + 1 trials and run them to their
    end.
    """
    front, epochs, rows = _front(pool, ()), 0, []
    for recorded in search.order:
        trial = search.record.trials[recorded.trial]
        front = front.joined(feasible_candidates(recorded, trial))
        epochs += trial.epoch
        rows.append((epochs, *front.volumes(pool)))
    return np.array(rows, dtype=np.float64)


@dataclass(frozen=True, eq=False)
class ReplayedFront:
    """Points on tune, the same points on test, and the trial of each.

    Points are (n, 2 or 3): performance, bias and, where the pool prunes, sparsity.
    """

    tune: NDArray[np.float64]
    test: NDArray[np.float64]
    trials: NDArray[np.str_]

    def volumes(self, pool: Pool) -> tuple[float, float]:
        """Hypervolume on tune, and confirmed on test."""
        size = self.tune.shape[1]
        low, high = pool.header.reference[:size], IDEAL[:size]
        return hypervolume(self.tune, low, high), hypervolume(self.test, low, high)

    def joined(self, other: ReplayedFront) -> ReplayedFront:
        """The points of both that none dominates on tune; of equal points the earlier one."""
        tune = np.concatenate([self.tune, other.tune])
        test = np.concatenate([self.test, other.test])
        trials = np.concatenate([self.trials, other.trials])
        mask = non_dominated(tune, MAXIMIZE[: tune.shape[1]])
        return ReplayedFront(tune[mask], test[mask], trials[mask])


def feasible_candidates(recorded: RecordedTrial, trial: TrialRecord) -> ReplayedFront:
    """The feasible candidates that a replayed trial has left, those dominated included."""
    rows = [report["epoch"] - 1 for report in trial.candidates() if is_feasible(report)]
    names = np.full(len(rows), recorded.trial)
    return ReplayedFront(recorded.tune[rows], recorded.test[rows], names)


def _at_its_end(recorded: RecordedTrial, method: str) -> TrialRecord:
    """The trial as it is on record when nobody stops it."""
    return TrialRecord(recorded.trial, method, {}, list(recorded.reports), recorded.status)


def _front(pool: Pool, candidates: Iterable[ReplayedFront]) -> ReplayedFront:
    """The front of the candidates of several trials."""
    nothing = np.empty((0, 2 + pool.prunes))
    front = ReplayedFront(nothing, nothing, np.empty(0, dtype=np.str_))
    for of_trial in candidates:
        front = front.joined(of_trial)
    return front


def _outcomes(replays: Sequence[tuple[Comparison, Arm, int]], jobs: int) -> Iterator[Outcome]:
    if jobs == 1:
        yield from map(_replay, replays)
        return
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as executor:
        yield from executor.map(_replay, replays, chunksize=5)


def _replay(job: tuple[Comparison, Arm, int]) -> Outcome:
    comparison, arm, seed = job
    optuna.logging.set_verbosity(optuna.logging.WARNING)  # it tells of every study and trial
    pool = _pool(arm.table, arm.method)
    header, trials = pool.header, max(1, round(comparison.share * len(pool.trials)))
    stopping = Stopping(
        limit=header.objective.safe_bias,
        tolerance=header.objective.tolerance,
        sparsity=header.sparsity,
        error_rate=comparison.error_rate,
        seed=derived_seed(seed, "policy", pool.task),
        reference=header.reference,
    )
    policy = SCHEDULERS[arm.scheduler](stopping)
    proposals = proposals_of(pool, arm.sampler, seed, trials)
    search = simulate(arm.method, proposals, policy, trials=trials, workers=comparison.workers)
    return outcome_of(pool, search, seed, with_curve=policy is None)


@lru_cache(maxsize=16)
def _pool(path: Path, method: str) -> Pool:
    return pool_of(RecordedTable.load(path), method)

"""All arms of a comparison, replayed seed by seed, over several processes if wished.

A replayed search chooses its front on tune, from the feasible candidates of the trials that were
not stopped. The **confirmed** hypervolume of that front is that of the same points at their
performance and bias on test: a point whose bias on test does not keep the tolerance counts
nothing, and no other point takes its place. For a method that removes no weights both are areas
over performance and bias: with the sparsity of the reference point, 0, its volume would be 0
whatever it finds.
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
from search.journal.record import TrialRecord
from search.replay.pool import Pool, Recorded, pool_of
from search.replay.simulate import Replayed, proposals_of, simulate
from search.replay.table import Table
from search.samplers import SAMPLERS
from search.schedulers import SCHEDULERS, Stopping
from trainables.stage import derived_seed

IDEAL, MAXIMIZE = (1.0, 0.0, 1.0), (True, False, True)  # performance, bias, sparsity

Points = NDArray[np.float64]  # (n, 2 or 3): performance, bias and, if asked for, sparsity


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


@dataclass(frozen=True, eq=False)
class Front:
    """Non-dominated points on tune, with the same points on test and the trial of each."""

    tune: Points
    test: Points
    trials: NDArray[np.str_]

    def volumes(self, pool: Pool) -> tuple[float, float]:
        """Hypervolume on tune, and confirmed on test."""
        size = self.tune.shape[1]
        low, high = pool.header.reference[:size], IDEAL[:size]
        return hypervolume(self.tune, low, high), hypervolume(self.test, low, high)

    def joined(self, other: Front) -> Front:
        """The front of both; of equal points the earlier one."""
        tune = np.concatenate([self.tune, other.tune])
        test = np.concatenate([self.test, other.test])
        trials = np.concatenate([self.trials, other.trials])
        mask = non_dominated(tune, MAXIMIZE[: tune.shape[1]])
        return Front(tune[mask], test[mask], trials[mask])


def candidates(one: Recorded, trial: TrialRecord) -> Front:
    """The feasible candidates that a trial has left."""
    kept = [r["epoch"] - 1 for r in trial.candidates() if r["feasible"] and r["beats_trivial"]]
    return Front(one.tune[kept], one.test[kept], np.full(len(kept), one.trial))


def outcome(pool: Pool, replayed: Replayed, seed: int, *, curve: bool = False) -> Outcome:
    """The numbers of a replayed search; with its `growth` where nothing was stopped."""
    trials = replayed.record.trials
    front = _front(pool, (candidates(one, trials[one.trial]) for one in replayed.order))
    full = {one.trial: candidates(one, at_its_end(one, pool.method)) for one in replayed.order}
    feasible = {name for name, found in full.items() if len(found.tune)}
    on_front = set(_front(pool, full.values()).trials.tolist())
    stopped = {name for name, trial in trials.items() if trial.status == "stopped"}
    tune, confirmed = front.volumes(pool)
    return Outcome(
        seed=seed,
        trials=len(trials),
        epochs=replayed.epochs,
        charged=replayed.charged,
        makespan=replayed.makespan,
        tune=tune,
        confirmed=confirmed,
        front=len(front.tune),
        kept=int((front.test[:, 1] < pool.header.objective.tolerance).sum()),
        stopped=len(stopped),
        feasible=len(feasible),
        killed=len(feasible & stopped),
        front_trials=len(on_front),
        killed_front=len(on_front & stopped),
        curve=growth(pool, replayed) if curve else None,
    )


def growth(pool: Pool, replayed: Replayed) -> NDArray[np.float64]:
    """(trials, 3) epochs used, hypervolume on tune and confirmed, of the searches that would have
    started only the first 1, 2, ... trials and run them to their end."""
    front, epochs, points = _front(pool, ()), 0, []
    for one in replayed.order:
        trial = replayed.record.trials[one.trial]
        front = front.joined(candidates(one, trial))
        epochs += trial.epoch
        points.append((epochs, *front.volumes(pool)))
    return np.array(points, dtype=np.float64)


def at_its_end(one: Recorded, method: str) -> TrialRecord:
    """The trial as it is on record when nobody stops it."""
    return TrialRecord(one.trial, method, {}, list(one.reports), one.status)


def _front(pool: Pool, found: Iterable[Front]) -> Front:
    nothing = np.empty((0, 2 + pool.prunes))
    front = Front(nothing, nothing, np.empty(0, dtype=np.str_))
    for one in found:
        front = front.joined(one)
    return front


NO_STOPPING = "none"
Told = Callable[[int, int], None]  # replays done, replays in all


@dataclass(frozen=True)
class Plan:
    """What is compared: every scheduler with every sampler on every task."""

    tables: tuple[Path, ...]
    schedulers: tuple[str, ...]
    samplers: tuple[str, ...]
    seeds: int = 20
    workers: int = 2
    share: float = 1.0  # of the recorded trials, per search: less leaves a sampler a choice
    error_rate: float = 0.05  # told to the policies

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


Replays = dict[Arm, tuple[Outcome, ...]]  # by seed


def replay_all(plan: Plan, *, jobs: int = 1, told: Told | None = None) -> Replays:
    """Every arm of the plan, with the arm that stops nothing for each sampler.

    Raises UserError where a table cannot be read.
    """
    todo = [
        (plan, Arm(path, method, scheduler, sampler), seed)
        for path in plan.tables
        for method in Table.load(path).header.spaces
        for sampler in plan.samplers
        for scheduler in dict.fromkeys((NO_STOPPING, *plan.schedulers))
        for seed in range(plan.seeds)
    ]
    outcomes: list[Outcome] = []
    for found in _mapped(todo, jobs):
        outcomes.append(found)
        if told is not None:
            told(len(outcomes), len(todo))
    replays: dict[Arm, list[Outcome]] = {}
    for (_, arm, _), found in zip(todo, outcomes, strict=True):
        replays.setdefault(arm, []).append(found)
    return {arm: tuple(of_arm) for arm, of_arm in replays.items()}


def task_of(arm: Arm) -> str:
    """Data set and method, as results name it."""
    return _pool(arm.table, arm.method).task


def _mapped(todo: Sequence[tuple[Plan, Arm, int]], jobs: int) -> Iterator[Outcome]:
    if jobs == 1:
        yield from map(_replay, todo)
        return
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as executor:
        yield from executor.map(_replay, todo, chunksize=5)


def _replay(job: tuple[Plan, Arm, int]) -> Outcome:
    plan, arm, seed = job
    optuna.logging.set_verbosity(optuna.logging.WARNING)  # it tells of every study and trial
    pool = _pool(arm.table, arm.method)
    header, trials = pool.header, max(1, round(plan.share * len(pool.trials)))
    stopping = Stopping(
        limit=header.objective.safe_bias,
        tolerance=header.objective.tolerance,
        sparsity=header.sparsity,
        error_rate=plan.error_rate,
        seed=derived_seed(seed, "policy", pool.task),
        reference=header.reference,
    )
    policy = SCHEDULERS[arm.scheduler](stopping)
    proposals = proposals_of(pool, arm.sampler, seed, trials)
    replayed = simulate(arm.method, proposals, policy, trials=trials, workers=plan.workers)
    return outcome(pool, replayed, seed, curve=policy is None)


@lru_cache(maxsize=16)
def _pool(path: Path, method: str) -> Pool:
    return pool_of(Table.load(path), method)

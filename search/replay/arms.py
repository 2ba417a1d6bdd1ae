"""All arms of a comparison, replayed seed by seed, over several processes if wished."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from multiprocessing import get_context
from pathlib import Path

import optuna

from search.errors import UserError, unknown
from search.replay.outcome import Outcome, outcome
from search.replay.pool import Pool, pool_of
from search.replay.proposals import proposals_of
from search.replay.simulate import simulate
from search.replay.table import Table
from search.samplers import SAMPLERS
from search.schedulers import SCHEDULERS, Stopping
from trainables.stage import derived_seed

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

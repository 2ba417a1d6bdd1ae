"""What a replayed search found, what it spent, and which trials it should not have stopped.

The front is chosen on tune, from the feasible candidates of the trials that were not stopped. Its
**confirmed** hypervolume is that of the same points at their performance and bias on test: a point
whose bias on test does not keep the tolerance counts nothing, and no other point takes its place.
For a method that removes no weights both are areas over performance and bias: with the sparsity of
the reference point, 0, its volume would be 0 whatever it finds.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analysis.front import non_dominated
from analysis.hypervolume import hypervolume
from search.record import TrialRecord
from search.replay.pool import Pool, Recorded
from search.replay.simulate import Replayed

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

"""What the arms of a comparison saved and lost, over seeds, with standard errors.

**Fair ratio**: the epochs that a smaller search without stopping needs for the same mean
hypervolume, divided by the epochs that the arm used. Stopping that only saves what fewer trials
would have saved as well has a ratio of 1. The smaller searches start the first k trials that the
same sampler proposed without stopping and run them to their end; their mean epochs and their mean
hypervolume over the seeds, made monotone from the left, are interpolated between k and k + 1.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from search.replay.arms import NO_STOPPING, Arm, Outcome, Replays, task_of

_ROUNDING = 1e-9  # means over the seeds are summed in another order than the curve's

Outcomes = Sequence[Outcome]
Statistic = Callable[[Outcomes, Outcomes], float]  # of an arm and of its arm without stopping


@dataclass(frozen=True)
class Estimate:
    """A mean or a ratio of means with its standard error over the seeds."""

    value: float  # NaN: not defined, such as the share of no trials
    error: float


@dataclass(frozen=True)
class Result:
    """One arm on one task. Shares are of the arm without stopping."""

    task: str
    scheduler: str
    sampler: str
    seeds: int
    trials: int
    epochs: Estimate
    epochs_share: Estimate
    charged_share: Estimate
    makespan_share: Estimate
    tune: Estimate  # hypervolume
    confirmed: Estimate  # hypervolume
    tune_share: Estimate
    confirmed_share: Estimate
    fair_tune: Estimate
    fair_confirmed: Estimate
    at_least: tuple[bool, bool]  # fair ratios on tune and test are lower bounds: nothing was lost
    stopped: Estimate  # share of the trials
    killed: Estimate  # share of the trials that would have ended feasible
    killed_front: Estimate  # share of the trials that would have been on the front
    kept_promise: Estimate  # share of the front's points that keep the tolerance on test


def results_of(replays: Replays) -> list[Result]:
    """One result per arm, in the order of the arms."""
    return [
        _result(arm, outcomes, replays[Arm(arm.table, arm.method, NO_STOPPING, arm.sampler)])
        for arm, outcomes in replays.items()
    ]


def _result(arm: Arm, outcomes: Outcomes, full: Outcomes) -> Result:
    def estimated(statistic: Statistic) -> Estimate:
        return jackknife(statistic, outcomes, full)

    def share(field: str) -> Estimate:
        return estimated(lambda some, all_of: _mean(some, field) / _mean(all_of, field))

    def part(field: str, whole: str) -> Estimate:
        return estimated(lambda some, _: _ratio(_mean(some, field), _mean(some, whole)))

    at_least = [
        epochs_needed(full, field, _mean(outcomes, field))[1] for field in ("tune", "confirmed")
    ]
    return Result(
        task=task_of(arm),
        scheduler=arm.scheduler,
        sampler=arm.sampler,
        seeds=len(outcomes),
        trials=outcomes[0].trials,
        epochs=estimated(lambda some, _: _mean(some, "epochs")),
        epochs_share=share("epochs"),
        charged_share=share("charged"),
        makespan_share=share("makespan"),
        tune=estimated(lambda some, _: _mean(some, "tune")),
        confirmed=estimated(lambda some, _: _mean(some, "confirmed")),
        tune_share=estimated(lambda some, all_of: _kept(some, all_of, "tune")),
        confirmed_share=estimated(lambda some, all_of: _kept(some, all_of, "confirmed")),
        fair_tune=estimated(lambda some, all_of: fair_ratio(some, all_of, "tune")),
        fair_confirmed=estimated(lambda some, all_of: fair_ratio(some, all_of, "confirmed")),
        at_least=(at_least[0], at_least[1]),
        stopped=part("stopped", "trials"),
        killed=part("killed", "feasible"),
        killed_front=part("killed_front", "front_trials"),
        kept_promise=part("kept", "front"),
    )


def fair_ratio(outcomes: Outcomes, full: Outcomes, field: str) -> float:
    """See the module; `field` is "tune" or "confirmed"."""
    return epochs_needed(full, field, _mean(outcomes, field))[0] / _mean(outcomes, "epochs")


def epochs_needed(full: Outcomes, field: str, volume: float) -> tuple[float, bool]:
    """Mean epochs of the smaller search without stopping that reaches `volume`.

    True where no smaller search does: the epochs are then those of the full search, and a ratio
    made of them is a lower bound.
    """
    curves = np.stack([one.curve for one in full if one.curve is not None])  # (seeds, trials, 3)
    mean = np.concatenate([np.zeros((1, 3)), curves.mean(axis=0)])
    epochs = mean[:, 0]
    reached = np.maximum.accumulate(mean[:, 1 if field == "tune" else 2])
    if volume > reached[-1] - _ROUNDING:
        return float(epochs[-1]), True
    after = int(np.searchsorted(reached, volume, side="left"))
    if after == 0:
        return 0.0, False
    low, high = reached[after - 1], reached[after]
    step = (volume - low) / (high - low)
    return float(epochs[after - 1] + step * (epochs[after] - epochs[after - 1])), False


def jackknife(statistic: Statistic, outcomes: Outcomes, full: Outcomes) -> Estimate:
    """The statistic of all seeds; its standard error from leaving out each seed in turn, in the
    arm and in the one without stopping alike (Efron and Stein, Annals of Statistics 1981)."""
    value, n = statistic(outcomes, full), len(outcomes)
    if n < 2:
        return Estimate(value, float("nan"))
    without = np.array(
        [statistic(_without(outcomes, seed), _without(full, seed)) for seed in range(n)]
    )
    spread = ((without - without.mean()) ** 2).sum()
    return Estimate(value, float(np.sqrt((n - 1) / n * spread)))


def _without(outcomes: Outcomes, index: int) -> Outcomes:
    return [one for position, one in enumerate(outcomes) if position != index]


def _mean(outcomes: Outcomes, field: str) -> float:
    return float(np.mean([vars(one)[field] for one in outcomes]))


def _kept(some: Outcomes, full: Outcomes, field: str) -> float:
    return _ratio(_mean(some, field), _mean(full, field))


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole else float("nan")

"""What the arms of a comparison saved and lost, over seeds, with standard errors.

**Fair ratio**: the epochs that a smaller search without stopping needs for the same mean
hypervolume, divided by the epochs that the arm used. It is 1 where stopping saves no more than
fewer trials would have saved. The smaller searches start the first k trials that the same sampler
proposed without stopping, and run them to their end. Their epochs and hypervolume are means over
the seeds; the hypervolume is made monotone in k, and between k and k + 1 both are interpolated.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from search.replay.arms import NO_STOPPING, Arm, Outcome, Replays, task_of

_ROUNDING = 1e-9  # means over the seeds are summed in another order than the curve's

Outcomes = Sequence[Outcome]  # one per seed
Statistic = Callable[[Outcomes, Outcomes], float]  # of an arm, and of the same without stopping


@dataclass(frozen=True)
class SeedEstimate:
    """A mean or a ratio of means with its standard error over the seeds."""

    value: float  # NaN: not defined, such as the share of no trials
    error: float


@dataclass(frozen=True)
class ArmResult:
    """One arm. Each `..._share` is a share of what the same arm has without stopping."""

    task: str
    scheduler: str
    sampler: str
    seeds: int
    trials: int
    epochs: SeedEstimate
    epochs_share: SeedEstimate
    charged_share: SeedEstimate
    makespan_share: SeedEstimate
    tune: SeedEstimate  # hypervolume
    confirmed: SeedEstimate  # hypervolume
    tune_share: SeedEstimate
    confirmed_share: SeedEstimate
    fair_tune: SeedEstimate
    fair_confirmed: SeedEstimate
    at_least: tuple[bool, bool]  # whether the fair ratios on tune and test are lower bounds
    stopped: SeedEstimate  # share of the trials
    killed: SeedEstimate  # share of the trials that would have ended feasible
    killed_front: SeedEstimate  # share of the trials that would have been on the front
    kept_promise: SeedEstimate  # share of the front's points that keep the tolerance on test


def results_of(replays: Replays) -> list[ArmResult]:
    """One result per arm, in the order of the arms."""
    return [
        _result(arm, outcomes, replays[Arm(arm.table, arm.method, NO_STOPPING, arm.sampler)])
        for arm, outcomes in replays.items()
    ]


def _result(arm: Arm, outcomes: Outcomes, full: Outcomes) -> ArmResult:
    def estimated(statistic: Statistic) -> SeedEstimate:
        return jackknife(statistic, outcomes, full)

    def share(field: str) -> SeedEstimate:
        return estimated(lambda some, all_of: _mean(some, field) / _mean(all_of, field))

    def part(field: str, whole: str) -> SeedEstimate:
        return estimated(lambda some, _: _ratio(_mean(some, field), _mean(some, whole)))

    at_least = [
        epochs_needed(full, field, _mean(outcomes, field))[1] for field in ("tune", "confirmed")
    ]
    return ArmResult(
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
        tune_share=estimated(lambda some, all_of: _share(some, all_of, "tune")),
        confirmed_share=estimated(lambda some, all_of: _share(some, all_of, "confirmed")),
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
    """Mean epochs of the smaller search without stopping that reaches `volume`; then False.

    Where no smaller search does, the epochs of the full search; then True, since a ratio that is
    made of them is a lower bound.
    """
    # (seeds, trials, 3)
    curves = np.stack([outcome.curve for outcome in full if outcome.curve is not None])
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


def jackknife(statistic: Statistic, outcomes: Outcomes, full: Outcomes) -> SeedEstimate:
    """The statistic of all seeds, with its standard error by the jackknife.

    Each seed is left out in turn, in the arm and in the one without stopping alike (Efron and
    Stein, Annals of Statistics 1981).
    """
    value, n = statistic(outcomes, full), len(outcomes)
    if n < 2:
        return SeedEstimate(value, float("nan"))
    without = np.array(
        [statistic(_without(outcomes, seed), _without(full, seed)) for seed in range(n)]
    )
    spread = ((without - without.mean()) ** 2).sum()
    return SeedEstimate(value, float(np.sqrt((n - 1) / n * spread)))


def _without(outcomes: Outcomes, index: int) -> Outcomes:
    return [*outcomes[:index], *outcomes[index + 1 :]]


def _mean(outcomes: Outcomes, field: str) -> float:
    return float(np.mean([vars(outcome)[field] for outcome in outcomes]))


def _share(some: Outcomes, full: Outcomes, field: str) -> float:
    return _ratio(_mean(some, field), _mean(full, field))


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole else float("nan")

"""What a trial reports: every key of a report is defined here, once, with its meaning.

Reports are plain dicts of JSON types. A number that cannot be estimated is None in them, since
JSON has no NaN.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import TYPE_CHECKING, Literal, NotRequired, TypedDict

import numpy as np

from trainables.evaluation.counts import Counts, CountsDict
from trainables.evaluation.intervals import (
    beats_trivial,
    estimate,
    performance_se,
    resamples_for,
    simultaneous_level,
)
from trainables.evaluation.measures import all_measures
from trainables.evaluation.trivial import is_trivial, prediction_shares, trivial_performance

if TYPE_CHECKING:
    from trainables.evaluation.objective import Objective

# [low, high]; None twice where the value in between is not estimable
IntervalList = list[float | None]


class Judged(TypedDict):
    """What is always said of decided counts by group. Fractions throughout."""

    performance: float | None  # of the objective's performance measure
    performance_se: float | None  # its standard error
    performance_interval: IntervalList  # two-sided
    performance_lower: float | None  # one-sided bound of 95 %
    trivial_performance: float | None  # the best that a constant prediction has on these rows
    bias: float | None  # of the objective's bias measure, never negative
    bias_interval: IntervalList  # two-sided
    bias_upper: float | None  # one-sided bound of 95 %
    prediction_shares: list[float | None]  # share of the rows that gets each prediction
    feasible: bool  # bias < tolerance - margin, or bias_upper < tolerance
    beats_trivial: bool  # clearly better than every constant prediction, and not nearly one
    trivial: bool  # more than 99 % of the rows get the same prediction


class InGroup(TypedDict):
    """How well the rows of one group are decided."""

    rows: int
    performance: float | None  # of `in_groups`; None: not estimable
    interval: IntervalList  # two-sided, 95 % for all groups at once
    trivial: float | None  # the best that a constant prediction has in this group


class Values(Judged):
    """What decided counts by group are worth: the result of `evaluate`."""

    measures: dict[str, float | None]  # every measure by name; None also: not for such a task
    by_group: list[InGroup]


class DecisionDict(TypedDict):
    """How scores become predictions: `Decision.to_dict`. Which keys it has depends on the kind."""

    kind: str  # of trainables.corrections.KINDS
    trivial: bool  # (nearly) everybody gets the same prediction on the rows it was fitted on
    index: NotRequired[int]  # of the one threshold, among THRESHOLDS
    threshold: NotRequired[float]  # the same threshold as a score, in [0, 1]
    indices: NotRequired[list[int]]  # of one threshold per group
    thresholds: NotRequired[list[float]]  # the same thresholds as scores
    rates: NotRequired[list[list[float]]]  # per group: shares flipped of [negatives, positives]
    seed: NotRequired[int]  # that draws which predictions are flipped


class Beside(TypedDict):
    """What a second decision on the same scores is worth on tune: shown, never chosen by.

    Its intervals and further measures follow from the counts of a candidate.
    """

    decision: DecisionDict  # fitted on the held-back rows, as the first one
    performance: float | None  # of the objective's measures; None: not estimable
    bias: float | None


class OfSecond(TypedDict, total=False):
    """What only the reports of an experiment say that asks for a second decision."""

    beside: Beside


class OfCandidate(TypedDict, total=False):
    """What only the reports of candidates say."""

    measures: dict[str, float | None]  # every measure by name


class Judgement(Judged, OfCandidate, OfSecond):
    """What a trial's network is worth on tune after an epoch."""

    sparsity: float  # share of the prunable weights that is removed
    live: float  # share of the units that lie on a path of kept weights from input to output
    decision: DecisionDict  # fitted on the held-back rows
    candidate: str | None  # name of the kept weights in the candidate store; None: not kept
    dropped: list[str]  # earlier candidates of this trial that the new one makes superfluous
    # By split (tune, held_back; test only in a recording), at the finest crossing of attributes:
    # of scores where there is a candidate, otherwise as decided.
    counts: dict[str, CountsDict]


class Diagnostics(TypedDict):
    """What a round of pruning did to the masks."""

    kept: dict[str, int]  # layer -> weights kept
    # layer -> the share of its importance that belongs to each group, before the round
    importance: NotRequired[dict[str, list[float]]]
    groups: NotRequired[list[str]]  # what they are called, in the order of the shares


class OfRound(TypedDict, total=False):
    """What only the epochs of a stage that prunes in rounds say."""

    round: int  # from 1
    diagnostics: Diagnostics  # where the epoch has changed the masks


class StageReport(Judgement, OfRound):
    """What a stage says of one of its epochs, whichever trial it belongs to."""

    stage_epochs: int  # epochs that the stage takes, as far as it is known by now
    samples: int  # rows that an epoch learns from, once for every network that learns
    losses: dict[str, float]  # means over the epoch by name


class Report(StageReport):
    """What a trial reports of one epoch."""

    trial: str
    epoch: int  # from 1, all stages together
    stage: int  # place of the stage in the trial, from 0
    role: str  # of the stage: dense, pruner or recovery; distillation in older journals
    name: str  # of the stage in the registry of its role
    stage_epoch: int  # from 1
    final_stage: bool  # whether the stage is the trial's last
    last: bool  # whether the epoch is the trial's last
    charged: int  # samples that the trial's epochs so far take
    spent: NotRequired[int]  # samples processed for them; absent: written by an earlier version
    seconds: NotRequired[float]  # that the epoch took its worker, waiting included


class NoReport(TypedDict):
    """What a worker sends in place of a report; one of the last three keys says why."""

    trial: str
    waiting: NotRequired[Literal[True]]  # for a stage's result that another worker computes
    unfit: NotRequired[str]  # what this machine lacks to run any trial
    failure: NotRequired[str]  # the error that ended the trial


def evaluate(
    counts: Counts, objective: Objective, *, level: float = 0.95, seed: int = 0
) -> Values:
    """What decided counts by group are worth.

    `level` is that of the two-sided intervals; `bias_upper` and `performance_lower` are one-sided
    95 % bounds whatever the level.
    """
    return {
        **evaluate_objective(counts, objective, level=level, seed=seed),
        "measures": every_measure(counts),
        "by_group": in_groups(counts, objective.performance, seed=seed),
    }


def in_groups(counts: Counts, performance: str, *, seed: int = 0) -> list[InGroup]:
    """The performance within each group; where that is itself the worst group's, the accuracy."""
    measure = "accuracy" if performance == "worst_group_accuracy" else performance
    level = simultaneous_level(0.95, counts.n_groups)
    found: list[InGroup] = []
    for group in np.eye(counts.n_groups, dtype=bool):
        rows = counts.of_groups(group)
        seen = estimate(measure, rows, seed, resamples_for(level))
        found.append(
            {
                "rows": rows.total,
                "performance": _number(seen.point),
                "interval": _numbers(seen.interval(level)),
                "trivial": _number(trivial_performance(measure, rows)),
            }
        )
    return found


def every_measure(counts: Counts) -> dict[str, float | None]:
    """The value of every measure by name."""
    return {name: _number(value) for name, value in all_measures(counts).items()}


def evaluate_objective(
    counts: Counts, objective: Objective, *, level: float = 0.95, seed: int = 0
) -> Judged:
    """`evaluate` without the measures that the objective does not name."""
    resamples = resamples_for(level)
    performance = estimate(objective.performance, counts, seed, resamples)
    bias = estimate(objective.bias, counts, seed, resamples)
    return {
        "performance": _number(performance.point),
        "performance_se": _number(performance_se(objective.performance, counts, seed)),
        "performance_interval": _numbers(performance.interval(level)),
        "performance_lower": _number(performance.lower()),
        "trivial_performance": _number(trivial_performance(objective.performance, counts)),
        "bias": _number(bias.point),
        "bias_interval": _numbers(bias.interval(level)),
        "bias_upper": _number(bias.upper()),
        "prediction_shares": _numbers(prediction_shares(counts)),
        "feasible": bias.point < objective.safe_bias or bias.upper() < objective.tolerance,
        "beats_trivial": beats_trivial(objective.performance, counts, performance),
        "trivial": is_trivial(counts),
    }


def point_values(counts: Counts, objective: Objective) -> tuple[float | None, float | None]:
    """Performance and bias alone of decided counts by group, as `evaluate` has them."""
    performance = objective.performance_measure.compute(counts.table)
    bias = objective.bias_measure.bias(objective.counted(counts))
    return _number(float(performance)), _number(float(bias))


def _number(value: float) -> float | None:
    return None if math.isnan(value) else float(value)


def _numbers(values: Iterable[float]) -> list[float | None]:
    return [_number(value) for value in values]

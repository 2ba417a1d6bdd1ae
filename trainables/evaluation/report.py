"""What a report says about counts: the keys are written here and nowhere else."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from trainables.evaluation.counts import Counts
from trainables.evaluation.intervals import (
    estimate,
    performance_se,
    resamples_for,
    surpasses_trivial,
)
from trainables.evaluation.measures import all_measures
from trainables.evaluation.trivial import is_trivial, prediction_shares, trivial_performance

if TYPE_CHECKING:
    from trainables.evaluation.objective import Objective


def evaluate(
    counts: Counts, objective: Objective, *, level: float = 0.95, seed: int = 0
) -> dict[str, Any]:
    """Everything a report says about decided counts by group; JSON types, None = not estimable.

    `level` is that of the two-sided intervals; `bias_upper` and `performance_lower` are one-sided
    95 % bounds whatever the level. Feasible: the bias lies below tolerance - margin, or its upper
    bound below the tolerance.
    """
    measures, resamples = all_measures(counts), resamples_for(level)
    performance = estimate(objective.performance, counts, seed, resamples)
    bias = estimate(objective.bias, counts, seed, resamples)
    facts: dict[str, Any] = {
        "performance": performance.point,
        "performance_se": performance_se(objective.performance, counts, seed),
        "performance_interval": list(performance.interval(level)),
        "performance_lower": performance.lower(),
        "trivial_performance": trivial_performance(objective.performance, counts),
        "bias": bias.point,
        "bias_interval": list(bias.interval(level)),
        "bias_upper": bias.upper(),
        "prediction_shares": prediction_shares(counts),
        "measures": measures,
    }
    return {
        **{key: _plain(value) for key, value in facts.items()},
        "feasible": bias.point < objective.safe_bias or bias.upper() < objective.tolerance,
        "beats_trivial": surpasses_trivial(objective.performance, counts, performance),
        "trivial": is_trivial(counts),
    }


def _plain(value: Any) -> Any:
    """`value` with None for every NaN in it."""
    if isinstance(value, dict):
        return {key: _plain(entry) for key, entry in value.items()}
    if isinstance(value, list):
        return [_plain(entry) for entry in value]
    return None if math.isnan(value) else float(value)

"""How long a search would take here, from a few batches of its training and of each method."""

from __future__ import annotations

import copy
import time
from collections.abc import Iterator
from dataclasses import dataclass
from statistics import fmean

from torch import nn

from search.problem.problem import Problem
from trainables.dense import DENSE
from trainables.stage import limited_threads
from trainables.trial.spec import Spec
from trainables.trial.timing import Timing

PATIENCE = 5.0  # seconds, after which no further method is timed


@dataclass(frozen=True)
class Estimate:
    """Seconds of the clock, without the start of Ray."""

    dense: float  # at most: training may stop early
    trials: dict[str, float]  # of each method at the settings it begins with, or of listed trials
    untimed: tuple[str, ...]  # stand in `trials` with the mean of the others


def estimate(problem: Problem, net: nn.Module) -> Estimate | None:
    """Runs a few batches on the CPU, with as many threads as a trial has.

    None where a loss was not finite in these.
    """
    config = problem.config
    timing = Timing(problem.prepared, copy.deepcopy(net).eval(), problem.objective)
    trials: dict[str, float] = {}
    untimed = []
    with limited_threads(config.resources.cpu):
        try:
            dense = timing.of_training(DENSE[config.dense.name](**config.dense.settings))
            begin = time.monotonic()
            for name, spec in _named(problem):
                if trials and time.monotonic() - begin > PATIENCE:
                    untimed.append(name)
                else:
                    trials[name] = timing.of_trial(spec)
        except FloatingPointError:
            return None
    mean = fmean(trials.values())
    return Estimate(dense, trials | dict.fromkeys(untimed, mean), tuple(untimed))


def _named(problem: Problem) -> Iterator[tuple[str, Spec]]:
    if problem.config.trials:
        names = (trial.name for trial in problem.config.trials)
        yield from zip(names, problem.listed(), strict=True)
    else:
        yield from ((spec.method, spec) for spec in problem.published())

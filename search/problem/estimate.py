"""How long a search would take here, from a few batches of its training and of each method."""

from __future__ import annotations

import copy
from dataclasses import dataclass

from torch import nn

from search.problem.problem import Problem
from trainables.dense import DENSE
from trainables.stage import limited_threads
from trainables.trial.timing import Timing


@dataclass(frozen=True)
class Estimate:
    """Seconds of the clock, without the start of Ray; None: a few batches failed."""

    dense: float | None  # at most: training may stop early
    trials: dict[str, float | None]  # of each method at the settings it begins with, or listed


def estimate(problem: Problem, net: nn.Module) -> Estimate:
    """Runs a few batches on the CPU, with as many threads as a trial has."""
    config = problem.config
    net = copy.deepcopy(net).eval()
    timing = Timing(problem.prepared, net, problem.objective)
    with limited_threads(config.resources.cpu):
        dense: float | None = 0.0
        settings = DENSE[config.dense.name](**config.dense.settings)
        try:
            dense = timing.of_training(settings)
        except FloatingPointError:
            dense = None
        trials: dict[str, float | None] = {}
        by_name = {spec.method: spec for spec in problem.published()}
        if config.trials:
            by_name = dict(zip((one.name for one in config.trials), problem.listed(), strict=True))
        for name, spec in by_name.items():
            try:
                trials[name] = timing.of_trial(spec)
            except FloatingPointError:
                trials[name] = None
    return Estimate(dense, trials)

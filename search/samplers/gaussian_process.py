"""Gaussian-process proposals on one thread, so that trials keep the other cores."""

from __future__ import annotations

from typing import Any

from optuna.distributions import BaseDistribution
from optuna.samplers import GPSampler
from optuna.study import Study
from optuna.trial import FrozenTrial

from search.samplers.proposal import Proposal
from trainables.stage import limited_threads


class GaussianProcess(GPSampler):
    """Optuna's GP sampler; its time grows with the cube of the trials it is shown."""

    def __init__(self, proposal: Proposal, startup: int) -> None:
        super().__init__(
            seed=proposal.draw, n_startup_trials=startup, warn_independent_sampling=False
        )

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        with limited_threads(1):
            return super().sample_relative(study, trial, search_space)

"""Gaussian-process proposals on one thread, so that trials keep the other cores."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from optuna.distributions import BaseDistribution
from optuna.samplers import GPSampler
from optuna.study import Study
from optuna.trial import FrozenTrial

from search.samplers.proposal import Proposal


class GaussianProcess(GPSampler):
    """Optuna's GP sampler; its time grows with the cube of the trials it is shown."""

    def __init__(self, proposal: Proposal, startup: int) -> None:
        super().__init__(
            seed=proposal.draw, n_startup_trials=startup, warn_independent_sampling=False
        )

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        with _one_thread():
            return super().sample_relative(study, trial, search_space)


@contextmanager
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)

"""Quasi-random proposals: the n-th one is the n-th point of a scrambled Sobol sequence.

Optuna's own QMC sampler counts in the study's attributes, and draws independently until a trial
has ended. Here n is the number of the proposal.
"""

from __future__ import annotations

from typing import Any

from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler
from optuna.study import Study
from optuna.trial import FrozenTrial

from search.samplers.proposal import Proposal


class QuasiRandom(BaseSampler):
    """Point `proposal.number` of the sequence that the study's seed scrambles."""

    def __init__(self, proposal: Proposal) -> None:
        self._proposal = proposal

    def infer_relative_search_space(
        self, study: Study, trial: FrozenTrial
    ) -> dict[str, BaseDistribution]:
        return {name: span.distribution() for name, span in self._proposal.ranges.items()}

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        from scipy.stats.qmc import Sobol  # takes half a second to load

        ranges = self._proposal.ranges
        if not ranges:
            return {}
        sequence = Sobol(len(ranges), scramble=True, rng=self._proposal.seed)
        if self._proposal.number:  # scipy does not go forward by 0
            sequence.fast_forward(self._proposal.number)
        point = sequence.random(1)[0]
        return {
            name: span.at(float(share))
            for (name, span), share in zip(ranges.items(), point, strict=True)
        }

    def sample_independent(
        self,
        study: Study,
        trial: FrozenTrial,
        param_name: str,
        param_distribution: BaseDistribution,
    ) -> Any:
        raise KeyError(f"qmc: {param_name} is not one of the study's ranges")

"""NSGA-II and NSGA-III without generations: parents are the best of all trials told so far.

Durillo, Nebro, Luna and Alba, "On the Effect of the Steady-State Selection Scheme in
Multi-Objective Genetic Algorithms", EMO 2009. Trials end one by one and some are stopped, so a
generation would wait for its slowest trial; and parents that follow from the told trials alone
need no state, which a study rebuilt from a journal would have to be given back.
"""

from __future__ import annotations

import warnings
from typing import Any

from optuna.distributions import BaseDistribution
from optuna.exceptions import ExperimentalWarning
from optuna.samplers import NSGAIIISampler, NSGAIISampler, RandomSampler
from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState

from search.samplers.proposal import Proposal


class SteadyNSGA2(NSGAIISampler):
    """Crosses and mutates the elite of all ended trials; draws until there are `population`."""

    def __init__(self, proposal: Proposal, population: int) -> None:
        super().__init__(population_size=population, seed=proposal.draw)
        self._least = population
        # Not the seed of the other draws: values would depend on whether parents were crossed.
        self._values = RandomSampler(seed=proposal.stream("mutation"))

    def get_trial_generation(self, study: Study, trial: FrozenTrial) -> int:
        """0 while the first parents are drawn, 1 from then on: there is no second generation."""
        return int(len(_ended(study)) >= self._least)

    def get_population(self, study: Study, generation: int) -> list[FrozenTrial]:
        return _ended(study)

    def get_parent_population(self, study: Study, generation: int) -> list[FrozenTrial]:
        return self.select_parent(study, generation) if generation else []

    def sample_independent(
        self,
        study: Study,
        trial: FrozenTrial,
        param_name: str,
        param_distribution: BaseDistribution,
    ) -> Any:
        return self._values.sample_independent(study, trial, param_name, param_distribution)


class SteadyNSGA3(SteadyNSGA2):
    """The same with an elite that is spread over reference directions."""

    def __init__(self, proposal: Proposal, population: int) -> None:
        super().__init__(proposal, population)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ExperimentalWarning)  # as Optuna calls NSGA-III
            self._niches = _Niches(population_size=population, seed=proposal.stream("niches"))

    def select_parent(self, study: Study, generation: int) -> list[FrozenTrial]:
        return self._niches.select_parent(study, generation)


class _Niches(NSGAIIISampler):
    """Selects parents as NSGA-III does; what it would propose is not asked for."""

    def get_population(self, study: Study, generation: int) -> list[FrozenTrial]:
        return _ended(study)

    def get_parent_population(self, study: Study, generation: int) -> list[FrozenTrial]:
        return []


def _ended(study: Study) -> list[FrozenTrial]:
    return study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))

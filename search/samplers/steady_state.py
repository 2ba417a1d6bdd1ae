"""NSGA-II and NSGA-III without generations: parents are the best of all trials that have ended.

Durillo, Nebro, Luna and Alba, "On the Effect of the Steady-State Selection Scheme in
Multi-Objective Genetic Algorithms", EMO 2009. Trials end one by one and some are stopped, so a
generation would wait for its slowest trial. And parents that follow from the ended trials alone
are found again when a study is rebuilt from a journal.
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
    """Crosses and mutates the best of all ended trials.

    It draws at random until `population` trials have ended.
    """

    def __init__(self, proposal: Proposal, population: int) -> None:
        super().__init__(population_size=population, seed=proposal.draw)
        self._least = population
        # It needs a stream of its own: otherwise values would depend on whether parents were
        # crossed.
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
    """The same, but the best are spread over reference directions."""

    def __init__(self, proposal: Proposal, population: int) -> None:
        super().__init__(proposal, population)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ExperimentalWarning)  # as Optuna calls NSGA-III
            self._niches = _Niches(population_size=population, seed=proposal.stream("niches"))

    def select_parent(self, study: Study, generation: int) -> list[FrozenTrial]:
        return self._niches.select_parent(study, generation)


class _Niches(NSGAIIISampler):
    """Selects parents as NSGA-III does; it is never asked to propose anything."""

    def get_population(self, study: Study, generation: int) -> list[FrozenTrial]:
        return _ended(study)

    def get_parent_population(self, study: Study, generation: int) -> list[FrozenTrial]:
        return []


def _ended(study: Study) -> list[FrozenTrial]:
    return study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))

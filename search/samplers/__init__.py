"""Samplers by name: who proposes the settings of a method's next trial."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from trainables.registry import Registry

if TYPE_CHECKING:
    from optuna.samplers import BaseSampler

    from search.samplers.proposal import Proposal

SAMPLERS: Registry[Callable[[Proposal], BaseSampler]] = Registry(
    {
        "random": "search.samplers.sampling:random",
        "qmc": "search.samplers.sampling:qmc",
        "tpe": "search.samplers.sampling:tpe",
        "nsga2": "search.samplers.sampling:nsga2",
        "nsga3": "search.samplers.sampling:nsga3",
        "gp": "search.samplers.sampling:gp",
    }
)
"""Sampler name -> what makes the Optuna sampler of one proposal."""

"""What a search is about, opened and checked before anything starts or is written."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import nn

from search.config.config import Config
from search.config.fixed import fixed_part
from search.errors import UserError
from search.journal.candidates import group_at_prediction
from search.journal.digest import json_digest
from search.journal.events import ExperimentFacts
from search.problem.check_correction import Slots, check_correction, check_listed, correction_for
from search.problem.dense_net import (
    TrainedNets,
    Trainer,
    dense_nets,
    early_net,
    is_cached,
    weights_hash,
)
from search.problem.dense_recipe import DenseRecipe
from search.problem.opening import open_prepared
from search.problem.power import naming_facts, power_facts, power_of_test, power_words
from search.problem.prune_by import check_prune_by, pruning_facts, pruning_groups
from search.problem.prune_by import notes_on as notes_on_pruning
from search.problem.references import notes_on_references
from search.problem.shared_pruners import notes_on, pooled, pools_of
from search.problem.start_network import GIVEN, Build, start_network
from search.schedulers.policy import Stopping
from spaces.compose import compose
from spaces.space import Choice, Space
from trainables.corrections import CORRECTIONS
from trainables.data import FairData, Prepared
from trainables.data.encoding import encoding_of
from trainables.data.pruning_groups import PruningGroups
from trainables.evaluation.counts import Counts
from trainables.evaluation.objective import Objective
from trainables.evaluation.power import Power
from trainables.lazily import pd
from trainables.learning.fingerprint import network_fingerprint
from trainables.methods import METHODS, correction_of
from trainables.trial.spec import Spec, StageSpec
from trainables.trial.workbench import Workbench


@dataclass(frozen=True, eq=False)
class Problem:
    """A config with its data opened and split, its objective and the spaces of its methods."""

    config: Config
    prepared: Prepared
    objective: Objective
    spaces: dict[str, Space]
    correction: dict[str, Any]  # {"name": ..., settings}
    model: nn.Module | Build | None = None  # given from Python instead of [model]
    pruning: PruningGroups | None = None  # of [prune_by]; clusters need the dense net first
    network_notes: tuple[str, ...] = ()  # what the user should know of the network

    def untrained(self) -> nn.Module:
        """The network as training starts from it: built, initialised by the seed, weights loaded.

        Raises UserError where the builder or the weights file do not fit.
        """
        return self.start()[0]

    def start(self) -> tuple[nn.Module, list[str]]:
        """`untrained`, and what the user should know of that network."""
        return start_network(self.config, self.prepared, self.model)

    def initial(self) -> nn.Module | None:
        """The network before any training; None where it was given as trained."""
        return None if self.config.dense.name == GIVEN else self.untrained()

    def dense(self, start: nn.Module, train: Trainer | None = None) -> nn.Module:
        """The dense net: trained from `start` (see `untrained`) by `train`, or from the cache."""
        return self.trained(start, train).dense

    def trained(self, start: nn.Module, train: Trainer | None = None) -> TrainedNets:
        """The dense net as `dense` has it, and what is known of its training.

        Raises Halted where a limit left no time for a single epoch.
        """
        nets: TrainedNets = self._trained(dense_nets, start, train)
        return nets

    def dense_is_cached(self, start: nn.Module) -> bool:
        """Whether the dense net was trained before, by this or another search."""
        return is_cached(self._recipe(start), self.prepared)

    def early(
        self, start: nn.Module, train: Trainer | None = None, nets: TrainedNets | None = None
    ) -> nn.Module | None:
        """The dense net as it was early in its training; None where no method asks for it.

        `nets` are those of its training, where they are at hand.
        """
        if not any("early" in stage.settings.needs for _, stage in self._possible_stages()):
            return None
        if nets is not None and nets.early is not None:
            return nets.early
        early: nn.Module | None = self._trained(early_net, start, train)
        return early

    def _possible_stages(self) -> Iterator[tuple[str, StageSpec]]:
        """Method and stage, for all stages that may ask for something different of the search.

        Each method's are those at its published settings, and with each option of what is chosen
        among a few; where trials are listed, theirs.
        """
        for trial in self.config.trials:
            for stage in self._spec(trial.method, trial.settings).stages:
                yield trial.method, stage
        for method, space in self.spaces.items() if not self.config.trials else ():
            choices = [
                {name: option}
                for name, its_range in space.ranges.items()
                if isinstance(its_range, Choice)
                for option in its_range.options
            ]
            for choice in ({}, *choices):
                settings = space.nest({**space.published, **choice})
                for stage in self._spec(method, settings).stages:
                    yield method, stage

    def _spec(self, method: str, settings: Slots, own: Mapping[str, Any] | None = None) -> Spec:
        """A trial of the method, to look at; ValueError or TypeError where it cannot be."""
        return Spec.from_config(
            {
                "trial": "check",
                "method": method,
                "seed": self.config.seed,
                "settings": settings,
                "correction": correction_of(method, self.correction, own),
            }
        )

    def published(self) -> Iterator[Spec]:
        """A trial of each method at its published settings."""
        for method, space in self.spaces.items():
            yield self._spec(method, space.published_nested())

    def listed(self) -> Iterator[Spec]:
        """The trials that the config lists."""
        for trial in self.config.trials:
            yield self._spec(trial.method, trial.settings, trial.correction)

    def check(self) -> None:
        """Raises UserError where a method would fail in every trial, at its published settings."""
        for method, space in self.spaces.items():
            try:
                spec = self._spec(method, space.published_nested())
            except (ValueError, TypeError) as error:
                raise UserError(f"[space.{method}] {error}") from error
            check_correction(method, spec, self.prepared)
        check_listed(self.config.trials, self.correction, self.objective)
        check_prune_by(self.config, self.prepared, self.untrained)
        for method, stage in self._possible_stages():
            if self.config.dense.name == GIVEN and stage.settings.needs:
                raise UserError(
                    f"[search] methods: {method}: {stage.name} needs the network's "
                    f"{' and '.join(sorted(stage.settings.needs))} weights, and a given network "
                    f'has none ([dense] name = "{GIVEN}")'
                )

    def _trained(self, get: Callable[..., Any], start: nn.Module, train: Trainer | None) -> Any:
        try:
            return get(self._recipe(start), start, self.prepared, self.objective, train)
        except FloatingPointError as error:
            raise UserError(f"[dense] {error}") from error

    def _recipe(self, start: nn.Module) -> DenseRecipe:
        config = self.config
        return DenseRecipe(
            name=config.dense.name,
            settings=config.dense.settings,
            network=network_fingerprint(start, self.prepared.input_shape),
            start_hash=weights_hash(start),
            seed=config.seed,
            precision=config.model.precision,
            fused=config.model.fused,
            threads=config.resources.cpu,
            on_device=config.resources.gpu > 0,
        )

    def notes(self) -> list[str]:
        """What the user should know first: cells, balance, and what can be certified."""
        return [
            *self.prepared.notes,
            *notes_on(self.spaces, self.config.pool_size),
            *self.pruning_notes(),
            *self._notes_on_precision(),
            *notes_on_references(self.config, self.prepared, self.objective.bias),
            f"test, at worst, before any dense net: {power_words(self)}",
        ]

    def power(self, dense: Counts | None = None) -> Power:
        """What test can certify of a fair network the next time that it is opened: at worst, or
        of one that is as often right as the dense net with these decisions on tune, by group."""
        return power_of_test(self.prepared, self.config.objective, dense)

    def _notes_on_precision(self) -> list[str]:
        level = torch.backends.cpu.get_cpu_capability()
        on_cpu = self.config.resources.gpu == 0 and self.config.model.precision == "bf16"
        if not on_cpu or level != "AVX2":
            return []
        return [
            f"model.precision: this machine's processor ({level}) does not know bfloat16; "
            f"networks learn many times slower than with 'float32'"
        ]

    def pruning_notes(self) -> list[str]:
        """What the user should know of the groups that pruners read, as far as they are known."""
        notes = notes_on_pruning(self.config, self.prepared, self.pruning)
        if self.config.prune_by is not None and not any(
            stage.settings.prunes_by_groups for _, stage in self._possible_stages()
        ):
            notes.append("[prune_by] has no say: no method of the search prunes by groups")
        return notes

    def with_pruning_groups(self, bench: Workbench) -> Problem:
        """With the groups of [prune_by], made from the bench's data and its dense net."""
        return replace(self, pruning=pruning_groups(self.config, bench))

    def with_reference(self, trivial: float) -> Problem:
        """With the reference point of hypervolumes written into the config.

        Unless the config gives one, it is the trivial performance, the tolerance, no sparsity.
        """
        section = self.config.objective
        reference = section.reference or (trivial, section.tolerance, 0.0)
        objective = section.model_copy(update={"reference": reference})
        return replace(self, config=self.config.model_copy(update={"objective": objective}))

    def stopping(self) -> Stopping:
        """What a scheduler's policy has to know; `with_reference` must have come first."""
        section, search = self.config.objective, self.config.search
        return Stopping(
            limit=self.objective.safe_bias,
            tolerance=section.tolerance,
            sparsity=section.sparsity,
            error_rate=search.error_rate,
            seed=self.config.seed,
            reference=section.reference or (0.0, section.tolerance, 0.0),
            not_to_be_chosen=frozenset(m for m in self.spaces if not self._may_choose(m)),
        )

    @property
    def group_allowed(self) -> bool:
        """Whether a network that needs the group at prediction time may be chosen."""
        return group_at_prediction(
            {
                "correction": self.correction,
                "group_at_prediction": self.config.objective.group_at_prediction,
            }
        )

    def _may_choose(self, method: str) -> bool:
        correction = correction_of(method, self.correction)
        return self.group_allowed or not CORRECTIONS[correction["name"]].needs_group

    def facts(self) -> ExperimentFacts:
        """What the journal says of the data, so that counts can be judged without them."""
        prepared, reference = self.prepared, self.config.objective.reference
        if reference is None:
            raise ValueError("problem: the hypervolume's reference must have been resolved")
        facts: ExperimentFacts = {
            "name": self.config.name,
            "seed": self.config.seed,
            "data": prepared.name,
            "classes": list(prepared.classes),
            "group": self.config.data.group,
            "group_names": list(prepared.group_names),
            "attributes": {k: list(v) for k, v in prepared.attribute_values.items()},
            "crossing_to_group": np.asarray(prepared.crossing_to_group).tolist(),
            "crossing_priors": prepared.crossing_priors.tolist(),
            "objective": {
                "performance": self.objective.performance,
                "bias": self.objective.bias,
                "tolerance": self.objective.tolerance,
                "margin": self.objective.margin,
            },
            "sparsity": self.config.objective.sparsity,
            "tolerances": list(self.config.objective.tolerance_range),
            "reference": list(reference),
            "correction": self.correction,
            "group_at_prediction": self.config.objective.group_at_prediction,
            "notes": [
                *prepared.notes,
                *self.pruning_notes(),
                *self.network_notes,
                *notes_on_references(self.config, prepared, self.objective.bias),
            ],
            "power": power_facts(self.power()),
            "hashes": dict(prepared.hashes),
            "rows": {name: len(part.labels) for name, part in prepared.parts.items()},
            "pools": pools_of(self.spaces),
            "encoding": json_digest(encoding_of(prepared)),
            "config": fixed_part(self.config),
        }
        if self.config.objective.naming == "chance":
            facts["naming"] = naming_facts(self.config.objective, facts["rows"])
        if self.config.correction.beside is not None:
            facts["beside"] = self.config.correction.beside
        if self.pruning is not None:
            facts["prune_by"] = pruning_facts(self.config, prepared, self.pruning)
        return facts


def open_problem(
    config: Config,
    data: FairData | pd.DataFrame | None = None,
    model: nn.Module | Build | None = None,
) -> Problem:
    """Opens the data and checks that everything fits together.

    Raises UserError with one readable message; nothing is written and nothing is started.
    """
    if config.dense.name == GIVEN and config.model.weights is None and model is None:
        raise UserError(
            '[dense] name "given" needs the trained network: model.weights must name its file, '
            "or a network must be handed over from Python"
        )
    config, objective, prepared = open_prepared(config, data)
    problem = Problem(
        config, prepared, objective, method_spaces(config), correction_for(config, prepared), model
    )
    problem.check()
    return problem


def method_spaces(config: Config) -> dict[str, Space]:
    """The space of each method of the config, narrowed by [space]: its stages first, then it.

    With shared pruners, an index stands for the pruner's settings.
    """
    spaces = {}
    for name in config.search.methods:
        space = compose(METHODS[name].stages)
        for slot, stage in METHODS[name].slots.items():
            for table in (stage.role, slot):
                space = space.narrow({slot: config.space.get(table, {}).get(stage.name, {})})
        spaces[name] = space.narrow(config.space.get(name, {}))
    return pooled(spaces, config.pool_size, config.seed)

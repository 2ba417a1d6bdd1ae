"""What the networks of one search are worth on test, judged as a column judges them."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from torch import nn

from analysis.front_json import PointValues
from search.errors import UserError
from search.front.build import decisions_of_references, values_of
from search.front.view import View, view_of
from search.problem.problem import Problem
from search.reproduce.choose import ChosenNetwork
from search.reproduce.results_json import SeedEntry, ValuesOnTest
from search.runs.folder import RunFolder
from trainables.corrections import decision_from_dict
from trainables.corrections.decision import Decision
from trainables.evaluation.counts import Counts
from trainables.evaluation.rates import accuracy_losses, group_accuracies
from trainables.evaluation.task_sums import TaskSum
from trainables.trial.workbench import Workbench, usual_decision

DENSE = "dense net"


@dataclass(frozen=True)
class Judged:
    """How a column judges: by its own grouping and objective, on classes of its own."""

    problem: Problem  # of the column
    task: str | None = None  # a sum over the classes, see trainables.evaluation.task_sums

    def view(self, folder: RunFolder, of_run: Problem) -> View:
        """The view on a run's counts.

        Raises UserError where the run's data have other attributes than the column's, so that its
        counts cannot be summed to the column's groups.
        """
        view, own = view_of(folder.facts()), self.problem.prepared
        if of_run.prepared.crossing_names != own.crossing_names:
            raise UserError(
                f"reproduce: networks_of must name a column with the same attributes, got "
                f"{folder.path.name}, which has others than {self.problem.config.data.group}"
            )
        return replace(
            view,
            objective=self.problem.objective,
            crossing_to_group=np.asarray(own.crossing_to_group),
            group=self.problem.config.data.group,
            group_names=tuple(own.group_names),
        )


class OnTest:
    """One search's dense net and networks on test."""

    def __init__(self, seed: int, folder: RunFolder, problem: Problem, judged: Judged) -> None:
        """`problem` is that of the search; raises UserError as `Judged.view` does, and where the
        data have no such task."""
        self._seed, self._folder = seed, folder
        self._view = judged.view(folder, problem)
        dense = folder.dense(problem.untrained())
        self._bench = Workbench.open(problem.prepared, dense, problem.objective, device="cpu")
        self._task = None if judged.task is None else _task(self._bench, judged.task)
        lines = folder.front()["references"]
        self._needs_group = {line["label"]: line["needs_group"] for line in lines}

    @cached_property
    def references(self) -> dict[str, tuple[PointValues, dict[str, list[float | None]]]]:
        """Label -> values of the reference line; of a task summed from others only the net's."""
        decisions = (
            decisions_of_references(self._folder.dense_event(), self._folder.facts(), self._view)
            if self._task is None
            else {DENSE: usual_decision(self._task)}
        )
        return {
            label: self._values(self._bench.dense, decision, sparsity=0.0)
            for label, decision in decisions.items()
        }

    def reference(self, label: str) -> SeedEntry:
        """What stands for a reference line."""
        values = self.references[label]
        return {
            "seed": self._seed,
            "learns_from": "nothing",
            "settings": {},
            "needs_group": self._needs_group[label],
            "test": _on_test(*values),
            "kept": self._kept(values[0]),
        }

    def network(self, chosen: ChosenNetwork) -> SeedEntry:
        """What stands for a row."""
        values = None
        if chosen.candidate is not None and chosen.sparsity is not None:
            store = self._folder.candidates
            masked = store.load(chosen.candidate, deepcopy(self._bench.dense))
            decision = decision_from_dict(store.facts(chosen.candidate)["decision"])
            if self._task is not None:
                decision = usual_decision(self._task)
            values = self._values(masked.net, decision, sparsity=chosen.sparsity)
        entry: SeedEntry = {
            "seed": self._seed,
            "settings": chosen.settings,
            "learns_from": chosen.learns_from,
            "needs_group": chosen.needs_group,
            "candidate": chosen.candidate,
            "epoch": chosen.epoch,
            "sparsity": chosen.sparsity,
            "tune": chosen.tune,
            "seconds": chosen.seconds,
            "failure": chosen.failure,
            "test": None if values is None else _on_test(*values),
            "kept": values is not None and self._kept(values[0]),
        }
        if chosen.round is not None:
            entry["round"] = chosen.round
        if chosen.diagnostics is not None:
            entry["diagnostics"] = chosen.diagnostics
        return entry

    def _values(
        self, net: nn.Module, decision: Decision, *, sparsity: float
    ) -> tuple[PointValues, dict[str, list[float | None]]]:
        counts = self._bench.count(net, "test", self._task)
        decided = decision.decide_by_group(counts, self._view.crossing_to_group)
        return values_of(counts, decision, self._view, sparsity=sparsity), by_group(decided)

    def _kept(self, test: PointValues) -> bool:
        return test["bias"] is not None and test["bias"] < self._view.objective.tolerance


def by_group(decided: Counts) -> dict[str, list[float | None]]:
    """Measure -> its value in each group: accuracy, and what the dense net has more of it."""
    values = {"accuracy": group_accuracies(decided.table)}
    if decided.beside_dense is not None:
        values["accuracy_drop"] = accuracy_losses(decided.beside_dense)
    return {
        name: [None if np.isnan(value) else float(value) for value in of_groups[:, 0]]
        for name, of_groups in values.items()
    }


def _on_test(test: PointValues, groups: dict[str, list[float | None]]) -> ValuesOnTest:
    return {
        "performance": test["performance"],
        "bias": test["bias"],
        "sparsity": test["sparsity"],
        "measures": test["measures"],
        "prediction_shares": test["prediction_shares"],
        "at_chance": not test["beats_trivial"],
        "by_group": groups,
    }


def _task(bench: Workbench, name: str) -> TaskSum:
    if name not in bench.tasks:
        raise UserError(
            f"reproduce: task must be one of {sorted(bench.tasks)}, sums over joint classes, "
            f"got {name!r}"
        )
    return bench.tasks[name]

"""What the networks of one search are worth on test, judged as a column judges them."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
import torch
from torch import nn

from analysis.front_json import PointValues
from search.engine.unchanged import unchanged_dense
from search.errors import UserError
from search.front.judging import values_of
from search.front.references import decisions_of_dense
from search.front.view import View, view_of
from search.problem.dense_net import decision_of
from search.problem.problem import Problem
from search.reproduce.certified import oracle
from search.reproduce.choose import ChosenNetwork
from search.reproduce.group_summaries import OfNetwork, summaries
from search.reproduce.results_json import BesideOnTest, SeedEntry, ValuesOnTest
from search.runs.folder import RunFolder
from trainables.corrections import decision_from_dict
from trainables.corrections.decision import Decision
from trainables.corrections.threshold import CommonThreshold
from trainables.data.batches import scores_of
from trainables.evaluation.average_precision import (
    ClassScores,
    average_precisions,
    count_class_scores,
)
from trainables.evaluation.by_group import as_json, values_by_group, values_of_everybody
from trainables.evaluation.counts import THRESHOLDS, Counts, ScoreCounts
from trainables.evaluation.task_sums import TaskSum
from trainables.learning.group_importance import importance_shares
from trainables.masks import Masks
from trainables.trial.workbench import Workbench, usual_decision

DENSE, OTHER_DENSE = "dense net", "dense net, another seed"
IMPORTANCE_SHARE = 0.2  # of train, as FairGRAPE prunes by
IMPORTANCE_BATCH = 128  # rows of all groups together


@dataclass(frozen=True)
class Judged:
    """How a column judges: by its own grouping and objective, on classes of its own."""

    problem: Problem  # of the column
    task: str | None = None  # a sum over the classes, see trainables.evaluation.task_sums
    importance: bool = False  # whether each network's importance by layer and group is wanted

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


@dataclass(frozen=True)
class Measured:
    """What one network is worth on test."""

    values: PointValues
    counts: Counts  # decided, by group
    # Measure -> its value in each group, and for all groups together; empty: not asked for.
    by_group: Mapping[str, list[float | None]] = field(default_factory=dict)
    everybody: Mapping[str, float | None] = field(default_factory=dict)
    beside: BesideOnTest | None = None  # by the second decision, where there is one


class OnTest:
    """One search's dense net and networks on test."""

    def __init__(
        self,
        seed: int,
        folder: RunFolder,
        problem: Problem,
        judged: Judged,
        *,
        by_group: bool,
        other: RunFolder | None = None,
    ) -> None:
        """`problem` is that of the search; with `by_group` single groups are measured too.

        `other` is the search with another seed, whose dense net is compared with this one's.
        Raises UserError as `Judged.view` does, where the data have no such task, and where the
        network is not what the search began with.
        """
        self._seed, self._folder, self._by_group = seed, folder, by_group
        self._importance = judged.importance
        self._other = None if other is None else other.dense(problem.untrained()).eval()
        self._view = judged.view(folder, problem)
        dense = unchanged_dense(folder, problem, "reproduce")
        self._bench = Workbench.open(
            problem.prepared,
            dense,
            problem.objective,
            device="cpu",
            given_decision=decision_of(problem.correction, folder.dense_event()),
        )
        self._task = None if judged.task is None else _task(self._bench, judged.task)
        self._fixed = self._task is None and problem.correction.get("choose") == "fixed"
        lines = folder.front()["references"]
        self._needs_group = {line["label"]: line["needs_group"] for line in lines}

    @cached_property
    def references(self) -> dict[str, Measured]:
        """Label -> what a reference line is worth; of a summed task only those of dense nets.

        The dense net is at its best threshold, unless the column's experiment fixes that of all.
        """
        decisions = (
            decisions_of_dense(self._folder.dense_event(), self._folder.facts(), self._view)
            if self._task is None
            else {DENSE: usual_decision(self._task)}
        )
        if self._fixed:
            decisions[DENSE] = self._bench.dense_decision
        measured = {
            label: self._measured(self._bench.dense, decision, sparsity=0.0)
            for label, decision in decisions.items()
        }
        if self._other is not None:
            measured[OTHER_DENSE] = self._measured(self._other, decisions[DENSE], sparsity=0.0)
        return measured

    @cached_property
    def oracle(self) -> float | None:
        """The performance of the best thresholds per group for the dense net's scores, chosen on
        test itself; None where none keeps the tolerance, or there is no threshold to choose."""
        counts = self._bench.count(self._bench.dense, "test", self._task)
        if not isinstance(counts, ScoreCounts):
            return None
        return oracle(counts.regroup(self._view.crossing_to_group), self._view.objective)

    def reference(self, label: str) -> tuple[SeedEntry, Counts]:
        """What stands for a reference line, and its counts."""
        measured = self.references[label]
        entry: SeedEntry = {
            "seed": self._seed,
            "learns_from": "nothing",
            "settings": {},
            "needs_group": self._needs_group.get(label, False),
            "test": self._on_test(measured),
            "kept": self._kept(measured.values),
        }
        if self._importance and label == DENSE:
            entry["importance"] = self._importance_of(self._bench.dense, None)
        return entry, measured.counts

    def network(self, chosen: ChosenNetwork) -> tuple[SeedEntry, Counts | None]:
        """What stands for a row, and its counts; None where there is no network."""
        measured: Measured | None = None
        importance: dict[str, list[float]] | None = None
        if chosen.candidate is not None and chosen.sparsity is not None:
            store = self._folder.candidates
            masked = store.load(chosen.candidate, deepcopy(self._bench.dense))
            decision = decision_from_dict(store.facts(chosen.candidate)["decision"])
            if self._task is not None:
                decision = usual_decision(self._task)
            measured = self._measured(masked.net, decision, sparsity=chosen.sparsity)
            if self._importance:
                importance = self._importance_of(masked.net, masked.masks)
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
            "test": None if measured is None else self._on_test(measured),
            "kept": measured is not None and self._kept(measured.values),
        }
        if chosen.no_ops:
            entry["no_ops"] = list(chosen.no_ops)
        if importance is not None:
            entry["importance"] = importance
        if chosen.at_end is not None:
            entry["at_end"] = chosen.at_end
        if chosen.round is not None:
            entry["round"] = chosen.round
        if chosen.diagnostics is not None:
            entry["diagnostics"] = chosen.diagnostics
        return entry, None if measured is None else measured.counts

    def _measured(self, net: nn.Module, decision: Decision, *, sparsity: float) -> Measured:
        counts, mapping = self._bench.count(net, "test", self._task), self._view.crossing_to_group
        values = values_of(counts, decision, self._view, sparsity=sparsity)
        decided = decision.decide_by_group(counts, mapping)
        beside = self._beside(net, counts) if isinstance(decision, CommonThreshold) else None
        if not self._by_group:
            return Measured(values, decided, beside=beside)
        scores = counts if isinstance(counts, ScoreCounts) else self._class_scores(net)
        of_groups = scores.regroup(mapping)
        everybody = of_groups.regroup(np.zeros(int(mapping.max()) + 1, dtype=np.int64))
        return Measured(
            values,
            decided,
            {**values_by_group(decided), "ap": as_json(average_precisions(of_groups))},
            {**values_of_everybody(decided), "ap": as_json(average_precisions(everybody))[0]},
            beside,
        )

    def _beside(self, net: nn.Module, on_test: Counts | ScoreCounts) -> BesideOnTest | None:
        """A network's second decision, fitted as its first one on the held-back rows."""
        second, view = self._view.beside, self._view
        if second is None or self._task is not None:
            return None
        held_back = self._bench.count(net, "held_back").regroup(view.crossing_to_group)
        decision = second.fit(held_back, view.objective, view.priors, self._seed)
        values = values_of(on_test, decision, view, sparsity=0.0)
        return {
            "threshold": float(THRESHOLDS[decision.index]),
            "performance": values["performance"],
            "bias": values["bias"],
            "measures": values["measures"],
        }

    def _importance_of(self, net: nn.Module, masks: Masks | None) -> dict[str, list[float]]:
        """Layer -> each group's share, on the same rows of train for every network."""
        return importance_shares(
            net,
            Masks.keep_all(net) if masks is None else masks,
            self._bench.data,
            share=IMPORTANCE_SHARE,
            generator=torch.Generator().manual_seed(0),
            batch_size=IMPORTANCE_BATCH,
        )

    def _class_scores(self, net: nn.Module) -> ClassScores:
        """Scores of more than two classes by crossing, which counts of decisions do not hold."""
        prepared = self._bench.prepared
        split, scores = prepared.parts["test"], scores_of(net, self._bench.data, "test")
        labels = split.labels
        if self._task is not None:
            scores, labels = self._task.scores(scores), self._task.labels(labels)
        return count_class_scores(scores, labels, split.crossing, len(prepared.crossing_names))

    def _on_test(self, measured: Measured) -> ValuesOnTest:
        values = measured.values
        test: ValuesOnTest = {
            "performance": values["performance"],
            "bias": values["bias"],
            "sparsity": values["sparsity"],
            "measures": values["measures"],
            "prediction_shares": values["prediction_shares"],
            "at_chance": not values["beats_trivial"],
        }
        if measured.beside is not None:
            test["beside"] = measured.beside
        if self._by_group:
            dense = self.references[DENSE]
            of_dense = None if measured is dense else dense.by_group
            test["by_group"] = dict(measured.by_group)
            test["summaries"] = summaries(
                OfNetwork(measured.by_group, measured.everybody, of_dense)
            )
        return test

    def _kept(self, test: PointValues) -> bool:
        return test["bias"] is not None and test["bias"] < self._view.objective.tolerance


def _task(bench: Workbench, name: str) -> TaskSum:
    if name not in bench.tasks:
        raise UserError(
            f"reproduce: task must be one of {sorted(bench.tasks)}, sums over joint classes, "
            f"got {name!r}"
        )
    return bench.tasks[name]

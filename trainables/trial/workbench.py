"""What all trials of a worker share: the data on its device, the networks, the objective."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from trainables.corrections.argmax import Argmax, LargestScore
from trainables.corrections.chosen_by import ChosenBy
from trainables.corrections.threshold import HALF, CommonThreshold, Threshold
from trainables.data.batches import TrialData, scores_of, scores_of_each
from trainables.data.precision import Fused, Precision
from trainables.evaluation.counting import Cells, count
from trainables.evaluation.counts import Counts, ScoreCounts
from trainables.evaluation.task_sums import TaskSum, task_sums
from trainables.learning.fingerprint import network_fingerprint
from trainables.models.net_file import digest
from trainables.trial.archive import Tolerances

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray
    from torch import nn

    from trainables.corrections.decision import Correction, Decision
    from trainables.data import Prepared
    from trainables.data.pruning_groups import PruningGroups
    from trainables.evaluation.objective import Objective


@dataclass(frozen=True)
class Workbench:
    """What the trials of a worker share. Nothing in it changes while they run."""

    prepared: Prepared
    data: TrialData
    dense: nn.Module
    objective: Objective
    sparsity: bool  # whether sparsity is an objective: which candidates are superfluous
    tolerances: Tolerances  # that candidates are kept for
    device: torch.device
    recording: bool = False  # candidates are counted on test too
    initial: nn.Module | None = None  # before the dense training; None: no stage may ask for it
    early: nn.Module | None = None  # after its first epochs; None: no stage may ask for it
    given_decision: Decision | None = None  # of the dense net; None: see `dense_decision`
    beside: ChosenBy | None = None  # how a second threshold is chosen that reports show
    given_network: str | None = None  # see `network`

    @classmethod
    def open(
        cls,
        prepared: Prepared,
        dense: nn.Module,
        objective: Objective,
        *,
        sparsity: bool = True,
        tolerances: tuple[float, float] | None = None,
        device: str | None = None,
        recording: bool = False,
        initial: nn.Module | None = None,
        early: nn.Module | None = None,
        precision: Precision = "float32",
        fused: Fused = "off",
        pruning: PruningGroups | None = None,
        given_decision: Decision | None = None,
        beside: ChosenBy | None = None,
        network: str | None = None,
    ) -> Workbench:
        """Puts data and networks on `device`: the GPU given to this process, else the CPU.

        `tolerances` are the lowest and the highest that candidates are kept for; None: around the
        objective's own.
        """
        place = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
        bench = cls(
            prepared,
            TrialData(prepared, place, precision, pruning, fused),
            dense.to(place).eval(),
            objective,
            sparsity,
            Tolerances.of(objective, tolerances),
            place,
            recording,
            None if initial is None else initial.to(place).eval(),
            None if early is None else early.to(place).eval(),
            given_decision,
            beside,
            network,
        )
        if objective.against_dense:
            bench.data.dense_predictions["held_back"] = bench.dense_predictions("held_back")
        return bench

    @cached_property
    def dense_digest(self) -> str:
        """sha256 of the dense net's weights and buffers."""
        return digest(self.dense.state_dict())

    @cached_property
    def network(self) -> str:
        """`network_fingerprint` of the dense net; as given, since it differs between machines."""
        return self.given_network or network_fingerprint(self.dense, self.data.input_shape)

    @cached_property
    def dense_decision(self) -> Decision:
        """How the dense net decides where others are compared with it: as given, or its best."""
        return self.given_decision or self.best_dense_decision

    @cached_property
    def best_dense_decision(self) -> Decision:
        """The dense net at its best threshold on the held-back rows, or by argmax."""
        split = self.prepared.parts["held_back"]
        scores = scores_of(self.dense, self.data, "held_back")
        counts = count(scores, split.labels, split.crossing, len(self.prepared.crossing_names))
        correction: Correction = Argmax()
        if self.prepared.binary:
            correction = Threshold(choose="balanced_accuracy")
        return correction.fit(self.by_group(counts), self.objective, self.prepared.priors, 0)

    @cached_property
    def _dense_predictions(self) -> dict[str, NDArray[np.int64]]:
        return {}

    def dense_predictions(self, part: str) -> NDArray[np.int64]:
        """(n,) what the dense net decides on a split; computed once."""
        known = self._dense_predictions
        if part not in known:
            known[part] = self.dense_decision.predict(scores_of(self.dense, self.data, part))
        return known[part]

    def dense_decided_on_tune(self) -> Counts:
        """What the dense net decides on tune at its best, by group."""
        counts = self.count(self.dense, "tune")
        return self.best_dense_decision.decide_by_group(counts, self.prepared.crossing_to_group)

    def count(
        self, net: nn.Module, part: str, task: TaskSum | None = None
    ) -> Counts | ScoreCounts:
        """Counts of one split at the finest crossing of the attributes.

        What the dense net decides for the same rows is kept beside each outcome. Where each image
        is there as a copy in either group, the counts of more than two classes keep the pairs.
        Scores of a binary task are counted row by row. With `task` they are counts of that task's
        classes, by sums of the scores of the data's.
        """
        scores = scores_of(net, self.data, part)
        if task is None:
            return self._counted(scores, part)
        split = self.prepared.parts[part]
        dense = usual_decision(task).predict(task.scores(scores_of(self.dense, self.data, part)))
        labels, crossings = task.labels(split.labels), len(self.prepared.crossing_names)
        return count(task.scores(scores), labels, split.crossing, crossings, split.units, dense)

    def count_each(self, net: nn.Module, parts: Sequence[str]) -> dict[str, Counts | ScoreCounts]:
        """`count` of several splits by name, for little more than their rows cost."""
        scores = scores_of_each(net, self.data, parts)
        return {part: self._counted(scores[part], part) for part in parts}

    def _counted(self, scores: NDArray[np.float64], part: str) -> Counts | ScoreCounts:
        if self.prepared.binary:
            return self._cells(part).count_scores(scores)
        split, crossings = self.prepared.parts[part], len(self.prepared.crossing_names)
        dense = self.dense_predictions(part)
        return count(scores, split.labels, split.crossing, crossings, split.units, dense)

    def _cells(self, part: str) -> Cells:
        """The cells of a split of a binary task; computed once."""
        if part not in self._cells_of_parts:
            split, crossings = self.prepared.parts[part], len(self.prepared.crossing_names)
            dense = self.dense_predictions(part)
            self._cells_of_parts[part] = Cells.of(
                len(split.labels), split.labels, split.crossing, crossings, 2, dense
            )
        return self._cells_of_parts[part]

    @cached_property
    def _cells_of_parts(self) -> dict[str, Cells]:
        return {}

    @cached_property
    def tasks(self) -> dict[str, TaskSum]:
        """The tasks that sums over the data's joint classes make, by the attribute's name."""
        return task_sums(self.prepared.classes, self.prepared.attribute_values)

    @property
    def crossing_to_group(self) -> NDArray[np.int64]:
        """(n_crossing,) the group of each cell of the finest crossing, -1 where it is left out."""
        return np.asarray(self.prepared.crossing_to_group)

    def by_group(self, counts: Any) -> Any:
        """Counts at the finest crossing, summed to the experiment's grouping."""
        return counts.regroup(self.crossing_to_group)


def usual_decision(task: TaskSum) -> Decision:
    """How a sum of probabilities is decided: by .5 of two classes, else the largest of them."""
    return CommonThreshold(HALF) if len(task.classes) == 2 else LargestScore()

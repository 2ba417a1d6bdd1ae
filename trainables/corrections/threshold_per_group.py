"""A threshold for each group."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from trainables.corrections.decision import (
    Decision,
    Groups,
    check_index,
    groups_of_cells,
    groups_of_rows,
    raw_scores,
    scores_to_decide,
)
from trainables.evaluation.counts import THRESHOLDS, Counts, ScoreCounts


@dataclass(frozen=True)
class ThresholdPerGroup(Decision):
    """Positive iff score > THRESHOLDS[indices[group]]: the group is needed to predict."""

    kind = "group_thresholds"
    needs_group = True

    indices: tuple[int, ...]
    trivial: bool = False

    def __post_init__(self) -> None:
        for index in self.indices:
            check_index(self.kind, index)

    def decide(
        self, counts: Counts | ScoreCounts, crossing_to_group: Groups | None = None
    ) -> Counts:
        scores = scores_to_decide(self.kind, counts)
        groups = groups_of_cells(self.kind, scores, crossing_to_group, len(self.indices))
        known = groups >= 0
        table = scores.at(np.where(known, np.array(self.indices)[groups], 0)).table
        return Counts(np.where(known[:, None, None], table, 0))

    def predict(self, scores: ArrayLike, groups: ArrayLike | None = None) -> NDArray[np.int64]:
        values = raw_scores(self.kind, scores)
        group = groups_of_rows(self.kind, values, groups, len(self.indices))
        return np.asarray(values > THRESHOLDS[np.array(self.indices)[group]], dtype=np.int64)

    def to_dict(self) -> dict[str, Any]:
        return {
            "kind": self.kind,
            "indices": list(self.indices),
            "thresholds": THRESHOLDS[list(self.indices)].tolist(),
            "trivial": self.trivial,
        }

    @classmethod
    def from_dict(cls, state: Mapping[str, Any]) -> Self:
        return cls(tuple(int(index) for index in state["indices"]), bool(state["trivial"]))

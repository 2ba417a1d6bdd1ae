"""One threshold for everybody."""

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
    raw_scores,
    scores_to_decide,
)
from trainables.evaluation.counts import THRESHOLDS, Counts, ScoreCounts


@dataclass(frozen=True)
class CommonThreshold(Decision):
    """Positive iff score > THRESHOLDS[index], whatever the group."""

    kind = "threshold"
    needs_group = False

    index: int
    trivial: bool = False

    def __post_init__(self) -> None:
        check_index(self.kind, self.index)

    def decide(
        self, counts: Counts | ScoreCounts, crossing_to_group: Groups | None = None
    ) -> Counts:
        return scores_to_decide(self.kind, counts).at(self.index)

    def predict(self, scores: ArrayLike, groups: ArrayLike | None = None) -> NDArray[np.int64]:
        values = raw_scores(self.kind, scores)
        return np.asarray(values > THRESHOLDS[self.index], dtype=np.int64)

    def to_dict(self) -> dict[str, Any]:
        threshold = float(THRESHOLDS[self.index])
        return {
            "kind": self.kind,
            "index": self.index,
            "threshold": threshold,
            "trivial": self.trivial,
        }

    @classmethod
    def from_dict(cls, state: Mapping[str, Any]) -> Self:
        return cls(int(state["index"]), bool(state["trivial"]))

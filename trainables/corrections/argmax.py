"""The class with the largest score, as in Wang et al., CVPR 2020: there is nothing to fit.

It is the only correction for more than two classes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from trainables.corrections.decision import Decision, Groups
from trainables.evaluation.counts import Counts, ScoreCounts
from trainables.evaluation.objective import Objective
from trainables.evaluation.report import DecisionDict
from trainables.evaluation.trivial import is_trivial


@dataclass(frozen=True)
class LargestScore(Decision):
    """The class with the largest score, the first of equals. Counts come decided so."""

    kind = "argmax"
    needs_group = False

    trivial: bool = False

    def decide(
        self, counts: Counts | ScoreCounts, crossing_to_group: Groups | None = None
    ) -> Counts:
        if not isinstance(counts, Counts):
            raise ValueError(f"{self.kind}: needs decided counts, got {type(counts).__name__}")
        return counts

    def predict(self, scores: ArrayLike, groups: ArrayLike | None = None) -> NDArray[np.int64]:
        values = np.asarray(scores, dtype=np.float64)
        if values.ndim != 2 or not np.isfinite(values).all():
            raise ValueError(
                f"{self.kind}: scores must be finite (n, classes), got shape {values.shape}"
            )
        return np.asarray(values.argmax(axis=1), dtype=np.int64)

    def to_dict(self) -> DecisionDict:
        return {"kind": self.kind, "trivial": self.trivial}

    @classmethod
    def from_dict(cls, state: DecisionDict) -> Self:
        return cls(bool(state["trivial"]))


@dataclass(frozen=True)
class Argmax:
    """Predicts the class with the largest score."""

    needs_group: ClassVar[bool] = False
    binary: ClassVar[bool] = False
    two_groups: ClassVar[bool] = False
    within_cells: ClassVar[bool] = False

    def fit(
        self,
        held_back: Counts | ScoreCounts,
        objective: Objective,
        priors: NDArray[np.float64],
        seed: int,
    ) -> Decision:
        if not isinstance(held_back, Counts):
            raise ValueError("argmax: needs decided counts of class scores; use threshold")
        return LargestScore(trivial=is_trivial(held_back))

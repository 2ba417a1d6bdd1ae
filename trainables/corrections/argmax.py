"""The class with the largest score, as in Wang et al., CVPR 2020: there is nothing to fit.

The only choice with more than two classes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from trainables.corrections.decision import Decision
from trainables.corrections.largest_score import LargestScore
from trainables.evaluation.counts import Counts, ScoreCounts
from trainables.evaluation.trivial import is_trivial
from trainables.objective import Objective


@dataclass(frozen=True)
class Argmax:
    """Predicts the class with the largest score."""

    needs_group: ClassVar[bool] = False
    binary: ClassVar[bool] = False
    two_groups: ClassVar[bool] = False

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

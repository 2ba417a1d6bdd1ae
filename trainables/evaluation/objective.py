"""What a search asks for: a performance, a bias and the tolerance the bias must keep."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from trainables.evaluation.counts import Counts, ScoreCounts, weighted
from trainables.evaluation.measures import MEASURES, Measure, find_measure
from trainables.evaluation.rates import PerTable, Tables


@dataclass(frozen=True)
class Objective:
    """What is wanted: `performance` up, `bias` down and below `tolerance` on unseen rows."""

    performance: str = "balanced_accuracy"
    bias: str = "aod"
    tolerance: float = 0.05
    margin: float = 0.02  # how far below the tolerance a bias must be seen to be called feasible

    def __post_init__(self) -> None:
        if find_measure(self.performance).kind != "performance":
            raise ValueError(f"objective: performance must be one, got bias {self.performance!r}")
        if find_measure(self.bias).kind == "performance":
            raise ValueError(f"objective: bias must compare groups, got {self.bias!r}")
        if not 0 < self.tolerance < 1:
            raise ValueError(f"objective: tolerance must lie in (0, 1), got {self.tolerance}")
        if not 0 <= self.margin < self.tolerance:
            raise ValueError(
                f"objective: margin must lie in [0, tolerance) = [0, {self.tolerance}), "
                f"got {self.margin}"
            )

    @property
    def performance_measure(self) -> Measure:
        return find_measure(self.performance)

    @property
    def bias_measure(self) -> Measure:
        return find_measure(self.bias)

    @property
    def safe_bias(self) -> float:
        """A bias strictly below this one is feasible: tolerance - margin."""
        return self.tolerance - self.margin

    @property
    def against_dense(self) -> bool:
        """Whether the bias compares with the dense net."""
        return self.bias_measure.against_dense

    def counted(self, counts: Counts | ScoreCounts) -> NDArray[np.int64]:
        """The array of `counts` that performance and bias follow from: what `judge` needs.

        It keeps the dense net's decisions where the bias compares with them. Raises ValueError
        where it does and they are not known.
        """
        if not self.against_dense:
            return counts.array
        if counts.beside_dense is None:
            raise ValueError(
                f"{self.bias}: compares with the dense net, whose decisions these counts lack: "
                f"an earlier version did not keep them"
            )
        return counts.beside_dense

    def check_classes(self, n_classes: int) -> None:
        """Refuses measures that are not defined for a task of so many classes."""
        for measure in (self.performance_measure, self.bias_measure):
            if measure.binary and n_classes != 2:
                usable = [
                    other.name
                    for other in MEASURES.values()
                    if not other.binary
                    and (other.kind == "performance") == (measure.kind == "performance")
                ]
                raise ValueError(
                    f"objective: {measure.name} needs a binary task, got {n_classes} classes; "
                    f"with those go {', '.join(usable)}"
                )

    def judge(self, tables: Tables, priors: NDArray[np.float64]) -> tuple[PerTable, PerTable]:
        """Performance and bias (...) of tables (..., groups, labels, predictions).

        Where the bias compares with the dense net, the dense net's predictions are an axis more,
        before the last.

        The tables may come from a set that is balanced over the cells. So for measures that depend
        on the label mix the cells are weighted by train's `priors` (groups, labels); the others
        are computed from the counts as they are.
        """
        measure, beside = self.bias_measure, self.against_dense
        alone = tables.sum(-2) if beside else tables
        if measure.label_mix:
            tables = weighted(tables, priors, beside_dense=beside)
        return self.judge_performance(alone, priors), measure.bias(tables)

    def judge_performance(self, tables: Tables, priors: NDArray[np.float64]) -> PerTable:
        """Performance (...) alone, of tables (..., groups, labels, predictions), as in `judge`."""
        measure = self.performance_measure
        return measure.compute(weighted(tables, priors) if measure.label_mix else tables)


def phi(performance: PerTable, bias: PerTable, limit: float) -> PerTable:
    """Performance where bias < limit, else 0, elementwise (Zhang, Gao, Huang, ECCV 2022, eq. 1).

    A bias that is not estimable is never below the limit.
    """
    return np.asarray(np.where(bias < limit, np.nan_to_num(performance), 0.0))

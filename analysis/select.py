"""The one point that is handed over, and what to show when no point qualifies."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from analysis.front import non_dominated


def choose(
    performance: ArrayLike,
    performance_se: ArrayLike,
    bias: ArrayLike,
    sparsity: ArrayLike | None,
    feasible: ArrayLike,
) -> int | None:
    """Row of the chosen candidate, or None when none is feasible; all arguments are (n,).

    Of the feasible candidates whose performance lies within one standard error of the best, the
    sparsest: the one-standard-error rule (Breiman et al., Classification and Regression Trees,
    1984, section 3.4.3) with sparsity in the part of simplicity. The error is that of the best
    candidate. `sparsity=None` (not an objective) chooses the best itself. Ties go to the higher
    performance, then to the lower bias, then to the first.
    """
    quality = np.asarray(performance, dtype=np.float64)
    allowed = np.flatnonzero(np.asarray(feasible, dtype=bool))
    if not allowed.size:
        return None
    _require_numbers(quality[allowed], "performance")
    best = allowed[np.argmax(quality[allowed])]
    error = float(np.asarray(performance_se, dtype=np.float64)[best])
    _require_numbers(np.array([error]), "performance_se of the best")
    fairness = np.asarray(bias, dtype=np.float64)
    if sparsity is None:
        close, removed = allowed, np.zeros_like(quality)
    else:
        close = allowed[quality[allowed] >= quality[best] - error]
        removed = np.asarray(sparsity, dtype=np.float64)
    order = np.lexsort((close, fairness[close], -quality[close], -removed[close]))
    return int(close[order[0]])


def closest(
    performance: ArrayLike, bias: ArrayLike, eligible: ArrayLike, count: int = 5
) -> NDArray[np.intp]:
    """Rows of at most `count` candidates nearest to the tolerance when none keeps it.

    Of the eligible candidates (those clearly better than the trivial classifier) that no other
    beats in both performance and bias, the least biased, in order of rising bias. Candidates
    whose bias is not estimable (NaN) are left out.
    """
    table = np.column_stack(
        [np.asarray(performance, dtype=np.float64), np.asarray(bias, dtype=np.float64)]
    )
    rows = np.flatnonzero(np.asarray(eligible, dtype=bool))
    front = rows[non_dominated(table[rows], (True, False))]
    return front[np.argsort(table[front, 1])][:count]


def _require_numbers(values: NDArray[np.float64], what: str) -> None:
    if np.isnan(values).any():
        raise ValueError(f"choose: {what} of a feasible candidate must be a number, got nan")

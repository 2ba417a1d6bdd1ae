"""Pareto fronts: which rows no other row dominates, which of them is handed over, and which are
shown where none is feasible."""

from bisect import bisect_left
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

FEW = 64  # survivors up to which one pass for each is faster than `_sweep_three`


def non_dominated(values: ArrayLike, maximize: Sequence[bool]) -> NDArray[np.bool_]:
    """Mask (n,) of the rows of `values` (n, d) that no other row dominates.

    A row dominates another when it is at least as good in every column and better in one;
    `maximize` says per column whether larger is better. Of rows with equal values only the first
    is kept: a copy adds nothing to a front. A row with NaN is never on a front.
    """
    larger = _as_larger_is_better(values, maximize)
    known = np.flatnonzero(~np.isnan(larger).any(axis=1))
    best_first = _distinct_best_first(larger, known)
    sweep = _sweep_two if larger.shape[1] == 2 else _sweep
    mask = np.zeros(len(larger), dtype=bool)
    mask[best_first[sweep(larger[best_first])]] = True
    return mask


def constrained_front(
    values: ArrayLike, maximize: Sequence[bool], feasible: ArrayLike
) -> NDArray[np.bool_]:
    """Mask (n,) of the non-dominated rows among the feasible ones; infeasible rows neither
    appear nor dominate."""
    allowed = np.asarray(feasible, dtype=bool)
    table = np.asarray(values, dtype=np.float64)
    if allowed.shape != table.shape[:1]:
        raise ValueError(
            f"constrained_front: feasible must have one entry per row, "
            f"got shapes {allowed.shape} and {table.shape}"
        )
    mask = np.zeros(len(table), dtype=bool)
    mask[allowed] = non_dominated(table[allowed], maximize)
    return mask


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


def _as_larger_is_better(values: ArrayLike, maximize: Sequence[bool]) -> NDArray[np.float64]:
    table = np.asarray(values, dtype=np.float64)
    if table.ndim != 2 or table.shape[1] != len(maximize) or not len(maximize):
        raise ValueError(
            f"non_dominated: values must be (n, d) with d = len(maximize) = {len(maximize)} >= 1, "
            f"got shape {table.shape}"
        )
    signs = np.where(np.asarray(maximize, dtype=bool), 1.0, -1.0)
    return table * signs


def _distinct_best_first(larger: NDArray[np.float64], rows: NDArray[np.intp]) -> NDArray[np.intp]:
    """Row numbers in descending lexicographic order, the first of equal rows only.

    In this order no row can be dominated by a later one.
    """
    table = larger[rows]
    order = np.lexsort((rows, *(-table.T[::-1])))
    ordered = table[order]
    fresh = np.ones(len(order), dtype=bool)
    fresh[1:] = (ordered[1:] != ordered[:-1]).any(axis=1)
    return rows[order[fresh]]


def _sweep_two(best_first: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Two columns: a row survives when its second value exceeds all before it; O(n)."""
    seen = np.maximum.accumulate(best_first[:, 1])
    survives = np.ones(len(best_first), dtype=bool)
    survives[1:] = best_first[1:, 1] > seen[:-1]
    return survives


def _sweep(best_first: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Any number of columns: the head of what is left survives and removes what it dominates;
    O(n x size of the front), for three columns O(n log n) where the front is large."""
    survives = np.zeros(len(best_first), dtype=bool)
    left = np.arange(len(best_first))
    heads = 0
    while left.size:
        if heads == FEW and best_first.shape[1] == 3:
            survives[left] = _sweep_three(best_first[left])
            break
        head = left[0]
        survives[head] = True
        left = left[(best_first[left] > best_first[head]).any(axis=1)]
        heads += 1
    return survives


def _sweep_three(best_first: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Three columns: a row survives when it rises above the staircase that the second and third
    values of all before it span (Kung, Luccio, Preparata, J. ACM 1975)."""
    second: list[float] = []  # of the staircase, rising; the matching third values fall
    third: list[float] = []
    survives = np.zeros(len(best_first), dtype=bool)
    for row, (_, y, z) in enumerate(best_first.tolist()):
        end = bisect_left(second, y)
        if end < len(second) and third[end] >= z:
            continue
        survives[row] = True
        stop = end + 1 if end < len(second) and second[end] == y else end
        start = end
        while start > 0 and third[start - 1] <= z:
            start -= 1
        second[start:stop] = [y]
        third[start:stop] = [z]
    return survives


def _require_numbers(values: NDArray[np.float64], what: str) -> None:
    if np.isnan(values).any():
        raise ValueError(f"choose: {what} of a feasible candidate must be a number, got nan")

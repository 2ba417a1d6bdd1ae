"""Which candidates are named for the look at test: those that will probably be certified there.

A fixed margin below the tolerance is wide where test has many rows and thin where it has few. So
each candidate is asked for the probability that it will be certified, given its decisions on tune
and the number of test's rows, and those are named that are at least as likely certified as not.

Where rows are few, only networks that hardly decide anything may be likely. So what keeps the
tolerance by the margin, as samplers and schedulers judge all along, is named too where it performs
clearly better than all that is likely: nobody is helped by a certificate for a coin. Where several
biases have to keep the tolerance, it has to keep the margin in all of them. For the same reason
what gains less than half as much over a constant prediction as the best of these is not named: it
would take its share of the error rate, and in some searches alone be certified.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from search.front.selection import Flags, Row, column, flags, front_of
from trainables.evaluation.counts import Counts
from trainables.evaluation.intervals import chance_of_claim
from trainables.evaluation.objective import Objective
from trainables.evaluation.report import evaluate_objective

LIKELY = 0.5
OF_USE = 0.5  # of the best one's gain over a constant prediction
MOST = 5000  # candidates that are asked; about a millisecond each


@dataclass(frozen=True)
class Naming:
    """What the chance of a certificate depends on, beside a candidate's own decisions."""

    level: float  # the error rate that it is tested at
    rows: float  # how many rows test has for each of tune
    biases: tuple[str, ...]  # all have to keep the tolerance
    tolerance: float

    def chance(self, counts: Counts) -> float:
        """Of a certificate, for decisions on tune by group. Of several biases the least likely
        one's, which is never less than that of all together."""
        return min(
            chance_of_claim(bias, counts, self.tolerance, self.level, self.rows)
            for bias in self.biases
        )

    def keep_margin(self, counts: Counts, objective: Objective) -> bool:
        """Whether decisions on tune by group are feasible in every bias."""
        return all(
            evaluate_objective(counts, replace(objective, bias=bias))["feasible"]
            for bias in self.biases
        )


def likely(
    rows: Sequence[Row],
    chance: Callable[[int], float],
    *,
    tolerance: float,
    sparsity: bool,
    group_allowed: bool,
) -> Flags:
    """(n,) which rows are likely to be certified, as far as it matters: on the front of those that
    are, and of those that work without the group, every row's `chance` (by its number) was asked.

    A row that is behind a likely one is taken to be likely itself: nobody will see it. At most
    `MOST` rows are asked, and then the others are not likely.
    """
    bias = column(rows, "bias")
    could = flags(rows, "beats_trivial") & (np.nan_to_num(bias, nan=np.inf) < tolerance)
    return _passing(
        rows,
        could,
        lambda place: chance(place) >= LIKELY,
        sparsity=sparsity,
        group_allowed=group_allowed,
    )


def named(
    rows: Sequence[Row],
    probable: Flags,
    trivial: float,
    *,
    sparsity: bool,
    group_allowed: bool,
    keep_margin: Callable[[int], bool] | None = None,
) -> Flags:
    """(n,) what is named: the `probable` rows, and feasible ones that are clearly better, by more
    than their standard error, than any probable one that could be chosen. Of these, those of use:
    that gain at least `OF_USE` of what the best one gains over a constant prediction, whose
    performance is `trivial`.

    Where `feasible` does not tell whether a row keeps the margin in all biases, `keep_margin` is
    asked, by the row's number.
    """
    performance = np.nan_to_num(column(rows, "performance"), nan=-np.inf)
    error = np.nan_to_num(column(rows, "performance_se"))
    allowed = group_allowed | ~flags(rows, "needs_group")
    best = performance[probable & allowed].max(initial=-np.inf)
    feasible = flags(rows, "feasible") & flags(rows, "beats_trivial")
    better = feasible & ~probable & (performance - error > best)
    if keep_margin is not None:
        better = _passing(
            rows, better, keep_margin, sparsity=sparsity, group_allowed=group_allowed
        )
    could, gain = probable | better, performance - trivial
    return np.asarray(could & (gain >= OF_USE * gain[could & allowed].max(initial=-np.inf)))


def _passing(
    rows: Sequence[Row],
    could: Flags,
    passes: Callable[[int], bool],
    *,
    sparsity: bool,
    group_allowed: bool,
) -> Flags:
    """(n,) which of the rows that `could` pass, as far as their front shows it: a row that is
    behind one that passes is not asked. Asked are at most `MOST`; then the others do not pass."""
    could = could.copy()
    axes = ["performance", "bias"] + ["sparsity"] * sparsity
    values = np.column_stack([column(rows, axis) for axis in axes])  # type: ignore[arg-type]
    needs_group = flags(rows, "needs_group")
    asked = np.zeros(len(rows), dtype=bool)
    while True:
        ahead = np.zeros(len(rows), dtype=bool)
        for among in (could, could & ~needs_group):
            places = np.flatnonzero(among)
            if len(places):
                on_front = front_of(
                    values[places], needs_group[places], group_allowed=group_allowed
                )
                ahead[places[on_front]] = True
        new = np.flatnonzero(ahead & ~asked)
        if not len(new):
            return could
        if asked.sum() + len(new) > MOST:
            return could & asked
        asked[new] = True
        could[[place for place in new if not passes(int(place))]] = False

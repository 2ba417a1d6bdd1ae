"""What the sealed test rows can show, said before a search: from their number alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from analysis.notation import number, rounded_up
from search.journal.events import NamingFacts, PowerFacts
from search.journal.opening_ledger import opening_that_follows
from trainables.evaluation.claims import level_of_opening
from trainables.evaluation.counts import Counts
from trainables.evaluation.power import (
    ENOUGH,
    Power,
    fair_counts,
    fair_like,
    half_right_shares,
    power_of,
)

if TYPE_CHECKING:
    from search.config.objective import ObjectiveConfig
    from search.problem.problem import Problem
    from trainables.data import Prepared

TOLERANCES = (0.5, 1.0, 1.5, 2.0, 3.0)  # of the experiment's own
ROWS = (1, 2, 4, 8, 16)  # of those that test has
NAMED = 10  # networks that a front is taken to name, as long as there is none


def cells_of_test(prepared: Prepared) -> NDArray[np.int64]:
    """(groups, labels) how many rows test has; nothing else of it is looked at."""
    test, labels = prepared.parts["test"], len(prepared.classes)
    cells = np.bincount(test.groups * labels + test.labels, minlength=prepared.n_groups * labels)
    return cells.reshape(prepared.n_groups, labels)


def power_on_test(
    cells: NDArray[np.int64],
    bias: str,
    error_rate: float,
    dense: Counts | None = None,
    *,
    opening: int = 1,
    named: int = NAMED,
) -> Power:
    """The power of a claim about one of `named` networks, in the `opening`-th look at test.

    `cells` (groups, labels) are test's rows. The network is fair, and right as often as the dense
    net with the counts `dense` (of any split); without them, half the time, the worst case.
    """
    level = level_of_opening(error_rate, opening) / named
    if dense is None:
        return power_of(bias, fair_counts(cells, half_right_shares(cells.shape[1])), level)
    return power_of(bias, fair_like(dense, cells), level)


def power_of_test(
    prepared: Prepared, objective: ObjectiveConfig, dense: Counts | None = None
) -> Power:
    """`power_on_test` of the test split of `prepared`, the next time that it is opened."""
    return power_on_test(
        cells_of_test(prepared),
        objective.bias,
        objective.error_rate_claims,
        dense,
        opening=opening_that_follows(prepared.hashes["test"]),
    )


def naming_facts(objective: ObjectiveConfig, rows: Mapping[str, int]) -> NamingFacts:
    """What a journal keeps for naming by the chance of a certificate; `rows` of each split."""
    return {
        "level": level_of_opening(objective.error_rate_claims, 1),
        "rows": rows["test"] / rows["tune"],
        "biases": [objective.bias, *objective.also],
    }


def power_table(problem: Problem) -> dict[float, dict[int, float]]:
    """By tolerance and number of test's rows, the probability that a perfectly fair network is
    certified, at worst."""
    found = problem.power()
    by_rows = {times * found.rows: found.with_rows(times * found.rows) for times in ROWS}
    tolerances = [share * problem.config.objective.tolerance for share in TOLERANCES]
    return {
        tolerance: {rows: power.at(tolerance) for rows, power in by_rows.items()}
        for tolerance in tolerances
    }


def power_facts(power: Power) -> PowerFacts:
    """What a journal keeps of it."""
    known = bool(np.isfinite(power.certifiable_above))
    return {
        "rows": power.rows,
        "level": power.level,
        "certifiable_above": power.certifiable_above if known else None,
        "tolerance_for_power": power.tolerance_for() if known else None,
    }


def power_words(problem: Problem, dense: Counts | None = None) -> str:
    """What the tolerance comes to on the rows of test, in one sentence; `dense` as in `power`."""
    bias, tolerance = problem.objective.bias, problem.objective.tolerance
    opening = opening_that_follows(problem.prepared.hashes["test"])
    power = problem.power(dense)
    if not np.isfinite(power.certifiable_above):
        return f"{bias} is not estimable on these {power.rows:,} rows"
    looks = "" if opening == 1 else f" (in opening {opening} of these rows, at a smaller level)"
    chance = power.at(tolerance)
    if chance >= ENOUGH:
        return (
            f"a perfectly fair network would be certified to keep {bias} below {tolerance:g} "
            f"with a probability of {chance:.0%}{looks}"
        )
    rows = power.rows_for(tolerance)
    needed = "no number of rows" if rows is None else f"some {rounded_up(rows):,} rows of test"
    needed += f", or a tolerance of {number(power.tolerance_for())}{looks}"
    if tolerance <= power.certifiable_above:
        return (
            f"{bias} below {tolerance:g} is not certifiable with these {power.rows:,} rows of "
            f"test: {number(power.certifiable_above)} at best; {ENOUGH:.0%} power would need "
            f"{needed}"
        )
    return (
        f"a perfectly fair network would be certified to keep {bias} below {tolerance:g} with a "
        f"probability of {chance:.0%} only; {ENOUGH:.0%} would need {needed}"
    )

"""What is certified of a table's networks, and what its test rows can certify at all.

A column is opened once, and every network in it, rows times seeds, is tested together (Holm): the
probability that any of them is called certified, though its true bias is not below the tolerance,
stays below the level of that opening. Seeds that are added later are an opening of their own.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from search.problem.power import NAMED, power_on_test
from search.problem.problem import Problem
from search.reproduce.results_json import (
    ClaimsOfColumn,
    Opening,
    PowerOfColumn,
    SeedEntry,
    SettingsKind,
    SmallestCell,
)
from search.results.claims import claims_of
from trainables.corrections.group_thresholds import GroupThresholds
from trainables.data import Prepared
from trainables.evaluation.claims import level_of_opening
from trainables.evaluation.counts import Counts, ScoreCounts
from trainables.evaluation.measures import find_measure
from trainables.evaluation.objective import Objective
from trainables.evaluation.power import Power


@dataclass(frozen=True)
class Shown:
    """A network of a column, as its search and its counts on test have it."""

    kind: SettingsKind  # of its search
    seed: int
    entry: SeedEntry
    counts: Counts | None  # decided, by group; None: there is no network


def certify(
    shown: Sequence[Shown],
    problem: Problem,
    openings: Sequence[tuple[int, Opening]],
    column: str,
    dense: Counts,
) -> ClaimsOfColumn:
    """Gives each network's entry its `claim`; returns how they were tested.

    `openings` are those of the column with their numbers in the ledger, oldest first; a network
    belongs to the latest that looked at its search. `dense` is the dense net, decided, on test.
    """
    error_rate = problem.config.objective.error_rate_claims
    tested: list[tuple[int, float, int]] = []
    for opening, family in _families(shown, openings, column):
        level = level_of_opening(error_rate, opening)
        claims = claims_of(
            [each.counts for each in family],
            problem.objective,
            level=level,
            weights="front",
            chosen=None,
        )
        for each, claim in zip(family, claims, strict=True):
            each.entry["claim"] = claim
        tested.append((opening, level, len(family)))
    facts: ClaimsOfColumn = {
        "error_rate": error_rate,
        "openings": [
            {"opening": opening, "level": level, "named": named}
            for opening, level, named in tested
        ],
    }
    first, _, named = tested[0]
    if (power := _power(problem, dense, first, named)) is not None:
        facts["power"] = power
    return facts


def _families(
    shown: Sequence[Shown], openings: Sequence[tuple[int, Opening]], column: str
) -> Iterator[tuple[int, list[Shown]]]:
    """The networks that are tested together, by the number of their opening."""
    opened: dict[tuple[str, int], int] = {}
    for number, opening in openings:
        for kind, seeds in opening["looked_at"].get(column, {}).items():
            opened |= {(kind, seed): number for seed in seeds}
    first = openings[0][0]
    families: dict[int, list[Shown]] = {}
    for each in shown:
        families.setdefault(opened.get((each.kind, each.seed), first), []).append(each)
    yield from sorted(families.items())


def _power(problem: Problem, dense: Counts, opening: int, named: int) -> PowerOfColumn | None:
    """What these rows can certify of a network without bias that is right as often as the dense
    net; None where that is not estimable."""
    cells, objective = dense.cells, problem.objective
    error_rate = problem.config.objective.error_rate_claims

    def of(networks: int) -> Power:
        return power_on_test(
            cells, objective.bias, error_rate, dense, opening=opening, named=networks
        )

    powers = {networks: of(networks) for networks in sorted({1, min(NAMED, named), named})}
    all_of_them = powers[named]
    if not np.isfinite(all_of_them.tolerance_for()):
        return None
    return {
        "rows": all_of_them.rows,
        "smallest_cell": _smallest_cell(cells, problem.prepared, objective.bias),
        "certifiable_above": {
            str(networks): power.certifiable_above for networks, power in powers.items()
        },
        "tolerance_for_power": {
            str(networks): power.tolerance_for() for networks, power in powers.items()
        },
        "power": all_of_them.at(objective.tolerance),
    }


def _smallest_cell(cells: NDArray[np.int64], prepared: Prepared, bias: str) -> SmallestCell:
    """The smallest group of test's `cells` (groups, labels), or of a label in it where the measure
    is about rates within labels: equal opportunity about label 1 alone."""
    if not find_measure(bias).within_cells:
        group = int(cells.sum(1).argmin())
        return {"rows": int(cells[group].sum()), "group": prepared.group_names[group]}
    counted = cells[:, 1:] if bias == "eod" else cells
    of_group, of_label = divmod(int(counted.argmin()), counted.shape[1])
    return {
        "rows": int(counted[of_group, of_label]),
        "group": prepared.group_names[of_group],
        "label": prepared.classes[of_label + cells.shape[1] - counted.shape[1]],
    }


def oracle(scores: ScoreCounts, objective: Objective) -> float | None:
    """The best performance of thresholds per group with a bias below the tolerance, chosen on the
    very rows that it is judged on: about what no threshold on these scores can better there.

    They are searched as group thresholds are elsewhere. None where none keeps the tolerance.
    """
    strict = Objective(objective.performance, objective.bias, objective.tolerance, margin=0.0)
    cells = scores.cells
    best = GroupThresholds().fit(scores, strict, cells / cells.sum(), seed=0)
    performance, bias = strict.judge(
        strict.counted(best.decide(scores))[None], cells / cells.sum()
    )
    return float(performance[0]) if bias[0] < strict.tolerance else None

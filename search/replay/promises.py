"""How often is something claimed of a network that is not true of it?

The candidates of a recording are given a truth: their rates on all recorded rows, tune and test
together. Then whole searches are repeated on other rows: each draws, for every candidate, its
decisions on new rows of tune and of test, names a front on tune as a search does, and claims on
test that networks keep the tolerance, by one rule or another. A claim about a network whose true
bias is not below the tolerance is false.

All candidates of a search are judged on the same rows, so their errors go together. How much is
not recorded; `shared` is the correlation of what they get right by chance (`redrawn`). Where rows
come as two copies of one object, and the recording has kept which, pairs of copies are drawn.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from analysis.pareto import choose
from search.errors import UserError
from search.front.naming import LIKELY, named
from search.front.selection import Row, front_of
from search.replay.redrawn import Decisions, redrawn, redrawn_pairs
from search.replay.table import RecordedTable
from trainables.evaluation.claims import (
    WEIGHTS,
    certified,
    evidence,
    level_of_opening,
    smallest_level,
)
from trainables.evaluation.intervals import (
    chance_of_claim,
    estimate,
    performance_se,
)
from trainables.evaluation.objective import Objective
from trainables.evaluation.trivial import trivial_performance

STRESS = 1.1  # the stress pool's true biases reach from the tolerance to this much of it


@dataclass(frozen=True)
class Promises:
    """What is asked: of `searches` on redrawn rows, at one tolerance and by one way of naming."""

    tolerance: float
    naming: str = "chance"  # or "margin"
    searches: int = 200
    shared: float = 0.7
    error_rate: float = 0.05
    candidates: int = 150  # of the recording, drawn anew for each search
    stress: bool = False  # only candidates whose true bias lies just above the tolerance
    seed: int = 0

    def __post_init__(self) -> None:
        if self.naming not in NAMINGS:
            raise UserError(
                f"promises: naming must be one of {', '.join(NAMINGS)}, got {self.naming!r}"
            )
        if not 0 <= self.shared <= 1:
            raise UserError(f"promises: shared must lie in [0, 1], got {self.shared}")
        if self.searches < 1 or self.candidates < 1:
            raise UserError(
                f"promises: needs a search and a candidate, got {self.searches} and "
                f"{self.candidates}"
            )


@dataclass(frozen=True, eq=False)
class Population:
    """The candidates of a recording, with the truth about each."""

    objective: Objective
    sparsity: NDArray[np.float64] | None  # (n,); None: no objective
    rates: NDArray[np.float64]  # (n, groups, labels, predictions) shares within each cell
    tune: NDArray[np.int64]  # (groups, labels) rows
    test: NDArray[np.int64]
    bias: NDArray[np.float64]  # (n,) true
    performance: NDArray[np.float64]  # (n,) true
    # (n, labels, predictions, predictions) shares within each label, where rows are pairs
    pairs: NDArray[np.float64] | None = None

    def __len__(self) -> int:
        return len(self.rates)

    def only(self, places: NDArray[np.int64]) -> Population:
        return Population(
            self.objective,
            None if self.sparsity is None else self.sparsity[places],
            self.rates[places],
            self.tune,
            self.test,
            self.bias[places],
            self.performance[places],
            None if self.pairs is None else self.pairs[places],
        )

    def decide(
        self, rows: NDArray[np.int64], shared: float, draw: np.random.Generator
    ) -> Decisions:
        """Of all of them, on new rows: as many as `rows` (groups, labels)."""
        if self.pairs is None:
            return redrawn(self.rates, rows, shared, draw)
        return redrawn_pairs(self.pairs, rows[0], shared, draw)


def population_of(table: RecordedTable, tolerance: float) -> Population:
    """Of all candidates that a recording kept and that beat a constant prediction on tune."""
    header = table.header
    if header.objective.against_dense:
        raise UserError("promises: a bias against the dense net has no redrawn rows yet")
    kept = table.columns["candidate"] & table.columns["beats_trivial"]
    tune, test = table.counts["tune"][kept], table.counts["test"][kept]
    pooled = tune + test
    pairs = table.pairs_of(kept)
    # rows as often as on test, so that measures that depend on the label mix are right
    rates = _shares(pooled, 1)
    expected = rates * test[0].sum(-1)[..., None]
    old = header.objective
    margin = old.margin * tolerance / old.tolerance
    objective = Objective(old.performance, old.bias, tolerance, margin)
    return Population(
        objective,
        table.columns["sparsity"][kept].astype(np.float64) if header.sparsity else None,
        rates,
        tune[0].sum(-1),
        test[0].sum(-1),
        np.asarray(objective.bias_measure.bias(expected)),
        np.asarray(objective.performance_measure.compute(expected)),
        None if pairs is None else _shares(pairs["tune"] + pairs["test"], 2),
    )


def _shares(counts: NDArray[np.int64], axes: int) -> NDArray[np.float64]:
    """Counts divided by their sum over the last `axes`."""
    rows = counts.sum(tuple(range(-axes, 0)), keepdims=True)
    return np.asarray(counts / np.maximum(rows, 1))


@dataclass(frozen=True, eq=False)
class Drawn:
    """One search on redrawn rows."""

    of: Population
    tune: Decisions
    test: Decisions
    level: float  # of the first claim


def _by_margin(drawn: Drawn, place: int) -> bool:
    bias = float(drawn.of.objective.bias_measure.bias(drawn.tune.tables[place]))
    if not bias < drawn.of.objective.tolerance:
        return False
    if bias < drawn.of.objective.safe_bias:
        return True
    found = estimate(drawn.of.objective.bias, drawn.tune.of(place))
    return found.upper() < drawn.of.objective.tolerance


def _by_chance(drawn: Drawn, place: int) -> bool:
    objective = drawn.of.objective
    if not float(objective.bias_measure.bias(drawn.tune.tables[place])) < objective.tolerance:
        return False
    rows = drawn.of.test.sum() / drawn.of.tune.sum()
    counts = drawn.tune.of(place)
    chance = chance_of_claim(objective.bias, counts, objective.tolerance, drawn.level, rows)
    return chance >= LIKELY


# Ways to name on tune what will be looked at on test: bias below tolerance - margin (or surely
# below the tolerance); or at least as likely certified as not, and by the margin what is better.
NAMINGS = ("chance", "margin")


@dataclass(frozen=True, eq=False)
class Claimed:
    """What one rule claimed of what one search had named."""

    claims: NDArray[np.bool_]  # (named,)
    false: NDArray[np.bool_]  # (named,) of them, those that are not true
    chosen: bool  # the chosen one is claimed
    handed_over: float | None  # true performance of what is handed over; None: nothing is


@dataclass(frozen=True, eq=False)
class SearchResult:
    """One search on redrawn rows."""

    named: int
    performance: float | None  # true, of the chosen one; None where nothing was named
    rules: dict[str, Claimed]  # by RULES


RULES = ("estimate", "upper bound", *(f"certified ({name})" for name in WEIGHTS))
"""Estimate below the tolerance; its one-sided 95 % bound below it, point by point; certified."""


def repeated(population: Population, asked: Promises) -> list[SearchResult]:
    """So many searches on redrawn rows. Raises UserError where no candidate is left to draw."""
    if asked.stress:
        low, high = asked.tolerance, asked.tolerance * STRESS
        population = population.only(
            np.flatnonzero((population.bias >= low) & (population.bias < high))
        )
    if not len(population):
        raise UserError(f"promises: no candidate's true bias lies at {asked.tolerance:g}")
    results = []
    for number in range(asked.searches):
        draw = np.random.default_rng([asked.seed, number])
        size = min(asked.candidates, len(population))
        some = population.only(np.sort(draw.choice(len(population), size, replace=False)))
        drawn = Drawn(
            some,
            some.decide(some.tune, asked.shared, draw),
            some.decide(some.test, asked.shared, draw),
            level_of_opening(asked.error_rate, 1),
        )
        results.append(_search(drawn, asked.naming))
    return results


def _named(drawn: Drawn, naming: str) -> NDArray[np.int64]:
    """The candidates that could be on the front."""
    objective, places = drawn.of.objective, range(len(drawn.of))
    feasible = np.array([_by_margin(drawn, place) for place in places], dtype=bool)
    if naming == "margin":
        return np.flatnonzero(feasible)
    probable = np.array([_by_chance(drawn, place) for place in places], dtype=bool)
    performance = objective.performance_measure.compute(drawn.tune.tables)
    rows: list[Row] = [
        {
            "performance": float(performance[place]),
            "performance_se": performance_se(objective.performance, drawn.tune.of(place)),
            "bias": None,
            "sparsity": 0.0,
            "feasible": bool(feasible[place]),
            "beats_trivial": True,
            "needs_group": False,
        }
        for place in places
    ]
    # the same of all: networks are judged on the same rows
    trivial = trivial_performance(objective.performance, drawn.tune.of(0))
    to_name = named(rows, probable, trivial, sparsity=False, group_allowed=True)
    return np.flatnonzero(to_name)


def _search(drawn: Drawn, naming: str) -> SearchResult:
    objective = drawn.of.objective
    performance = objective.performance_measure.compute(drawn.tune.tables)
    bias = objective.bias_measure.bias(drawn.tune.tables)
    could = _named(drawn, naming)
    axes = [performance, bias] + ([] if drawn.of.sparsity is None else [drawn.of.sparsity])
    values = np.column_stack(axes)[could]
    no_group = np.zeros(len(could), dtype=bool)
    announced = could[front_of(values, no_group, group_allowed=True)] if len(could) else could
    if not len(announced):
        return SearchResult(0, None, {})
    tables = [drawn.tune.of(place) for place in announced]
    choice = partial(
        choose,
        performance[announced],
        [performance_se(objective.performance, table) for table in tables],
        bias[announced],
        None if drawn.of.sparsity is None else drawn.of.sparsity[announced],
    )
    chosen = choice(np.ones(len(announced), dtype=bool))
    smallest = smallest_level(drawn.level, len(announced))
    on_test = [
        evidence(objective.bias, drawn.test.of(place), smallest, int(place)) for place in announced
    ]
    true = drawn.of.bias[announced] < objective.tolerance
    p = [seen.p_value(objective.tolerance) for seen in on_test]
    claims = [
        np.array([seen.point < objective.tolerance for seen in on_test]),
        np.array([seen.found.upper() < objective.tolerance for seen in on_test]),
        *[certified(p, drawn.level, name, chosen) for name in WEIGHTS],
    ]
    rules = {}
    for rule, claimed in zip(RULES, claims, strict=True):
        given = choice(claimed)
        worth = None if given is None else float(drawn.of.performance[announced[given]])
        rules[rule] = Claimed(claimed, claimed & ~true, bool(claimed[chosen]), worth)
    return SearchResult(len(announced), float(drawn.of.performance[announced[chosen]]), rules)


@dataclass(frozen=True)
class RuleSummary:
    """What one rule did over all searches."""

    rule: str
    claimed: float  # points a search
    false_points: float  # of the claimed points, the share that are false; NaN: none claimed
    false_searches: int  # searches with a false claim
    chosen: float  # share of the searches whose chosen point is claimed
    any: float  # share of the searches that hand over a claimed point
    handed_over: float  # mean true performance of what is handed over
    cost: float  # mean of it less the chosen one's, where something is handed over


def summary(results: list[SearchResult]) -> list[RuleSummary]:
    """One row per rule."""
    rows = []
    for rule in RULES:
        of_rule = [result.rules.get(rule) for result in results]
        known = [claimed for claimed in of_rule if claimed is not None]
        claims = sum(int(claimed.claims.sum()) for claimed in known)
        false = sum(int(claimed.false.sum()) for claimed in known)
        given = [
            (claimed.handed_over, result.performance)
            for claimed, result in zip(of_rule, results, strict=True)
            if claimed is not None and claimed.handed_over is not None
        ]
        worth = np.array(given, dtype=np.float64).reshape(-1, 2)
        nan = float("nan")
        rows.append(
            RuleSummary(
                rule,
                claims / len(results),
                false / claims if claims else nan,
                sum(bool(claimed.false.any()) for claimed in known),
                sum(claimed.chosen for claimed in known) / len(results),
                len(given) / len(results),
                float(worth[:, 0].mean()) if given else nan,
                float((worth[:, 0] - worth[:, 1]).mean()) if given else nan,
            )
        )
    return rows

from dataclasses import replace

import numpy as np
import pytest

from search.cli.replay import TABLES
from search.errors import UserError
from search.replay.promises import (
    RULES,
    Population,
    Promises,
    population_of,
    repeated,
    summary,
)
from search.replay.table import RecordedTable
from tests.search.replay.made_table import FAIR, UNFAIR, Made, table
from trainables.evaluation.objective import Objective
from trainables.evaluation.pairs import tables_of_pairs

ROWS = np.array([[400, 300], [600, 500]])


def made(gaps, tolerance=0.05, rows=ROWS):
    """Networks whose groups differ by `gaps` in both rates; the more biased the better."""
    gaps = np.asarray(gaps, dtype=float)
    positive = np.full((len(gaps), 2, 2), [0.2, 0.7])
    positive[:, 1] += gaps[:, None]
    positive[:, :, 1] += 0.5 * gaps[:, None]
    rates = np.stack([1 - positive, positive], axis=-1)
    objective = Objective(tolerance=tolerance, margin=0.4 * tolerance)
    expected = rates * rows[..., None]
    return Population(
        objective,
        None,
        rates,
        rows,
        rows,
        np.asarray(objective.bias_measure.bias(expected)),
        np.asarray(objective.performance_measure.compute(expected)),
    )


def rows_of(population, **asked):
    found = summary(repeated(population, Promises(population.objective.tolerance, **asked)))
    return {row.rule: row for row in found}


def test_what_lies_at_the_tolerance_is_certified_in_few_searches_but_claimed_in_most():
    """At an error rate of .05, the first opening's .025: of 100 searches 8 or fewer, surely."""
    at_it = made(np.linspace(0.0505, 0.0545, 30))
    for naming in ("margin", "chance"):
        rows = rows_of(at_it, searches=100, naming=naming, shared=0.5)
        for rule in RULES:
            if rule.startswith("certified"):
                assert rows[rule].false_searches <= 8
    rows = rows_of(at_it, searches=100, naming="margin", shared=0.5)
    assert rows["estimate"].false_searches > 30
    assert rows["estimate"].false_points == 1


def test_with_enough_rows_the_fair_ones_are_certified():
    rows = rows_of(made([0.0, 0.005, 0.01, 0.2], rows=20 * ROWS), searches=20)
    for rule in RULES:
        assert rows[rule].false_searches == 0
        assert rows[rule].chosen > 0.9
        assert rows[rule].cost == pytest.approx(0, abs=0.005)


def made_of_pairs(moved, pairs=40, tolerance=0.1):
    """Networks of three classes that are right of 9 in 10 pairs, but that take a share `moved` of
    what they get right in classes 1 and 2 for class 0 where the copy is grey."""
    moved = np.asarray(moved, dtype=float)
    shares = np.zeros((len(moved), 3, 3, 3))
    for label in range(3):
        shares[:, label, label, label] = 0.9
        shares[:, label, (label + 1) % 3, (label + 1) % 3] = 0.1  # wrong in both copies
    for label in (1, 2):
        shares[:, label, label, label] -= 0.9 * moved
        shares[:, label, 0, label] += 0.9 * moved
    rows = np.full((2, 3), pairs)
    rates = tables_of_pairs(shares)
    objective = Objective("accuracy", "bias_amplification", tolerance, 0.02)
    bias = np.asarray(objective.bias_measure.bias(rates * rows[..., None]))
    performance = np.asarray(objective.performance_measure.compute(rates * rows[..., None]))
    return Population(objective, None, rates, rows, rows, bias, performance, shares)


def test_pairs_at_the_tolerance_are_certified_in_few_searches_but_claimed_in_many():
    """As above, with 120 images in two copies each."""
    at_it = made_of_pairs(np.linspace(0.343, 0.358, 20))
    assert ((at_it.bias >= 0.1) & (at_it.bias < 0.105)).all()
    rows = rows_of(at_it, searches=60, naming="margin", shared=0.5)
    for rule in RULES:
        if rule.startswith("certified"):
            assert rows[rule].false_searches <= 5
    assert rows["estimate"].false_searches > 15


def test_copies_that_are_treated_alike_are_certified_with_rows_that_show_nothing_unpaired():
    fair = made_of_pairs([0.0, 0.01, 0.02], pairs=20)
    paired = rows_of(fair, searches=10)
    unpaired = rows_of(replace(fair, pairs=None), searches=10)

    assert paired["certified (front)"].any == 1
    assert unpaired["certified (front)"].any < 0.3  # though the estimate shows it
    assert unpaired["estimate"].any == 1


def test_the_truth_is_that_of_all_recorded_rows():
    table = RecordedTable.load(TABLES / "compas.npz")
    population = population_of(table, 0.05)
    kept = table.columns["candidate"] & table.columns["beats_trivial"]
    pooled = table.counts["tune"][kept] + table.counts["test"][kept]
    recall = pooled[:, :, 1, 1] / pooled[:, :, 1].sum(-1)  # eod: a gap of true positive rates

    assert np.allclose(population.bias, np.abs(recall[:, 0] - recall[:, 1]))
    assert len(population) == kept.sum()


def test_the_truth_of_pairs_is_that_of_all_recorded_pairs():
    recorded = table(Made([FAIR], test=[UNFAIR]), Made([UNFAIR]))
    unpaired = population_of(recorded, 0.05)
    # group 1's copy is right in less pairs than group 0's, and in none that group 0's is not
    pairs = {
        split: np.array([made_alike(*counted) for counted in recorded.counts[split]])
        for split in ("tune", "test")
    }
    paired = population_of(replace(recorded, pairs=pairs), 0.05)

    assert unpaired.pairs is None
    # 80, 80, 70 on tune and 80, 60, 70 on test
    assert paired.pairs[0, 1].tolist() == [[0.2, 0], [0.1, 0.7]]
    assert paired.pairs[0, 0].tolist() == [[0.7, 0], [0, 0.3]]
    assert np.allclose(tables_of_pairs(paired.pairs), paired.rates)
    assert np.allclose(paired.bias, [0.1, 0.2])
    assert np.array_equal(paired.bias, unpaired.bias)
    some = np.array([False, True])
    partly = {split: np.where(some[:, None, None, None], of, 0) for split, of in pairs.items()}
    assert population_of(replace(recorded, pairs=partly), 0.05).pairs is None


def made_alike(first, second):
    """(labels, predictions, predictions) of two tables, as alike as they can be."""
    alike = np.minimum(first, second)
    pairs = np.zeros((2, 2, 2), dtype=int)
    pairs[:, [0, 1], [0, 1]] = alike
    pairs[:, 0, 1] += (first - alike)[:, 0]
    pairs[:, 1, 0] += (first - alike)[:, 1]
    return pairs


def test_the_stress_pool_has_only_networks_that_break_the_tolerance():
    table = RecordedTable.load(TABLES / "compas.npz")
    rows = {
        row.rule: row
        for row in summary(
            repeated(population_of(table, 0.05), Promises(0.05, searches=10, stress=True))
        )
    }
    assert rows["estimate"].false_points == 1
    with pytest.raises(UserError, match=r"no candidate's true bias lies at 0\.9"):
        repeated(population_of(table, 0.9), Promises(0.9, stress=True))


def test_the_same_seed_gives_the_same_searches():
    population = made(np.linspace(0, 0.08, 20))
    asked = Promises(0.05, searches=3)
    first, second, other = (
        str(summary(repeated(population, each))) for each in (asked, asked, replace(asked, seed=1))
    )
    assert first == second != other


def test_what_cannot_be_asked_is_refused():
    with pytest.raises(UserError, match="naming must be one of chance, margin, got 'luck'"):
        Promises(0.05, naming="luck")
    with pytest.raises(UserError, match=r"shared must lie in \[0, 1\], got 2"):
        Promises(0.05, shared=2)

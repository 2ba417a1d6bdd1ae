"""What is certified of a table's networks: which are tested together, and how it is told."""

from itertools import product
from types import SimpleNamespace

import numpy as np
import pytest

from search.reproduce.certified import Shown, certify, oracle
from search.reproduce.pages.table_page import markdown
from tests.search.reproduce.made_results import entry, made_columns, made_results
from trainables.evaluation.counts import THRESHOLDS, Counts, ScoreCounts
from trainables.evaluation.objective import Objective

ROWS = 4000  # of each group and label


def decided(gap, rows=ROWS):
    """A network that is right in .8, less `gap` in group 0 for label 1."""
    right = np.array([[0.8, 0.8 - gap], [0.8, 0.8]]) * rows
    table = np.zeros((2, 2, 2), dtype=np.int64)
    for group, label in product(range(2), range(2)):
        table[group, label, label] = round(right[group, label])
        table[group, label, 1 - label] = rows - round(right[group, label])
    return Counts(table)


def problem(bias="eod", tolerance=0.05):
    prepared = SimpleNamespace(classes=("no", "yes"), group_names=("women", "men"))
    asked = SimpleNamespace(objective=SimpleNamespace(error_rate_claims=0.05))
    return SimpleNamespace(
        prepared=prepared,
        objective=Objective("balanced_accuracy", bias, tolerance, 0.0),
        config=asked,
    )


def networks(gaps, kind="published", first_seed=0):
    return [
        Shown(kind, seed, entry(seed, None, None), None)
        if gap is None
        else Shown(kind, seed, entry(seed, 0.8, gap), decided(gap))
        for seed, gap in enumerate(gaps, first_seed)
    ]


def opened(number, kinds):
    looked_at = {"column": kinds}
    return number, {"time": None, "file": "chosen.json", "looked_at": looked_at}


def verdicts(shown):
    return [each.entry["claim"]["verdict"] for each in shown]


def test_all_networks_of_an_opening_are_tested_together():
    """By hand: the gap of two rates of .8 in 4,000 rows each has the standard error .0089."""
    shown = networks([0.0, 0.01, 0.03, 0.045, 0.06])
    alone = networks([0.03])

    facts = certify(shown, problem(), [opened(1, {"published": range(5)})], "column", decided(0))
    certify(alone, problem(), [opened(1, {"published": [0]})], "column", decided(0))

    # .05 - .03 is 2.2 standard errors: enough for .025 (1.96), too little for .025 / 3 (2.39)
    assert verdicts(shown) == [*["certified"] * 2, *["not certified"] * 2, "broke"]
    assert verdicts(alone) == ["certified"]
    assert facts["openings"] == [{"opening": 1, "level": 0.025, "named": 5}]


def test_a_seed_without_a_network_is_among_those_that_are_tested():
    """By hand: .05 - .031 is 2.07 standard errors of .0092."""
    shown, alone = networks([0.031, None]), networks([0.031])

    certify(shown, problem(), [opened(1, {"published": [0, 1]})], "column", decided(0))

    certify(alone, problem(), [opened(1, {"published": [0]})], "column", decided(0))

    # enough for .025 (1.96), too little for .025 / 2 (2.24)
    assert verdicts(shown) == ["not certified", "not estimable"]
    assert verdicts(alone) == ["certified"]


def test_seeds_that_are_added_later_are_an_opening_of_their_own():
    shown = [*networks([0.0, 0.045]), *networks([0.0], first_seed=2)]
    openings = [opened(1, {"published": [0, 1]}), opened(4, {"published": [2]})]

    facts = certify(shown, problem(), openings, "column", decided(0))

    assert [each["level"] for each in facts["openings"]] == [0.025, 0.05 / 16]
    assert [each["named"] for each in facts["openings"]] == [2, 1]
    assert verdicts(shown) == ["certified", "not certified", "certified"]


def test_what_is_not_certifiable_is_told_with_the_cell_that_it_is_for_and_what_would_be():
    """By hand, as the textbook has it: z s, and (z + 1.282) s for 80 %."""
    few = 80
    shown = networks([0.0] * 4)
    facts = certify(
        shown, problem(), [opened(1, {"published": range(4)})], "column", decided(0, few)
    )["power"]

    s = np.sqrt(2 * 0.8 * 0.2 / few)
    assert facts["smallest_cell"] == {"rows": few, "group": "women", "label": "yes"}
    assert facts["certifiable_above"]["1"] == pytest.approx(1.96 * s, rel=0.05)
    assert facts["certifiable_above"]["4"] == pytest.approx(2.498 * s, rel=0.05)  # .025 / 4
    assert facts["tolerance_for_power"]["4"] == pytest.approx((2.498 + 1.282) * s, rel=0.05)
    assert facts["power"] == 0.0


def scores_of(cells):
    histogram = np.zeros((2, 2, len(THRESHOLDS)), dtype=np.int64)
    for (group, label), bins in cells.items():
        for place in bins:
            histogram[group, label, place] += 1
    return ScoreCounts(histogram)


@pytest.mark.parametrize("seed", range(5))
def test_the_ceiling_is_the_best_of_all_pairs_of_thresholds(seed):
    draw = np.random.default_rng(seed)
    scores = scores_of(
        {
            (group, label): draw.integers(100 + 300 * label, 700 + 200 * group, size=15)
            for group, label in product(range(2), range(2))
        }
    )
    objective = Objective("balanced_accuracy", "aod", 0.1, 0.05)

    best = 0.0
    points = [np.flatnonzero(scores.histogram[group].sum(0)) for group in range(2)]
    for pair in product(*([0, *own] for own in points)):
        table = scores.at(pair).table
        rates = table[..., 1] / table.sum(-1)  # (groups, labels)
        gaps = rates[0] - rates[1]
        whole = table.sum(0)[..., 1] / table.sum((0, 2))
        if abs(gaps.mean()) < 0.1:
            best = max(best, (1 - whole[0] + whole[1]) / 2)

    assert oracle(scores, objective) == pytest.approx(best)


def certified_results(seeds):
    columns = made_columns()
    of_kind = columns["AOD-sex"].entries["tuned"]["Prune"]
    for each, verdict in zip(of_kind, seeds, strict=True):
        each["claim"] = {"verdict": verdict, "p": 0.001, "certified_at": 0.06}
    columns["AOD-sex"].facts["claims"] = {
        "error_rate": 0.05,
        "openings": [{"opening": 1, "level": 0.025, "named": 6}],
    }
    return made_results(columns)


def cells_of(results, name):
    lines = markdown(results, {}).splitlines()
    (line,) = [line for line in lines if line.startswith(f"| {name}")]
    return [cell.strip() for cell in line.strip("| ").replace(r"\|", "").split(" | ")]


def test_a_row_is_bold_only_where_every_seed_is_certified():
    certified = cells_of(certified_results(["certified", "certified"]), "Prune")
    half = cells_of(certified_results(["certified", "not certified"]), "Prune")

    assert "**0.770 ± 0.014**" in certified and "2/2" in certified
    assert "0.770 ± 0.014" in half and "1/2 (1 not certified)" in half


def test_the_page_says_how_networks_were_tested():
    text = markdown(certified_results(["certified", "broke"]), {})

    assert "| tuned: certified |" in text and "tuned: kept" not in text
    assert "AOD-sex: networks tested together: 6 at 0.025 (opening 1)." in text
    assert "no row is bold" not in text


def test_results_of_earlier_versions_show_what_they_have():
    text = markdown(made_results(), {})

    assert "| tuned: kept |" in text and "certified |" not in text
    assert "no row is bold" in text


def test_a_larger_tolerance_is_shown_where_the_column_s_can_hardly_be_certified():
    results = certified_results(["not certified", "not certified"])
    results["columns"]["AOD-sex"]["claims"]["power"] = {
        "rows": 1233,
        "smallest_cell": {"rows": 82, "group": "Female", "label": "yes"},
        "certifiable_above": {"1": 0.127, "6": 0.17},
        "tolerance_for_power": {"1": 0.2, "6": 0.253},
        "power": 0.0,
    }
    text = markdown(results, {})

    assert "tuned: certified at 0.26 |" in text
    assert "82 Female with label yes" in text
    assert "0.127 for a network tested alone" in text
    assert "2/2" in cells_of(results, "Prune")

"""Models beside a front: judged as candidates are, and never part of it."""

from itertools import product

import numpy as np
import pytest

from search.front.build import build_front
from search.front.growing import GrowingFront
from search.front.view import view_by, view_of
from tests.search.front.test_build import CONSTANT, DENSE, FACTS, FAIR, TRIALS, counts, trial
from tests.search.front.test_build import report as report_of
from trainables.corrections.group_thresholds import GroupThresholds
from trainables.evaluation.counting import count_expected, count_scores
from trainables.evaluation.counts import ScoreCounts
from trainables.evaluation.objective import Objective

EVENTS = [DENSE, *(event for one in TRIALS[:7] for event in one)]
OBJECTIVE = Objective(**FACTS["objective"])


def drawn(seed, rows=4000, shift=0.25):
    """Scores of a model that favours M, their labels and crossings."""
    draw = np.random.default_rng(seed)
    labels, crossing = draw.integers(0, 2, rows), draw.integers(0, 4, rows)
    scores = 0.3 + 0.3 * labels + shift * (crossing // 2 - 0.5) + draw.normal(0, 0.15, rows)
    return np.clip(scores, 0, 1), labels, crossing


def model(name="logistic regression", **changes):
    of_splits = {
        split: count_scores(*drawn(seed, **changes), 4, np.zeros(4000, dtype=int)).to_dict()
        for seed, split in enumerate(("held_back", "tune"))
    }
    return {"name": name, "counts": of_splits}


def by_lot():
    chances, labels, crossing = drawn(5)
    counted = count_expected(chances, labels, crossing, 4, np.zeros(4000, dtype=int)).to_dict()
    of_splits = {"held_back": counted, "tune": counted}
    return {"name": "reductions", "counts": of_splits, "fitted_for": "aod at 0.05"}


def references(*models):
    return {"event": "references", "models": list(models), "digest": "d"}


def front(*models, view=None, events=EVENTS):
    return build_front(FACTS, [*events, references(*models)], view or view_of(FACTS))


def labels(found):
    return [reference["label"] for reference in found["references"]]


def tune(found, label):
    return next(one["tune"] for one in found["references"] if one["label"] == label)


def test_models_stand_behind_the_dense_net_each_with_one_threshold_and_one_per_group():
    found = front(model(), by_lot())

    assert labels(found) == [
        *("dense net", "dense net, group thresholds"),
        *("logistic regression", "logistic regression, group thresholds", "reductions"),
    ]
    assert [one["needs_group"] for one in found["references"]] == [False, True, False, True, False]
    assert [one.get("randomised", False) for one in found["references"]] == [False] * 4 + [True]
    assert found["references"][-1]["fitted_for"] == "aod at 0.05"
    assert all(one["test"] is None for one in found["references"])


def test_whatever_they_are_worth_the_front_its_volume_and_the_chosen_point_stay():
    without = build_front(FACTS, EVENTS, view_of(FACTS))
    perfect = model(shift=0.0)
    perfect["counts"]["tune"] = counts(([1000] * 4, [0] * 4))  # better than any point
    perfect["counts"]["held_back"] = perfect["counts"]["tune"]

    found = front(perfect, by_lot())

    assert tune(found, "logistic regression")["performance"] == 1.0
    assert {**found, "references": []} == {**without, "references": []}
    assert found["references"][:2] == without["references"]


def test_a_running_front_has_them_once_they_are_there_and_changes_in_nothing_else():
    growing, plain = GrowingFront(FACTS), GrowingFront(FACTS)
    for event in [{**DENSE, "performance": 0.875, "bias": 0.25}, *EVENTS[1:]]:
        growing.take(event)
        plain.take(event)
    before = growing.version
    growing.take(references(model()))

    assert growing.version > before
    assert growing.as_front()["references"] == front(model())["references"]
    assert {**growing.as_front(), "references": []} == plain.as_front()
    assert growing.best == plain.best


def test_group_thresholds_are_the_best_pair_of_all_on_held_back_rows():
    """Every pair of a small histogram is tried by hand, with rates from its rows."""
    draw = np.random.default_rng(1)
    scores = draw.integers(0, 12, 400) / 12 + 1e-6
    label = (scores + draw.normal(0, 0.3, 400) > 0.5).astype(int)
    group = draw.integers(0, 2, 400)
    small = count_scores(np.clip(scores, 0, 1), label, group, 2, np.zeros(400, dtype=int))
    best = -np.inf
    for pair in product(np.arange(13) / 12 - 1e-3, repeat=2):
        said = scores > np.array(pair)[group]
        recall = [np.mean(said[label == it] == it) for it in (0, 1)]
        gaps = [
            np.mean(said[(label == it) & (group == 0)])
            - np.mean(said[(label == it) & (group == 1)])
            for it in (0, 1)
        ]
        if abs(np.mean(gaps)) < OBJECTIVE.safe_bias:
            best = max(best, np.mean(recall))

    decision = GroupThresholds().fit(small, OBJECTIVE, np.full((2, 2), 0.25), 0)
    found = OBJECTIVE.judge(decision.decide(small).table, np.full((2, 2), 0.25))

    assert float(found[0]) == pytest.approx(best)
    assert float(found[1]) < OBJECTIVE.safe_bias


def test_decisions_are_fitted_anew_for_another_tolerance_but_not_what_was_fitted_for_one():
    strict = front(model(), by_lot())
    wide = front(model(), by_lot(), view=view_of(FACTS).with_bias(None, 0.5))

    one = "logistic regression"
    assert tune(wide, one)["performance"] > tune(strict, one)["performance"] + 0.02
    assert tune(wide, one)["bias"] > tune(strict, one)["bias"]
    same = [tune(found, "reductions")["performance"] for found in (strict, wide)]
    assert same[0] == same[1]
    assert wide["references"][-1]["fitted_for"] == "aod at 0.05"


def test_by_another_group_it_is_said_by_which_one_it_was_fitted():
    by_race = view_by(FACTS, DENSE, "race", min_cell=20)

    found = front(model(), by_lot(), view=by_race)

    assert found["references"][-1]["fitted_for"] == "aod at 0.05 by sex"
    assert tune(found, "logistic regression")["bias"] < 0.03  # it is fair by race


def test_where_no_threshold_is_fair_the_best_one_stands_and_is_not_feasible():
    """The favoured group's scores all lie above the other's: what is fair is constant."""
    histogram = np.zeros((4, 2, 1001), dtype=np.int64)
    for group, (low, high) in enumerate([(100, 400), (100, 400), (500, 900), (500, 900)]):
        histogram[group, 0, [low, high]] = 800, 200
        histogram[group, 1, [low, high]] = 200, 800
    apart = {split: ScoreCounts(histogram).to_dict() for split in ("held_back", "tune")}

    found = front({"name": "gradient boosting", "counts": apart})

    values = tune(found, "gradient boosting")
    assert not values["feasible"]
    assert values["performance"] > 0.6
    assert tune(found, "gradient boosting, group thresholds")["performance"] == pytest.approx(0.8)
    assert tune(found, "gradient boosting, group thresholds")["feasible"]


def test_of_two_events_the_later_one_counts_and_without_any_there_are_none():
    later = references(model("gradient boosting"))
    found = build_front(FACTS, [*EVENTS, references(model()), later], view_of(FACTS))

    assert labels(found)[2:] == ["gradient boosting", "gradient boosting, group thresholds"]
    assert labels(build_front(FACTS, EVENTS, view_of(FACTS))) == labels(found)[:2]


def test_a_constant_model_never_beats_the_trivial_one():
    same = {split: counts(CONSTANT) for split in ("held_back", "tune")}
    found = front({"name": "logistic regression", "counts": same})

    assert not tune(found, "logistic regression")["beats_trivial"]


def test_a_trial_that_comes_later_changes_no_reference():
    fair = trial("t90", report_of("t90", FAIR, 0.5))
    events = [*EVENTS, references(model()), *fair]

    found = build_front(FACTS, events, view_of(FACTS))

    assert found["references"] == front(model())["references"]

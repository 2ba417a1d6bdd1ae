"""From a hand-made journal to a front: every number below can be counted by hand."""

import numpy as np
import pytest

from search.errors import UserError
from search.front.build import build_front
from search.front.view import view_by, view_of
from trainables.corrections.threshold import CommonThreshold
from trainables.evaluation.counts import ScoreCounts, counts_from_dict
from trainables.evaluation.objective import Objective
from trainables.evaluation.report import evaluate

# Four crossings of sex (F, M) and race (B, W) in the order FB, FW, MB, MW; each cell of crossing
# and label holds ROWS rows. A net is given by the number that it calls positive in every cell.
ROWS = 1000
NEGATIVE, POSITIVE = 200, 800  # score bins
FAIR = ([800] * 4, [200] * 4)  # (true positives, false positives): bias 0, performance .8
WORSE = ([750] * 4, [250] * 4)  # performance .75
BY_SEX = ([700, 700, 1000, 1000], [0, 0, 200, 200])  # aod by sex -.25, by race 0; performance .875
BY_RACE = ([700, 1000, 700, 1000], [0, 200, 0, 200])  # aod by race -.25, by sex 0
ONLY_FPR = ([800] * 4, [100, 100, 300, 300])  # spd and aod by sex -.1
CONSTANT = ([1000] * 4, [1000] * 4)

FACTS = {
    **{"event": "experiment", "name": "made", "seed": 0, "data": "made", "sparsity": True},
    **{"classes": ["no", "yes"], "group": "sex", "group_names": ["F", "M"]},
    "attributes": {"sex": ["F", "M"], "race": ["B", "W"]},
    "crossing_to_group": [0, 0, 1, 1],
    "crossing_priors": [[0.125, 0.125]] * 4,
    "objective": {
        **{"performance": "balanced_accuracy", "bias": "aod", "tolerance": 0.05, "margin": 0.02}
    },
    "reference": [0.5, 0.05, 0.0],  # of the hypervolume: a constant prediction, the tolerance
    "correction": {"name": "threshold"},
    "hashes": {"test": "0123abcd"},
}


def counts(net):
    histogram = np.zeros((4, 2, 1001), dtype=np.int64)
    for label, positives in ((1, net[0]), (0, net[1])):
        histogram[:, label, POSITIVE] = positives
        histogram[:, label, NEGATIVE] = ROWS - np.array(positives)
    return ScoreCounts(histogram).to_dict()


def report(trial, net, sparsity, candidate="c", dropped=(), epoch=1):
    """As a trial of FACTS reports it, grouped by sex."""
    decision = CommonThreshold(500)
    by_sex = counts_from_dict(counts(net)).regroup(np.array(FACTS["crossing_to_group"]))
    return {
        **evaluate(decision.decide(by_sex), Objective(**FACTS["objective"])),
        **{"event": "report", "trial": trial, "epoch": epoch, "sparsity": sparsity, "live": 1.0},
        **{"candidate": candidate and f"{trial}{candidate}", "dropped": list(dropped)},
        "counts": {"tune": counts(net), "held_back": counts(net)},
        "decision": decision.to_dict(),
    }


def trial(name, *reports, status="finished"):
    spec = {
        "settings": {"pruner": {"sparsity": 0.5}},
        "seed": 0,
        "correction": {"name": "threshold"},
    }
    start = {"event": "trial_start", "trial": name, "method": "adv_ft", "spec": spec}
    end = {"event": "trial_end", "trial": name, "status": status, "reason": None}
    return [{**start, "learns_from": "debias"}, *reports, *([end] if status != "running" else [])]


DENSE = {
    **{"event": "dense", "sparsity": 0.0},
    "counts": {"tune": counts(BY_SEX), "held_back": counts(BY_SEX)},
}
TRIALS = [
    trial("t1", report("t1", FAIR, 0.5)),
    trial("t2", report("t2", WORSE, 0.9)),
    trial("t3", report("t3", WORSE, 0.4)),  # t1 is better and sparser
    trial("t4", report("t4", BY_SEX, 0.7)),  # unfair by sex
    trial("t5", report("t5", FAIR, 0.95), status="stopped"),
    trial("t6", report("t6", FAIR, 0.95), status="failed"),
    trial("t7", report("t7", CONSTANT, 0.99)),  # perfectly fair and worth nothing
    trial("t8", report("t8", BY_RACE, 0.1)),
    trial("t9", report("t9", FAIR, 0.6), report("t9", FAIR, 0.55, "d", ["t9c"], epoch=2)),
]


def front(*trials, facts=FACTS, view=None):
    events = [DENSE, *(event for one in trials for event in one)]
    return build_front(facts, events, view or view_of(facts))


def names(found):
    return [point["trial"] for point in found["points"]]


def test_a_front_holds_the_feasible_candidates_that_no_other_dominates_best_first():
    found = front(*TRIALS[:7])

    assert names(found) == ["t1", "t2"]
    assert [p["tune"]["performance"] for p in found["points"]] == pytest.approx([0.8, 0.75])
    assert [p["tune"]["bias"] for p in found["points"]] == pytest.approx([0.0, 0.0])
    assert all(p["feasible"] and p["test"] is None for p in found["points"])
    assert found["candidates"] == 5  # stopped and failed trials have none


def test_the_hypervolume_is_that_of_the_box_from_the_trivial_classifier_to_the_ideal():
    """In the box from (.5, .05, 0) to (1, 0, 1): (.6, 1, .5) and (.5, 1, .9) cover
    .6 * .5 + .5 * (.9 - .5)."""
    found = front(*TRIALS[:7])

    assert found["objective"]["reference"] == [0.5, 0.05, 0.0]
    assert found["hypervolume"] == pytest.approx(0.5)


def test_another_reference_point_is_another_box():
    """From (.6, .05, .1) on: (.5, 1, 4 / 9) and (.375, 1, 8 / 9)."""
    found = front(*TRIALS[:7], facts={**FACTS, "reference": [0.6, 0.05, 0.1]})

    assert found["hypervolume"] == pytest.approx(0.5 * 4 / 9 + 0.375 * 4 / 9)


def test_without_a_sparsity_objective_the_front_and_its_volume_have_two_dimensions():
    found = front(*TRIALS[:7], facts={**FACTS, "sparsity": False})

    assert names(found) == ["t1"]
    assert found["hypervolume"] == pytest.approx(0.6)


def test_the_sparsest_of_those_within_a_standard_error_of_the_best_is_chosen():
    slightly_worse = ([799] * 4, [200] * 4)
    found = front(*TRIALS[:2], trial("t0", report("t0", slightly_worse, 0.8)))

    assert names(found) == ["t1", "t0", "t2"]
    assert [point["chosen"] for point in found["points"]] == [False, True, False]


def test_of_a_trial_only_candidates_that_were_not_dropped_are_on_the_front():
    (point,) = front(TRIALS[8])["points"]

    assert (point["candidate"], point["epoch"]) == ("t9d", 2)


def test_an_unfinished_trial_s_candidates_count():
    assert names(front(trial("t1", report("t1", FAIR, 0.5), status="running"))) == ["t1"]


def test_a_report_without_a_candidate_is_no_point():
    assert front(trial("t1", report("t1", FAIR, 0.5, candidate=None)))["points"] == []


def test_with_nothing_feasible_the_closest_are_shown_marked_and_nothing_is_chosen():
    found = front(TRIALS[3], trial("t0", report("t0", ONLY_FPR, 0.2)))

    assert names(found) == ["t0", "t4"]  # by rising bias
    assert [point["tune"]["bias"] for point in found["points"]] == pytest.approx([0.1, 0.25])
    assert not any(point["feasible"] or point["chosen"] for point in found["points"])
    assert found["hypervolume"] == 0.0


def test_a_trivial_classifier_is_on_no_front_not_even_among_the_closest():
    found = front(TRIALS[6])

    assert found["candidates"] == 1
    assert found["points"] == []
    assert names(front(TRIALS[3], TRIALS[6])) == ["t4"]


def test_a_search_without_trials_has_an_empty_front_and_its_dense_net():
    found = front()

    assert (found["points"], found["hypervolume"], found["candidates"]) == ([], 0.0, 0)
    assert found["dense"]["tune"]["performance"] == pytest.approx(0.875)
    assert found["dense"]["tune"]["bias"] == pytest.approx(0.25)
    assert found["dense"]["test"] is None


def test_a_journal_without_a_dense_net_has_no_front():
    with pytest.raises(ValueError, match="no dense net"):
        build_front(FACTS, [], view_of(FACTS))


def test_the_unrepaired_net_is_judged_with_one_threshold_and_with_one_per_group():
    references = front()["references"]

    assert [(r["label"], r["needs_group"]) for r in references] == [
        ("dense net", False),
        ("dense net, group thresholds", True),
    ]


def test_another_tolerance_makes_others_feasible_without_retraining():
    wide = view_of(FACTS).with_bias(None, 0.5)
    assert (wide.objective.tolerance, wide.objective.margin) == pytest.approx((0.5, 0.2))

    found = front(*TRIALS[:4], view=wide)

    assert names(found) == ["t4", "t1", "t2"]
    assert found["objective"]["tolerance"] == 0.5
    assert found["objective"]["reference"] == [0.5, 0.5, 0.0]  # its own box
    assert found["points"][0]["tune"]["performance"] == pytest.approx(0.875)


def test_another_measure_is_computed_from_the_same_counts():
    """Equalised odds of BY_SEX by sex: the largest gap is that of the true positives, .3."""
    view = view_of(FACTS).with_bias("deo_max", 0.5)

    (point,) = front(TRIALS[3], view=view)["points"]

    assert point["tune"]["bias"] == pytest.approx(0.3)
    assert point["tune"]["measures"]["aod"] == pytest.approx(-0.25)


def test_another_group_adds_up_the_same_counts_otherwise():
    by_race = view_by(FACTS, DENSE, "race", min_cell=20)
    assert by_race.group_names == ("B", "W")
    assert by_race.crossing_to_group.tolist() == [0, 1, 0, 1]

    found = front(TRIALS[3], TRIALS[7], view=by_race)

    assert names(found) == ["t4"]  # fair by race, as t8 is by sex
    assert names(front(TRIALS[3], TRIALS[7])) == ["t8"]
    assert found["objective"]["groups"] == ["B", "W"]


def test_a_crossing_that_is_left_out_counts_nowhere():
    facts = {**FACTS, "crossing_to_group": [0, 0, 1, -1]}
    only_there = ([800, 800, 800, 0], [200, 200, 200, 1000])  # all wrong for MW

    (point,) = front(trial("t1", report("t1", only_there, 0.5)), facts=facts)["points"]

    assert point["tune"]["performance"] == pytest.approx(0.8)
    assert view_of(facts).priors.tolist() == [
        pytest.approx([1 / 3, 1 / 3]),
        pytest.approx([1 / 6, 1 / 6]),
    ]


def test_a_bias_that_can_not_be_estimated_is_never_feasible():
    empty = [0, 0, 0, 0]
    histogram = np.zeros((4, 2, 1001), dtype=np.int64)
    histogram[:2, 0, NEGATIVE] = histogram[:2, 1, POSITIVE] = ROWS  # no rows of group M
    one = report("t1", (empty, empty), 0.5)
    one["counts"]["tune"] = ScoreCounts(histogram).to_dict()

    found = front(trial("t1", one))

    assert found["points"] == []
    assert found["candidates"] == 1


def test_a_method_s_own_correction_is_fitted_anew_for_another_tolerance():
    start, *rest = trial("t1", report("t1", FAIR, 0.5))
    own = {**start, "spec": {**start["spec"], "correction": {"name": "group_thresholds"}}}
    wide = view_of(FACTS).with_bias(None, 0.5)

    (point,) = front([own, *rest], view=wide)["points"]

    assert (point["needs_group"], point["feasible"], point["chosen"]) == (True, True, False)


def test_a_group_that_names_an_unknown_attribute_is_an_error_with_the_known_ones():
    with pytest.raises(UserError, match=r"report: .*gender.*sex"):
        view_by(FACTS, DENSE, "gender", min_cell=20)


def test_points_that_their_trial_pruned_further_are_counted():
    """They lack the final retraining, so a front that has them says how many there are."""
    in_rounds = [
        report("t1", FAIR, 0.3, "a") | {"round": 1},
        report("t1", WORSE, 0.6, "b", epoch=2) | {"round": 2},
        report("t1", CONSTANT, 0.9, None, epoch=3) | {"round": 3},
    ]
    events = [DENSE, *trial("t1", *in_rounds), *trial("t2", report("t2", WORSE, 0.9))]

    front = build_front(FACTS, events, view_of(FACTS))
    assert len(front["points"]) == 2  # t1's first, and t2's, which is as good as t1's second
    assert front["between_rounds"] == 1
    whole = build_front(FACTS, [DENSE, *trial("t1", *in_rounds[:1])], view_of(FACTS))
    assert "between_rounds" not in whole

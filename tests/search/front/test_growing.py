import random

import pytest

from analysis.trials import hypervolume_by_trial, reports_frame, trials_frame
from search.front.growing import GrowingFront

FACTS = {
    "crossing_to_group": [0, 1],
    "crossing_priors": [[0.25, 0.25], [0.25, 0.25]],
    **{"event": "experiment", "name": "adult-sex", "group": "sex", "group_names": ["F", "M"]},
    "objective": {"performance": "accuracy", "bias": "aod", "tolerance": 0.1, "margin": 0.02},
    "correction": {"name": "threshold"},
}


def facts(sparsity):
    return {**FACTS, "sparsity": sparsity, "reference": [0.5, 0.1, 0.0]}


def start(trial):
    plain = {"event": "trial_start", "trial": trial, "method": "adv_ft", "time": 0.0}
    return {**plain, "learns_from": "debias", "spec": {"settings": {"recovery": {"lr": 0.1}}}}


def report(trial, epoch, performance=0.75, bias=0.05, sparsity=0.5, **changes):
    return {
        **{"event": "report", "time": float(epoch), "trial": trial, "epoch": epoch, "live": 1.0},
        **{"performance": performance, "bias": bias, "sparsity": sparsity, "measures": {}},
        **{"performance_se": 0.01, "performance_interval": [0, 1], "bias_interval": [0, 1]},
        **{"feasible": True, "beats_trivial": True, "candidate": f"{trial}-{epoch}"},
        **{"dropped": [], "losses": {}, "charged": 1, "seconds": 0.1},
        "decision": {"kind": "threshold", "index": 5, "threshold": 0.5, "trivial": False},
        **changes,
    }


def end(trial, status="finished", time=9.0):
    return {"event": "trial_end", "trial": trial, "status": status, "reason": None, "time": time}


def grown(events, sparsity=False):
    front = GrowingFront(facts(sparsity))
    for event in events:
        front.take(event)
    return front


def names(front):
    return {point["candidate"] for point in front.as_front()["points"]}


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"feasible": False}, "finished"),
        ({"beats_trivial": False}, "finished"),
        ({"candidate": None}, "finished"),
        ({}, "stopped"),
        ({}, "failed"),
    ],
)
def test_what_may_not_enter_a_front_does_not(change, status):
    front = grown([start("t0"), report("t0", 1, **change), end("t0", status)])

    assert names(front) == set()
    assert front.hypervolume == 0.0


def test_a_candidate_enters_with_its_report_and_what_it_dominates_leaves():
    front = grown([start("t0"), report("t0", 1), end("t0"), start("t1")])
    assert names(front) == {"t0-1"}
    assert front.hypervolume == pytest.approx(0.25)  # (.75, .05) in the box (.5, .1) to (1, 0)

    front.take(report("t1", 1, bias=0.02))
    assert names(front) == {"t1-1"}
    assert front.hypervolume == pytest.approx(0.4)
    assert front.version == 2

    front.take(end("t1"))
    assert front.version == 2


@pytest.mark.parametrize("status", ["stopped", "failed"])
def test_a_trial_that_does_not_finish_takes_its_candidates_away_and_uncovers_others(status):
    events = [start("t0"), report("t0", 1), end("t0"), start("t1"), report("t1", 1, bias=0.02)]
    front = grown([*events, end("t1", status)])

    assert names(front) == {"t0-1"}
    assert front.hypervolume == pytest.approx(0.25)
    assert front.version == 3


def test_a_candidate_that_was_dropped_later_in_its_trial_counts_nothing():
    events = [start("t0"), report("t0", 1), report("t0", 2, bias=0.09, dropped=["t0-1"])]

    assert names(grown([*events, end("t0")])) == {"t0-2"}


def test_the_sparsest_of_those_within_one_standard_error_is_chosen():
    events = [
        *[start("t0"), report("t0", 1, performance=0.8, sparsity=0.1), end("t0")],
        *[start("t1"), report("t1", 1, performance=0.795, sparsity=0.6), end("t1")],
        *[start("t2"), report("t2", 1, performance=0.7, sparsity=0.9), end("t2")],
    ]
    points = grown(events, sparsity=True).as_front()["points"]

    assert [(p["trial"], p["chosen"]) for p in points] == [
        ("t0", False),
        ("t1", True),
        ("t2", False),
    ]


@pytest.mark.parametrize("sparsity", [False, True])
def test_hypervolume_over_time_is_what_the_analysis_finds_in_the_whole_journal(sparsity):
    draw = random.Random(1)
    events, curve, standing = [], [], set()
    front = GrowingFront(facts(sparsity))
    for number in range(60):
        trial = f"t{number}"
        of_trial = [start(trial)]
        for epoch in range(1, 4):
            values = draw.uniform(0.4, 0.9), draw.uniform(0, 0.12), draw.random()
            allowed = draw.random() < 0.8
            of_trial.append(report(trial, epoch, *values, feasible=allowed))
        status = "finished" if draw.random() < 0.7 else "stopped"
        of_trial.append(end(trial, status, time=float(number)))
        for event in of_trial:
            front.take(event)
        events += of_trial
        if status == "finished":
            standing |= {(trial, f"{trial}-{epoch}") for epoch in range(1, 4)}
        curve.append(front.hypervolume)

    reference, ideal = [0.5, 0.1, 0.0], [1.0, 0.0, 1.0]
    axes = 3 if sparsity else 2
    expected = hypervolume_by_trial(
        trials_frame(events), reports_frame(events, standing), reference[:axes], ideal[:axes]
    )["hypervolume"]
    assert curve == pytest.approx(expected.tolist())
    assert 0 < curve[0] + curve[20] < curve[-1] * 2  # it grew meanwhile


def test_what_needs_the_group_hides_nothing_and_is_not_chosen_unless_the_run_allows_it():
    by_group = {"kind": "group_thresholds", "indices": [5, 6], "trivial": False}
    events = [
        *[start("t0"), report("t0", 1, performance=0.8), end("t0")],
        *[start("t1"), report("t1", 1, performance=0.9, decision=by_group), end("t1")],
        *[start("t2"), report("t2", 1, performance=0.7), end("t2")],
    ]

    assert grown(events).hypervolume == pytest.approx(0.6 * 0.5)  # of t0 alone
    points = grown(events).as_front()["points"]
    assert [(p["trial"], p["needs_group"], p["chosen"]) for p in points] == [
        ("t1", True, False),
        ("t0", False, True),
    ]

    allowed = GrowingFront({**facts(sparsity=False), "group_at_prediction": True})
    for event in events:
        allowed.take(event)
    assert [(p["trial"], p["chosen"]) for p in allowed.as_front()["points"]] == [("t1", True)]
    assert allowed.hypervolume == pytest.approx(0.8 * 0.5)

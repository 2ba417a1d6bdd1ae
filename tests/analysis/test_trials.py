import math

import pandas as pd
import pytest

from analysis.trials import (
    REPORT_COLUMNS,
    TRIAL_COLUMNS,
    hypervolume_by_trial,
    is_candidate,
    is_feasible,
    reports_frame,
    trials_frame,
)
from tests.analysis.made_search import frames_of


def start(trial, time, method="prune_advft"):
    spec = {"pruner": {"keep_target": 0.1}}
    return {"event": "trial_start", "trial": trial, "method": method, "spec": spec, "time": time}


def report(trial, epoch, performance=0.8, bias=0.02, sparsity=0.5, **other):
    return {
        "event": "report",
        "trial": trial,
        "epoch": epoch,
        "stage": 0,
        "role": "pruner",
        "name": "mask_discovery",
        "losses": {"task": 0.3 / epoch},
        "sparsity": sparsity,
        "live": 0.9,
        "charged": 100 * epoch,
        "seconds": 0.1,
        "counts": {"tune": {}, "held_back": {}},
        "performance": performance,
        "performance_se": 0.01,
        "bias": bias,
        "feasible": bias is not None and bias < 0.03,
        "beats_trivial": True,
        "candidate": f"{trial}-{epoch}",
        "time": 10.0 + epoch,
    } | other


def end(trial, time, status="finished", reason=None):
    return {"event": "trial_end", "trial": trial, "status": status, "reason": reason, "time": time}


@pytest.fixture
def events():
    return [
        {"event": "experiment", "name": "x"},
        start("t0001", 1.0),
        report("t0001", 1, performance=0.7),
        start("t0002", 2.0, "adv_ft"),
        report("t0001", 2),
        end("t0001", 20.0),
        report("t0002", 1, bias=None, sparsity=0.0),
        end("t0002", 21.0, "stopped", "bias cannot come under .05"),
        start("t0003", 22.0),
    ]


def test_trials_have_one_row_each_with_the_last_report(events):
    trials = trials_frame(events).set_index("trial")
    assert trials["status"].to_dict() == {
        "t0001": "finished",
        "t0002": "stopped",
        "t0003": "running",
    }
    numbers = ["reports", "performance", "charged", "started", "ended"]
    assert trials.loc["t0001", numbers].tolist() == [2, 0.8, 200, 1, 20]
    assert math.isnan(trials.loc["t0002", "bias"])
    assert math.isnan(trials.loc["t0003", "ended"])
    assert trials.loc["t0002", "reason"] == "bias cannot come under .05"
    assert trials.loc["t0001", "spec"] == {"pruner": {"keep_target": 0.1}}


def test_samples_processed_are_told_apart_from_those_charged_where_the_journal_does():
    events = [start("t1", 1), {**report("t1", 1), "spent": 40}, start("t2", 1), report("t2", 1)]

    spent = trials_frame(events).set_index("trial")["spent"]
    assert spent["t1"] == 40
    assert math.isnan(spent["t2"])
    assert reports_frame(events, set())["spent"].tolist()[0] == 40
    anew = {**report("t1", 2), "spent": 30}  # its worker died, and the rest was there by then
    assert trials_frame([*events, anew])["spent"].tolist()[0] == 40


def test_reports_carry_method_and_losses(events):
    reports = reports_frame(events, set())
    assert reports["method"].tolist() == ["prune_advft", "prune_advft", "adv_ft"]
    assert reports["loss.task"].tolist() == pytest.approx([0.3, 0.15, 0.3])
    assert list(reports.columns) == [*REPORT_COLUMNS, "loss.task"]


def test_a_report_has_its_candidate_where_that_stands():
    events = [start("t1", 1), report("t1", 1), report("t1", 2), end("t1", 9)]

    given = reports_frame(events, {("t1", "t1-2"), ("t2", "t1-1")})
    assert given["candidate"].fillna("").tolist() == ["", "t1-2"]
    assert reports_frame(events, set())["candidate"].isna().all()


def test_candidate_that_several_reports_have_left_stands_in_the_last_of_them():
    events = [start("t1", 1), *(report("t1", epoch, candidate="same") for epoch in (1, 2, 3))]

    given = reports_frame(events, {("t1", "same")})
    assert given["candidate"].fillna("").tolist() == ["", "", "same"]


def test_only_candidates_that_stand_count():
    reports = pd.DataFrame(
        {
            "candidate": ["a", None, "c", "d", "e"],
            "beats_trivial": [True, True, False, True, True],
            "feasible": [True, True, True, False, True],
            "needs_group": [False, False, False, False, True],
        }
    )

    assert is_candidate(reports).tolist() == [True, False, False, True, True]
    assert is_feasible(reports).tolist() == [True, False, False, False, True]
    assert is_candidate(reports, group_allowed=False).tolist() == [True, False, False, True, False]
    assert is_feasible(reports, group_allowed=False).tolist() == [True, *[False] * 4]


def test_frames_of_an_empty_journal_have_their_columns():
    assert tuple(trials_frame([]).columns) == TRIAL_COLUMNS
    assert tuple(reports_frame([], set()).columns) == REPORT_COLUMNS
    assert trials_frame([])["performance"].dtype == "float64"


def test_epoch_that_ran_again_after_an_interruption_counts_once(events):
    again = [*events, start("t0003", 30.0), report("t0003", 1), report("t0003", 1)]
    assert len(reports_frame(again, set())) == 4
    trials = trials_frame(again).set_index("trial")
    assert trials.loc["t0003", "reports"] == 1
    assert trials.loc["t0003", "started"] == 22.0


def test_trial_that_started_again_after_its_end_is_running(events):
    assert trials_frame([*events, start("t0002", 30.0)])["status"].tolist()[1] == "running"


def test_hypervolume_counts_feasible_candidates_of_finished_trials_only():
    events = [
        *(start(f"t{n}", n) for n in range(1, 6)),
        report("t1", 1, performance=0.75, bias=0.025, sparsity=0.5),
        report("t2", 1, performance=0.99, bias=0.01, sparsity=0.9),
        report("t3", 1, performance=0.99, bias=0.04, sparsity=0.9),
        report("t4", 1, performance=0.99, bias=0.01, sparsity=0.9, candidate=None),
        report("t5", 1, performance=0.75, bias=0.025, sparsity=0.75),
        end("t5", 50.0),
        end("t1", 51.0),
        end("t2", 52.0, "stopped"),
        end("t3", 53.0),
        end("t4", 54.0),
    ]
    curve = hypervolume_by_trial(*frames_of(events), (0.5, 0.05, 0.0), (1.0, 0.0, 1.0))
    assert curve["trial"].tolist() == ["t5", "t1", "t2", "t3", "t4"]
    assert curve["hypervolume"].tolist() == pytest.approx([0.1875] * 5)


def test_hypervolume_counts_what_needs_the_group_only_where_it_is_allowed():
    events = [
        *(start("t1", 1), {**report("t1", 1, performance=0.75, bias=0.025), "needs_group": True}),
        *(end("t1", 2.0), start("t2", 3), report("t2", 1, performance=0.6, bias=0.025)),
        end("t2", 4.0),
    ]
    frames, box = frames_of(events), ((0.5, 0.05), (1.0, 0.0))

    curve = hypervolume_by_trial(*frames, *box)
    allowed = hypervolume_by_trial(*frames, *box, group_allowed=True)

    assert curve["hypervolume"].tolist() == pytest.approx([0.0, 0.1])
    assert allowed["hypervolume"].tolist() == pytest.approx([0.25, 0.25])


def test_hypervolume_without_sparsity_uses_two_axes(events):
    curve = hypervolume_by_trial(*frames_of(events), (0.5, 0.05), (1, 0))
    assert curve["hypervolume"].tolist() == pytest.approx([0.6 * 0.6, 0.36])
    assert isinstance(curve, pd.DataFrame)

"""What is told while a search runs: tallies, the best feasible point, the hypervolume."""

from types import SimpleNamespace

import pytest

from search.engine import progress
from search.engine.progress import Limits, Progress

CONFIG = SimpleNamespace(
    resources=SimpleNamespace(cpu=1, gpu=0.25), search=SimpleNamespace(budget=3600.0)
)
DENSE = {"event": "dense", "performance": 0.7, "bias": 0.2, "sparsity": 0.0}


def experiment(sparsity=True, group_allowed=False):
    facts = {"correction": {"name": "threshold"}, "group_at_prediction": group_allowed}
    return {"event": "experiment", "sparsity": sparsity, "reference": [0.5, 0.1, 0.0], **facts}


def events(*told, sparsity=True):
    """`told` after the beginning of a journal; a trial is started where it is first mentioned."""
    named, whole = set(), [experiment(sparsity), DENSE]
    for event in told:
        if event["event"] == "report" and event["trial"] not in named:
            whole.append(start(event["trial"]))
        named.add(event["trial"])
        whole.append(event)
    return whole


def start(trial):
    return {"event": "trial_start", "trial": trial, "method": "adv_ft"}


def end(trial, status="finished"):
    return {"event": "trial_end", "trial": trial, "status": status}


def report(trial, performance, bias, sparsity, candidate="c", kind="threshold", epoch=3, **flags):
    values = {"performance": performance, "bias": bias, "sparsity": sparsity}
    facts = {"event": "report", "trial": trial, "epoch": epoch, "dropped": []}
    facts |= {"stage_epoch": epoch, "stage_epochs": 9, "final_stage": True, "seconds": 0.0}
    decided = {"candidate": candidate, "decision": {"kind": kind}}
    return {**facts, **values, **decided, "feasible": True, "beats_trivial": True, **flags}


def followed(*told, sparsity=True):
    heard = []
    progress = Progress(CONFIG, heard.append)
    for event in events(*told, sparsity=sparsity):
        progress.take(event)
    return progress, heard


def test_trials_are_tallied_by_how_they_stand():
    status, _ = followed(
        *[start(f"t{number}") for number in range(6)],
        *[end("t0"), end("t1"), end("t2", "stopped"), end("t3", "failed")],
    )

    told = status.status()
    assert {key: told[key] for key in ("done", "running", "stopped", "failed")} == {
        **{"done": 2, "running": 2},
        **{"stopped": 1, "failed": 1},
    }


def test_the_best_feasible_candidate_is_the_one_of_highest_performance():
    status, _ = followed(
        report("t1", 0.7, 0.05, 0.5),
        report("t2", 0.8, 0.06, 0.4),
        report("t3", 0.75, 0.01, 0.9),
        report("t4", 0.99, 0.3, 0.9, feasible=False),
        report("t5", 0.98, 0.0, 0.9, candidate=None),
        report("t6", 0.97, 0.0, 0.9, beats_trivial=False),
    )

    assert status.status()["best"] == {
        **{"trial": "t2", "epoch": 3},
        **{"performance": 0.8, "bias": 0.06, "sparsity": 0.4},
    }


@pytest.mark.parametrize("status", ["stopped", "failed"])
def test_what_a_trial_left_counts_no_more_when_it_was_stopped_or_has_failed(status):
    search, _ = followed(
        *[report("t1", 0.75, 0.05, 0.4), report("t2", 0.9, 0.01, 0.5), end("t2", status)],
    )

    assert search.status()["best"]["trial"] == "t1"
    assert search.status()["hypervolume"] == pytest.approx(0.5 * 0.5 * 0.4)


@pytest.mark.parametrize(("allowed", "best", "volume"), [(False, "t1", 0.2), (True, "t2", 0.4)])
def test_what_needs_the_group_is_neither_best_nor_counted_unless_it_may_be_chosen(
    allowed, best, volume
):
    status = Progress(CONFIG, None)
    for event in (
        experiment(sparsity=False, group_allowed=allowed),
        *[DENSE, start("t1"), start("t2")],
        report("t1", 0.7, 0.05, 0.0),
        report("t2", 0.9, 0.05, 0.0, kind="group_thresholds"),
    ):
        status.take(event)

    told = status.status()
    assert told["best"]["trial"] == best
    assert told["hypervolume"] == pytest.approx(volume)  # in the box (.5, .1) to (1, 0)


@pytest.mark.parametrize(
    ("sparsity", "volume"),
    [
        (True, 0.5 * 0.5 * 0.4 + 0.25 * 0.5 * (0.8 - 0.4)),  # box (.5, .1, 0) to (1, 0, 1)
        (False, 0.5 * 0.5),
    ],
)
def test_the_hypervolume_grows_with_feasible_candidates_only(sparsity, volume):
    status, _ = followed(
        report("t1", 0.75, 0.05, 0.4),
        report("t2", 0.625, 0.05, 0.8),
        report("t3", 0.6, 0.06, 0.3),  # dominated
        report("t4", 0.9, 0.3, 0.9, feasible=False),
        sparsity=sparsity,
    )

    assert status.status()["hypervolume"] == pytest.approx(volume)


def test_the_listener_hears_every_event_and_a_status_after_what_changes_it():
    _, heard = followed(
        *[start("t1"), report("t1", 0.7, 0.05, 0.5), end("t1")],
        *[start("t2"), report("t2", 0.7, 0.05, 0.5, candidate=None)],
    )

    assert [event["event"] for event in heard] == [
        *["experiment", "dense", "trial_start", "status", "report", "status"],
        *["trial_end", "status", "trial_start", "status", "report"],
    ]


def test_a_report_without_a_candidate_changes_the_status_once_a_second(monkeypatch):
    now = SimpleNamespace(seconds=100.0)
    monkeypatch.setattr(progress.time, "monotonic", lambda: now.seconds)
    heard = []
    status = Progress(CONFIG, heard.append)
    status.take(start("t1"))
    heard.clear()
    for now.seconds in (100.5, 101.5, 101.9, 103.0):
        status.take(report("t1", 0.7, 0.05, 0.5, candidate=None))

    assert [e["event"] for e in heard] == ["report", *(["report", "status", "report"] * 2)][:6]


def test_an_earlier_session_is_told_wrapped_and_counted():
    heard = []
    status = Progress(CONFIG, heard.append)
    for event in events(start("t1"), report("t1", 0.75, 0.05, 0.4), end("t1")):
        status.replay(event)

    assert [event["event"] for event in heard] == ["replay"] * 5
    assert heard[-1]["of"] == end("t1")
    told = status.status()
    assert (told["done"], told["best"]["trial"]) == (1, "t1")
    assert told["hypervolume"] == pytest.approx(0.5 * 0.5 * 0.4)


def test_without_a_listener_it_only_counts():
    status = Progress(CONFIG, None)
    status.replay(DENSE)
    status.take(start("t1"))

    assert status.status()["running"] == 1


def test_the_time_left_follows_from_the_trials_that_ended_in_this_session(monkeypatch):
    now = SimpleNamespace(seconds=100.0)
    monkeypatch.setattr(progress.time, "monotonic", lambda: now.seconds)
    status = Progress(CONFIG, None)
    for trial in ("t1", "t2"):  # of an earlier session: they say nothing about this one
        status.replay(start(trial))
        status.replay(end(trial))
    status.expect(5)
    assert status.status()["seconds_left"] is None

    for trial in ("t3", "t4"):
        status.take(start(trial))
    now.seconds = 120.0
    for trial in ("t3", "t4"):
        status.take(end(trial))

    assert status.status()["seconds_left"] == pytest.approx(20 * 3 / 2)


def test_no_more_time_is_left_than_a_limit_allows(monkeypatch):
    now = SimpleNamespace(seconds=100.0)
    monkeypatch.setattr(progress.time, "monotonic", lambda: now.seconds)
    status = Progress(CONFIG, None)
    status.expect(5, Limits(SimpleNamespace(seconds=0.0), deadline=130.0))
    status.take(start("t1"))
    assert status.status()["seconds_left"] == 30.0

    now.seconds = 120.0
    status.take(end("t1"))
    assert status.status()["seconds_left"] == 10.0


def test_the_hours_of_devices_are_counted_over_all_sessions_and_by_the_share_of_a_trial():
    status = Progress(CONFIG, None)
    status.replay(start("t1"))
    status.replay({**report("t1", 0.7, 0.05, 0.5), "seconds": 7200.0})
    status.take({**report("t1", 0.7, 0.05, 0.5, epoch=4), "seconds": 720.0})

    told = status.status()
    assert (told["spent_hours"], told["budget_hours"], told["device"]) == (0.55, 1.0, "GPU")

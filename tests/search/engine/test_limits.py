"""When a search has had enough."""

import copy
import json
import pickle
import time
from types import SimpleNamespace

import pytest

from search.engine.progress import Limits, charged, spending, spent_text
from search.engine.ray_scheduler import CONTINUE, STOP, AtLimit, JournalingScheduler
from search.journal.journal import Journal, read_events
from search.journal.record import Record
from tests.search.engine.test_ray_searcher import FREE, searcher


def config(cpu=1, gpu=0.0, budget=None, time_limit=None):
    return SimpleNamespace(
        resources=SimpleNamespace(cpu=cpu, gpu=gpu),
        search=SimpleNamespace(budget=budget, time_limit=time_limit),
    )


@pytest.fixture
def record(tmp_path):
    journal = Journal(tmp_path)
    yield Record(journal)
    journal.close()


def step(trial, epoch, seconds):
    report = {"trial": trial, "epoch": epoch, "seconds": seconds, "last": False}
    return {"report": json.dumps({**report, "dropped": [], "candidate": None})}


@pytest.mark.parametrize(
    ("cpu", "gpu", "expected"),
    [(4, 0.0, (4.0, "CPU")), (4, 0.25, (0.25, "GPU")), (1, 2.0, (2.0, "GPU"))],
)
def test_a_trial_is_charged_by_its_share_of_gpus_or_by_its_cores_without_any(cpu, gpu, expected):
    assert charged(config(cpu, gpu)) == expected


def test_trials_go_on_until_the_budget_is_spent_and_are_then_left_for_resume(record):
    limits = Limits.of(config(cpu=2, budget=100.0), record)
    scheduler = JournalingScheduler(record, None, limits)
    proposing = searcher(record, FREE, 4, limits=limits)
    name = proposing.suggest("ray0")["trial"]

    assert scheduler.on_trial_result(None, None, step(name, 1, 49.0)) == CONTINUE
    assert proposing.suggest("ray1") != "FINISHED"
    assert scheduler.on_trial_result(None, None, step(name, 2, 1.0)) == STOP
    assert proposing.suggest("ray2") == "FINISHED"
    assert record.trials[name].status == "running"


def test_a_repeated_epoch_is_not_charged_and_a_resumed_search_knows_what_was_spent(
    record, tmp_path
):
    scheduler = JournalingScheduler(record, None)
    name = searcher(record, FREE, 1).suggest("ray0")["trial"]
    for epoch, seconds in ((1, 30.0), (2, 40.0), (2, 41.0)):
        scheduler.on_trial_result(None, None, step(name, epoch, seconds))
    again = Record()
    again.replay(read_events(tmp_path / "journal.jsonl"))

    assert record.seconds == again.seconds == 70.0
    assert Limits.of(config(budget=69.0), again).reached
    assert not Limits.of(config(budget=71.0), again).reached


def test_without_limits_none_is_reached_and_a_time_limit_begins_now(record):
    assert not Limits.of(config(), record).reached
    assert Limits.of(config(time_limit=60.0), record).deadline == pytest.approx(
        time.monotonic() + 60, abs=5
    )
    assert Limits(record, deadline=time.monotonic() - 1).reached


def test_a_time_limit_does_not_go_by_the_clock_on_the_wall(record, monkeypatch):
    limits = Limits.of(config(time_limit=60.0), record)

    for shift in (-86_400.0, 86_400.0):  # set by hand, or by a time server
        monkeypatch.setattr(time, "time", lambda shift=shift: 1.8e9 + shift)
        assert not limits.reached
    monkeypatch.setattr(time, "monotonic", lambda: limits.deadline + 1)
    assert limits.reached


@pytest.mark.parametrize(
    ("budget", "said"), [(None, "1.25 GPU hours"), (40 * 3600.0, "1.25 of 40 GPU hours")]
)
def test_what_was_spent_is_said_in_hours_of_the_device(budget, said):
    assert spent_text(spending(config(gpu=0.5, budget=budget), 9000.0)) == said


def test_the_stopper_ends_a_search_in_mid_epoch_as_soon_as_a_limit_is_reached(record, monkeypatch):
    """Ray asks it beside results; no trial is ever ended by it alone."""
    clock = SimpleNamespace(now=100.0)
    monkeypatch.setattr(time, "monotonic", lambda: clock.now)
    stopper = AtLimit(Limits(record, deadline=130.0))
    asked = []
    for clock.now in (100.0, 129.9, 130.1):
        asked.append((stopper.stop_all(), stopper("t0001", {"report": "{}"})))

    assert asked == [(False, False), (False, False), (True, False)]


def test_the_stopper_follows_what_is_on_record_and_has_no_say_without_a_limit(record):
    stopper = AtLimit(Limits.of(config(cpu=2, budget=100.0), record))
    record.seconds = 49.9  # of two cores
    before = stopper.stop_all()
    record.seconds = 50.0

    assert (before, stopper.stop_all()) == (False, True)
    assert not AtLimit(Limits.of(config(), record)).stop_all()


def test_ray_may_copy_and_pickle_the_stopper_though_a_record_can_be_neither(record):
    """A copy would not hear of later reports, so there is none; what is pickled is never read."""
    stopper = AtLimit(Limits(record, deadline=time.monotonic() - 1))

    assert copy.deepcopy(stopper) is stopper
    assert pickle.loads(pickle.dumps(stopper)).__dict__ == {}
    with pytest.raises(TypeError):
        pickle.dumps(record)

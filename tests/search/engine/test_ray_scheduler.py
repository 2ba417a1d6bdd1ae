"""The Ray scheduler: what becomes of a result, without a Ray that runs."""

import json
import time
from contextlib import closing
from types import SimpleNamespace

import pytest
from ray.exceptions import RayActorError

from search.engine.progress import Limits
from search.engine.ray_scheduler import CONTINUE, STOP, JournalingScheduler
from search.errors import MachineFault
from search.journal.journal import Journal, read_events
from search.journal.record import Record
from search.schedulers.bias_tolerance import BiasTolerance
from search.schedulers.policy import Stopping


def policy():
    return BiasTolerance(Stopping(limit=0.03, tolerance=0.05, sparsity=False))


@pytest.fixture
def record(tmp_path):
    with closing(Journal(tmp_path)) as journal:
        record = Record(journal)
        record.add({"event": "trial_start", "trial": "t0001", "method": "adv_ft", "spec": {}})
        yield record


def result(epoch, bias=0.2, last=False, **changes):
    report = {
        **{"trial": "t0001", "epoch": epoch, "bias": bias, "bias_interval": [bias, bias]},
        **{"stage": 0, "stage_epoch": epoch, "stage_epochs": 20, "final_stage": True},
        **{"last": last, "beats_trivial": True, "performance": 0.7, "sparsity": 0.0},
        **{"feasible": False, "candidate": None, "dropped": [], **changes},
    }
    return {"report": json.dumps(report)}


def decide(scheduler, *results):
    return [scheduler.on_trial_result(None, None, one) for one in results]


def test_a_report_is_written_down_and_the_trial_goes_on(record, tmp_path):
    assert decide(JournalingScheduler(record, policy()), result(1), result(2)) == [CONTINUE] * 2
    assert [e["event"] for e in read_events(tmp_path / "journal.jsonl")][1:] == ["report"] * 2


def test_a_trial_that_waits_for_another_goes_on_and_nothing_is_written(record, tmp_path):
    waiting = {"report": json.dumps({"trial": "t0001", "waiting": True})}
    late = Limits(record, deadline=time.monotonic() - 1)

    assert decide(JournalingScheduler(record, policy()), waiting) == [CONTINUE]
    assert decide(JournalingScheduler(record, policy(), late), waiting) == [STOP]
    assert [e["event"] for e in read_events(tmp_path / "journal.jsonl")] == ["trial_start"]
    assert record.trials["t0001"].status == "running"


def test_the_last_report_finishes_the_trial(record):
    assert decide(JournalingScheduler(record, policy()), result(1, last=True)) == [STOP]
    assert record.trials["t0001"].status == "finished"


def test_a_failure_ends_the_trial_with_its_reason(record):
    failure = {"report": json.dumps({"trial": "t0001", "failure": "ValueError: no"})}

    assert decide(JournalingScheduler(record, policy()), failure) == [STOP]
    assert (record.trials["t0001"].status, record.trials["t0001"].reason) == (
        "failed",
        "ValueError: no",
    )


def test_a_trial_that_the_rule_gives_up_is_stopped_and_says_why(record):
    decisions = decide(JournalingScheduler(record, policy()), *map(result, range(1, 8)))

    assert decisions == [CONTINUE] * 6 + [STOP]
    assert record.trials["t0001"].status == "stopped"
    assert record.trials["t0001"].reason == "bias 0.200 is not expected to come under 0.03"


def test_without_a_rule_every_trial_runs_to_its_end(record):
    assert decide(JournalingScheduler(record, None), *map(result, range(1, 20))) == [CONTINUE] * 19


def test_a_repeated_epoch_is_not_written_again(record, tmp_path):
    decide(JournalingScheduler(record, None), result(1), result(2), result(1), result(2))

    kinds = [event["event"] for event in read_events(tmp_path / "journal.jsonl")]
    assert kinds == ["trial_start", "report", "report"]


def test_past_the_deadline_a_trial_is_left_unfinished_not_ended(record):
    late = JournalingScheduler(record, policy(), Limits(record, deadline=time.monotonic() - 1))

    assert decide(late, result(1)) == [STOP]
    assert record.trials["t0001"].status == "running"
    assert record.trials["t0001"].epoch == 1


def test_past_the_deadline_a_last_report_still_finishes_its_trial(record):
    late = JournalingScheduler(record, policy(), Limits(record, deadline=time.monotonic() - 1))

    assert decide(late, result(1, last=True)) == [STOP]
    assert record.trials["t0001"].status == "finished"


def test_a_worker_s_death_alone_ends_no_trial(record):
    """Ray tells the scheduler of every death, also of those that it makes up for by a retry."""
    JournalingScheduler(record, policy()).on_trial_error(None, died(RayActorError()))

    assert record.trials["t0001"].status == "running"


def died(error):
    """Ray's trial after the death of its worker."""
    return SimpleNamespace(config={"trial": "t0001"}, get_pickled_error=lambda: error)


def test_a_worker_that_cannot_be_set_up_ends_the_search_not_the_trial(record):
    text = "its creation task failed\nTraceback ...\nOSError: [Errno 28] No space left on device"
    error = RayActorError(error_msg=text, actor_init_failed=True)

    with pytest.raises(MachineFault, match=r"cannot be set up: OSError: \[Errno 28\] No space"):
        JournalingScheduler(record, policy()).on_trial_error(None, died(error))
    assert record.trials["t0001"].status == "running"


def test_what_a_machine_is_unfit_for_ends_the_search_not_the_trial(record):
    unfit = {"report": json.dumps({"trial": "t0001", "unfit": "host: No space left on device"})}

    with pytest.raises(MachineFault, match="host: No space left on device"):
        decide(JournalingScheduler(record, policy()), unfit)
    assert record.trials["t0001"].status == "running"

import pytest

from search.journal.journal import Journal
from search.tracking.updates import SEARCH, Follower, Translator
from search.units import flat


def report(trial, epoch, **changes):
    return {
        **{"event": "report", "time": 100.0 + epoch, "trial": trial, "epoch": epoch},
        **{"losses": {"task": 0.5}, "sparsity": 0.8, "live": 0.9, "charged": 10, "seconds": 0.1},
        **{"performance": 0.8, "bias": 0.04, "feasible": True, "beats_trivial": True},
        **{"candidate": None, "dropped": [], "counts": {"tune": {}}, "decision": {}},
        **changes,
    }


def start(trial):
    settings = {"recovery": {"lr": 0.01}}
    facts = {"event": "trial_start", "trial": trial, "time": 100.0, "method": "adv_ft"}
    return {**facts, "spec": {"trial": trial, "settings": settings}}


def end(trial, status, time=200.0, reason=None):
    facts = {"event": "trial_end", "trial": trial, "status": status, "reason": reason}
    return {**facts, "time": time}


def told(events):
    translator = Translator()
    updates = [
        u for place, event in enumerate(events, 1) for u in translator.updates(place, event)
    ]
    return translator, updates


def test_a_report_becomes_metrics_at_its_epoch_and_time():
    _, (update,) = told([report("t0", 3)])

    assert (update.trial, update.end, update.time, update.step) == ("t0", 1, 103_000, 3)
    assert update.metrics == {
        **{"performance": 0.8, "bias": 0.04, "sparsity": 0.8, "live": 0.9},
        **{"charged": 10, "seconds": 0.1, "loss/task": 0.5},
    }


def test_a_second_decision_becomes_metrics_of_its_own():
    second = {"decision": {"kind": "threshold"}, "performance": 0.7, "bias": None}
    _, (update,) = told([report("t0", 1, beside=second)])

    assert update.metrics["beside/performance"] == 0.7
    assert update.metrics["performance"] == 0.8
    assert "beside/bias" not in update.metrics


def test_what_stands_beside_the_bias_is_a_metric_of_candidates():
    translator = Translator()
    translator._beside = ["abs_aod"]
    kept = report("t0", 1, measures={"aod": 0.01, "abs_aod": 0.07, "di": 0.9})
    (of_candidate,) = translator.updates(1, kept)
    (of_other,) = translator.updates(2, report("t0", 2))

    assert of_candidate.metrics["measure/abs_aod"] == 0.07
    assert not {"measure/abs_aod", "measure/di"} & of_other.metrics.keys()


def test_a_bias_that_could_not_be_estimated_is_no_metric():
    _, (update,) = told([report("t0", 1, bias=None)])

    assert "bias" not in update.metrics
    assert update.metrics["performance"] == 0.8


def test_an_epoch_that_was_reported_twice_is_told_once():
    _, updates = told([report("t0", 1), report("t0", 2), report("t0", 2), report("t0", 1)])

    assert [update.step for update in updates] == [1, 2]


@pytest.mark.parametrize(
    ("status", "run_status"),
    [("finished", "FINISHED"), ("stopped", "KILLED"), ("failed", "FAILED")],
)
def test_the_end_of_a_trial_ends_its_run_and_counts_in_the_search(status, run_status):
    _, (_, of_trial, of_search) = told([start("t0"), end("t0", status, reason="why")])

    assert of_trial.status == run_status
    assert of_trial.tags == {"fairfront.status": status, "fairfront.reason": "why"}
    assert of_search.trial == SEARCH and of_search.status == "RUNNING" and of_search.step == 1
    assert of_search.metrics[f"trials/{status}"] == 1
    assert sum(of_search.metrics.values()) == 1


def test_a_search_is_over_until_something_happens_again():
    ended = {"event": "search_end", "time": 300.0}
    translator, updates = told([start("t0"), ended])
    assert translator.over and updates[-1].status == "FINISHED"
    assert translator.running == {"t0"}

    translator.updates(3, report("t0", 1))
    assert not translator.over


def test_settings_become_params_by_role():
    _, (update,) = told([start("t0")])

    assert update.params == {"recovery.lr": "0.01"}
    assert update.tags == {"fairfront.method": "adv_ft"}


def test_a_listed_trial_s_name_is_a_tag():
    _, (update,) = told([{**start("t0"), "row": "Adv.Ft, long"}])

    assert update.tags["fairfront.row"] == "Adv.Ft, long"


def test_flat_writes_numbers_and_lists_as_json_and_text_as_it_is():
    table = {"a": {"b": {"c": 1.5}, "d": "x"}, "e": [1, 2], "f": True}

    assert flat(table) == {"a.b.c": "1.5", "a.d": "x", "e": "[1, 2]", "f": "true"}


def test_a_follower_goes_on_where_it_stopped_and_waits_for_the_end_of_a_line(tmp_path):
    follower = Follower(tmp_path / "journal.jsonl")
    assert list(follower.lines(10)) == []

    journal = Journal(tmp_path)
    for number in range(3):
        journal.append({"event": "trial_start", "trial": f"t{number}"})
    assert [event["trial"] for _, event in follower.lines(2)] == ["t0", "t1"]
    with journal.path.open("ab") as file:
        file.write(b'{"event":"tor')
    assert [event["trial"] for _, event in follower.lines(10)] == ["t2"]
    assert list(follower.lines(10)) == []
    with journal.path.open("ab") as file:
        file.write(b'n"}\n')
    assert [(end, event["event"]) for end, event in follower.lines(10)] == [
        (journal.path.stat().st_size, "torn")
    ]
    journal.close()

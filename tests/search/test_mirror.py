import json

import pytest

from search.journal import Journal
from search.mirror import SEARCH, Follower, Translator, flat, front_table, measured


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


def test_flat_writes_numbers_and_lists_as_json_and_text_as_it_is():
    table = {"a": {"b": {"c": 1.5}, "d": "x"}, "e": [1, 2], "f": True}

    assert flat(table) == {"a.b.c": "1.5", "a.d": "x", "e": "[1, 2]", "f": "true"}


def test_the_hypervolume_over_time_leaves_out_what_may_not_enter_a_front():
    """The box goes from performance .5 to 1 and bias .1 to 0: (.75, .05) covers a quarter."""
    point = {"performance": 0.75, "bias": 0.05, "candidate": "c"}
    translator, _ = told(
        [
            *[start(trial) for trial in ("t0", "t1", "t2", "t3")],
            report("t0", 1, **point | {"feasible": False}),
            end("t0", "finished", 200.0),
            report("t1", 1, **point),
            end("t1", "stopped", 201.0),
            report("t2", 1, **point | {"candidate": None}),
            report("t2", 2, **point),
            end("t2", "finished", 202.0),
            report("t3", 1, **point | {"beats_trivial": False}),
            end("t3", "finished", 203.0),
        ]
    )

    curve = translator.hypervolumes([0.5, 0.1])

    assert [time for time, _ in curve] == [200_000, 201_000, 202_000, 203_000]
    assert [value for _, value in curve] == pytest.approx([0, 0, 0.25, 0.25])


def test_a_follower_goes_on_where_it_stopped_and_waits_for_the_end_of_a_line(tmp_path):
    follower = Follower(tmp_path / "journal.jsonl")
    assert list(follower.lines(10)) == []

    journal = Journal(tmp_path)
    for number in range(3):
        journal.append("trial_start", trial=f"t{number}")
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


def values(performance, bias):
    interval = [bias - 0.01, bias + 0.01]
    measures = {"aod": -bias, "di": None}
    plain = {"performance": performance, "bias": bias, "sparsity": 0.9}
    return {**plain, "bias_interval": interval, "measures": measures}


def point(trial, test):
    return {
        **{"candidate": "c0", "trial": trial, "epoch": 4, "method": "adv_ft", "chosen": True},
        **{"settings": {"recovery": {"lr": 0.1}}, "needs_group": False, "feasible": True},
        **{"tune": values(0.8, 0.03), "test": test, "kept_promise": None},
    }


def test_the_table_of_a_front_has_one_row_a_point_and_the_telling_columns_first():
    table = json.loads(
        front_table({"points": [point("t0", None), point("t1", values(0.7, 0.04))]})
    )
    rows = [dict(zip(table["columns"], row, strict=True)) for row in table["data"]]

    assert table["columns"][:4] == ["trial", "method", "chosen", "tune performance"]
    assert [row["trial"] for row in rows] == ["t0", "t1"]
    assert [row["test bias"] for row in rows] == [None, 0.04]
    assert rows[1]["test bias_interval high"] == pytest.approx(0.05)
    assert rows[0]["settings recovery lr"] == 0.1
    assert not [name for name in table["columns"] if "." in name]
    assert "kept_promise" not in table["columns"]  # nobody knows it yet


def test_measured_values_have_their_split_in_front_and_no_gaps():
    assert measured(None, "test/") == {}
    assert measured(values(0.7, 0.25) | {"feasible": True}, "test/") == {
        **{"test/performance": 0.7, "test/bias": 0.25, "test/sparsity": 0.9},
        **{"test/bias_low": 0.24, "test/bias_high": 0.26, "test/measure/aod": -0.25},
    }

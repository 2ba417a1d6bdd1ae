import json
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from contextlib import closing
from types import SimpleNamespace

import pytest

from search.journal import Journal
from search.tracking import default_uri, finish_mirror, follow, start_mirror, sync

CONFIG = """name = "adult-sex"
[data]
name = "adult"
[search]
methods = ["adv_ft"]
"""
EPOCHS = 6


def write_trial(journal, trial, status="finished", epochs=EPOCHS):
    spec = {"settings": {"recovery": {"lr": 0.01, "epochs": epochs}}}
    journal.append("trial_start", trial=trial, method="adv_ft", spec=spec)
    for epoch in range(1, epochs + 1):
        journal.append("report", **report(trial, epoch, last=epoch == epochs))
    journal.append("trial_end", trial=trial, status=status, reason=None)


def report(trial, epoch, last):
    return {
        **{"trial": trial, "epoch": epoch, "losses": {"task": 1 / epoch}, "live": 1.0},
        **{"sparsity": 0.5, "charged": 10 * epoch, "seconds": 0.01, "performance": 0.75},
        **{"bias": 0.1 / epoch, "feasible": True, "beats_trivial": True, "dropped": []},
        **{"candidate": f"{trial}-{epoch}" if last else None, "counts": {}, "decision": {}},
    }


def begin(folder):
    folder.mkdir(exist_ok=True)
    (folder / "config.toml").write_text(CONFIG)
    journal = Journal(folder)
    journal.append("experiment", name="adult-sex")
    return journal


def values(performance, bias):
    interval = [bias - 0.01, bias + 0.01]
    plain = {"performance": performance, "bias": bias, "sparsity": 0.5, "measures": {"aod": bias}}
    return {**plain, "bias_interval": interval}


def write_front(folder, trials, chosen, test=None):
    points = [
        {
            **{"candidate": f"{trial}-{EPOCHS}", "trial": trial, "epoch": EPOCHS},
            **{"method": "adv_ft", "settings": {}, "needs_group": False, "feasible": True},
            **{"tune": values(0.75, 0.02), "test": test, "chosen": trial == chosen},
            "kept_promise": None if test is None else True,
        }
        for trial in trials
    ]
    objective = {"reference": [0.5, 0.05, 0.0], "sparsity": False}
    dense = {"tune": values(0.8, 0.1), "test": test and values(0.8, 0.12)}
    front = {"name": "adult-sex", "objective": objective, "dense": dense, "points": points}
    (folder / "front.json").write_text(json.dumps(front))


@pytest.fixture
def seen():
    """What MLflow knows: parent run, runs of trials by name, and the client to ask for more."""

    def look(uri):
        from mlflow import MlflowClient

        client = MlflowClient(tracking_uri=uri)
        experiment = client.get_experiment_by_name("fairfront")
        runs = list(client.search_runs([experiment.experiment_id], max_results=5000))
        parents = [run for run in runs if "fairfront.trial" not in run.data.tags]
        children = [run for run in runs if "fairfront.trial" in run.data.tags]
        by_trial = {run.data.tags["fairfront.trial"]: run for run in children}
        assert len(parents) == 1
        assert len(by_trial) == len(children), "a trial has two runs"
        return SimpleNamespace(
            client=client, experiment=experiment, parent=parents[0], trials=by_trial
        )

    return look


def steps(seen_now, trial, metric):
    run_id = seen_now.trials[trial].info.run_id
    return [entry.step for entry in seen_now.client.get_metric_history(run_id, metric)]


def test_a_search_becomes_a_parent_run_with_one_child_a_trial(tmp_path, seen):
    journal = begin(tmp_path)
    write_trial(journal, "t0000")
    write_trial(journal, "t0001", "stopped", epochs=2)
    journal.append("search_end")
    journal.close()

    assert sync(tmp_path)

    now = seen(default_uri(tmp_path))
    parent, child = now.parent, now.trials["t0000"]
    assert parent.info.run_name == "adult-sex"
    assert parent.info.status == "FINISHED"
    assert parent.data.params["search.methods"] == '["adv_ft"]'
    assert (
        parent.data.metrics["trials/finished"] == 1 and parent.data.metrics["trials/stopped"] == 1
    )
    assert child.data.tags["mlflow.parentRunId"] == parent.info.run_id
    assert child.data.tags["fairfront.method"] == "adv_ft"
    assert child.data.tags["fairfront.status"] == "finished"
    assert child.data.params == {"recovery.lr": "0.01", "recovery.epochs": "6"}
    assert child.data.metrics["bias"] == pytest.approx(0.1 / 6)
    assert steps(now, "t0000", "loss/task") == [1, 2, 3, 4, 5, 6]
    assert now.trials["t0001"].info.status == "KILLED"


def test_the_front_is_marked_and_marks_go_with_it(tmp_path, seen):
    journal = begin(tmp_path)
    for trial in ("t0000", "t0001", "t0002"):
        write_trial(journal, trial)
    journal.append("search_end")
    journal.close()
    write_front(tmp_path, ["t0000", "t0001"], chosen="t0001")
    (tmp_path / "report.html").write_text("<html></html>")
    assert sync(tmp_path)
    write_front(tmp_path, ["t0001", "t0002"], chosen="t0002", test=values(0.7, 0.03))
    assert sync(tmp_path)

    now = seen(default_uri(tmp_path))
    found = now.client.search_runs(
        [now.experiment.experiment_id], "tags.\"fairfront.front\" = 'true'"
    )
    assert {run.data.tags["fairfront.trial"] for run in found} == {"t0001", "t0002"}
    found = now.client.search_runs(
        [now.experiment.experiment_id], "tags.\"fairfront.chosen\" = 'true'"
    )
    assert [run.data.tags["fairfront.trial"] for run in found] == ["t0002"]
    assert now.trials["t0002"].data.metrics["test/bias"] == 0.03
    assert "test/bias" not in now.trials["t0000"].data.metrics
    assert now.parent.data.tags["fairfront.kept_promise"] == "true"
    assert now.parent.data.metrics["chosen/test/performance"] == 0.7
    assert now.parent.data.metrics["dense/test/bias"] == 0.12
    history = now.client.get_metric_history(now.parent.info.run_id, "hypervolume")
    # each trial ends at (.75, .1/6) in the box from (.5, .05) to (1, 0)
    assert [(h.step, h.value) for h in history] == [(n, pytest.approx(1 / 3)) for n in (1, 2, 3)]


def test_the_table_of_the_front_is_replaced_and_not_appended_to(tmp_path, seen):
    journal = begin(tmp_path)
    write_trial(journal, "t0000")
    journal.close()
    for _ in range(2):
        write_front(tmp_path, ["t0000"], chosen="t0000", test=values(0.7, 0.03))
        assert sync(tmp_path)

    now = seen(default_uri(tmp_path))
    run_id = now.parent.info.run_id
    text = now.client.download_artifacts(run_id, "front_table.json", str(tmp_path))
    with open(text) as file:
        table = json.load(file)
    rows = [dict(zip(table["columns"], row, strict=True)) for row in table["data"]]
    assert [(row["trial"], row["test bias"]) for row in rows] == [("t0000", 0.03)]
    assert json.loads(now.parent.data.tags["mlflow.loggedArtifacts"]) == [
        {"path": "front_table.json", "type": "table"}
    ]
    files = {file.path for file in now.client.list_artifacts(run_id)}
    assert files == {"config.toml", "front.json", "front_table.json"}


def test_a_mirror_that_was_killed_half_way_doubles_nothing_and_loses_nothing(tmp_path, seen):
    journal = begin(tmp_path)
    trials = [f"t{number:04d}" for number in range(12)]
    process = start_mirror(tmp_path)
    for trial in trials[:6]:
        write_trial(journal, trial)
    wait_until(lambda: len(seen_trials(tmp_path)) >= 2)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    process.stdin.close()
    write_trial(journal, trials[6])
    process = start_mirror(tmp_path)
    for trial in trials[7:]:
        write_trial(journal, trial)
    journal.append("search_end")
    journal.close()

    assert finish_mirror(process, 120)
    now = seen(default_uri(tmp_path))
    assert sorted(now.trials) == trials
    for trial in trials:
        assert steps(now, trial, "bias") == [1, 2, 3, 4, 5, 6]
        assert now.trials[trial].info.status == "FINISHED"
    assert now.parent.info.status == "FINISHED"


@pytest.mark.slow
def test_a_mirror_killed_again_and_again_tells_everything_once(tmp_path, seen):
    journal = begin(tmp_path)
    trials = [f"t{number:04d}" for number in range(40)]
    for trial in trials:
        write_trial(journal, trial)
    journal.append("search_end")
    journal.close()
    for number in range(8):
        process = start_mirror(tmp_path)
        before = len(seen_trials(tmp_path))
        wait_until(lambda start=before: len(seen_trials(tmp_path)) > start or start == len(trials))
        time.sleep(0.013 * number)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        process.stdin.close()

    assert finish_mirror(start_mirror(tmp_path), 120)
    now = seen(default_uri(tmp_path))
    assert sorted(now.trials) == trials
    assert all(steps(now, trial, "bias") == [1, 2, 3, 4, 5, 6] for trial in trials)


def seen_trials(folder):
    return ask(folder, "select value from tags where key = 'fairfront.trial'")


def statuses(folder):
    return ask(folder, "select status from runs order by status")


def ask(folder, query):
    """The first column of a query to the mirror's database, while the mirror is writing to it."""
    if not (folder / "mlflow.db").exists():
        return []
    with closing(sqlite3.connect(f"file:{folder}/mlflow.db?mode=ro", uri=True)) as database:
        try:
            return [row[0] for row in database.execute(query)]
        except sqlite3.OperationalError:  # its tables are being made
            return []


def wait_until(holds, timeout=60.0):
    deadline = time.monotonic() + timeout
    while not holds():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.05)


def test_a_search_that_died_leaves_no_run_that_seems_to_run(tmp_path, seen):
    """The mirror's standard input ends with the search; here without a word in the journal."""
    journal = begin(tmp_path)
    write_trial(journal, "t0000")
    journal.append("trial_start", trial="t0001", method="adv_ft", spec={"settings": {}})
    journal.append("report", **report("t0001", 1, last=False))
    assert finish_mirror(start_mirror(tmp_path), 120)
    now = seen(default_uri(tmp_path))
    assert now.parent.info.status == "KILLED"
    assert now.trials["t0000"].info.status == "FINISHED"
    assert now.trials["t0001"].info.status == "KILLED"

    process = start_mirror(tmp_path)  # resumed
    journal.append("report", **report("t0001", 2, last=True))
    wait_until(lambda: statuses(tmp_path) == ["FINISHED", "RUNNING", "RUNNING"])
    journal.append("trial_end", trial="t0001", status="finished", reason=None)
    journal.append("search_end")
    journal.close()
    assert finish_mirror(process, 120)
    now = seen(default_uri(tmp_path))
    assert now.parent.info.status == now.trials["t0001"].info.status == "FINISHED"
    assert steps(now, "t0001", "bias") == [1, 2]


def test_a_store_that_is_away_is_tried_again_until_it_is_back(tmp_path, seen, monkeypatch):
    monkeypatch.setattr("search.tracking.LONGEST_WAIT", 0.2)
    away = tmp_path / "away"
    away.write_text("a file where the folder of the database should be")
    uri = f"sqlite:///{away}/mlflow.db"
    run = tmp_path / "run"
    journal = begin(run)
    write_trial(journal, "t0000")
    ended = threading.Event()
    codes = []
    thread = threading.Thread(target=lambda: codes.append(follow(run, uri, ended)))
    thread.start()
    time.sleep(1.0)
    assert thread.is_alive()
    away.unlink()
    away.mkdir()
    write_trial(journal, "t0001")
    journal.append("search_end")
    journal.close()
    ended.set()
    thread.join(60)

    assert codes == [0]
    assert sorted(seen(uri).trials) == ["t0000", "t0001"]


def test_a_server_that_never_answers_costs_the_search_the_agreed_time_only(tmp_path, caplog):
    journal = begin(tmp_path)
    write_trial(journal, "t0000")
    journal.close()
    nobody = "http://127.0.0.1:9"
    process = start_mirror(tmp_path, nobody)
    before = time.monotonic()
    assert not finish_mirror(process, 3.0)
    assert time.monotonic() - before < 6.0
    assert process.poll() is not None

    assert not sync(tmp_path, nobody, timeout=1.0)
    assert "MLflow does not know all of" in caplog.text


def test_two_mirrors_of_one_folder_do_not_work_at_once(tmp_path, seen):
    journal = begin(tmp_path)
    for number in range(5):
        write_trial(journal, f"t{number:04d}")
    journal.close()
    first, second = start_mirror(tmp_path), start_mirror(tmp_path)
    assert finish_mirror(first, 120) and finish_mirror(second, 120)

    now = seen(default_uri(tmp_path))
    assert len(now.trials) == 5
    assert steps(now, "t0003", "bias") == [1, 2, 3, 4, 5, 6]


def test_the_mirror_sends_no_telemetry_and_says_nothing(tmp_path):
    journal = begin(tmp_path)
    write_trial(journal, "t0000")
    journal.close()
    assert finish_mirror(start_mirror(tmp_path), 120)
    assert (tmp_path / "mirror.log").read_text() == ""

    probe = (
        "from search.mlflow_runs import _client; _client('sqlite://');"
        "from mlflow.telemetry.client import get_telemetry_client; print(get_telemetry_client())"
    )
    plain = {k: v for k, v in os.environ.items() if k not in ("PYTEST_CURRENT_TEST", "CI")}
    said = subprocess.run(
        [sys.executable, "-c", probe], env=plain, capture_output=True, text=True, check=True
    )
    assert said.stdout == "None\n"

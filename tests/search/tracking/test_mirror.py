import json
import os
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest
from pydantic import ValidationError

from search.config.sections import TrackingConfig
from search.tracking.mirror import sync
from search.tracking.stores import default_uri
from tests.search.made_journal import begin, look, steps, values, write_front, write_trial


def test_a_search_becomes_a_parent_run_with_one_child_a_trial(tmp_path):
    journal = begin(tmp_path)
    write_trial(journal, "t0000")
    write_trial(journal, "t0001", "stopped", epochs=2)
    journal.append(
        {"event": "trial_start", "trial": "t0002", "method": "adv_ft", "spec": {"settings": {}}}
    )
    journal.append({"event": "search_end"})  # its time was up
    journal.close()

    assert sync(tmp_path)
    assert (tmp_path / "mirror.log").read_text() == ""

    now = look(default_uri(tmp_path))
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
    assert now.trials["t0002"].info.status == "KILLED"


@pytest.fixture(scope="module")
def mirrored(tmp_path_factory):
    """What MLflow knows of a search with two fronts, one after the other: of t0000 and t0001, then
    of t0001 and t0002 with their values on test."""
    folder = tmp_path_factory.mktemp("mirrored")
    journal = begin(folder)
    for trial in ("t0000", "t0001", "t0002"):
        write_trial(journal, trial)
    journal.append({"event": "search_end"})
    journal.close()
    write_front(folder, ["t0000", "t0001"], chosen="t0001")
    (folder / "report.html").write_text("<html></html>")
    assert sync(folder)
    write_front(folder, ["t0001", "t0002"], chosen="t0002", test=values(0.7, 0.03))
    assert sync(folder)
    return look(default_uri(folder))


def test_the_front_is_marked_and_marks_go_with_it(mirrored):
    found = mirrored.client.search_runs(
        [mirrored.experiment.experiment_id], "tags.\"fairfront.front\" = 'true'"
    )
    assert {run.data.tags["fairfront.trial"] for run in found} == {"t0001", "t0002"}
    found = mirrored.client.search_runs(
        [mirrored.experiment.experiment_id], "tags.\"fairfront.chosen\" = 'true'"
    )
    assert [run.data.tags["fairfront.trial"] for run in found] == ["t0002"]
    assert mirrored.trials["t0002"].data.metrics["test/bias"] == 0.03
    assert "test/bias" not in mirrored.trials["t0000"].data.metrics
    assert mirrored.parent.data.tags["fairfront.verdict"] == "certified"
    assert mirrored.parent.data.metrics["chosen/test/performance"] == 0.7
    assert mirrored.parent.data.metrics["dense/test/bias"] == 0.12
    history = mirrored.client.get_metric_history(mirrored.parent.info.run_id, "hypervolume")
    # each trial ends at (.75, .1/6) in the box from (.5, .05) to (1, 0)
    assert [(h.step, h.value) for h in history] == [(n, pytest.approx(1 / 3)) for n in (1, 2, 3)]


def test_the_table_of_the_front_is_replaced_and_not_appended_to(mirrored, tmp_path):
    run_id = mirrored.parent.info.run_id
    text = mirrored.client.download_artifacts(run_id, "front_table.json", str(tmp_path))
    with open(text) as file:
        table = json.load(file)
    rows = [dict(zip(table["columns"], row, strict=True)) for row in table["data"]]
    assert [(row["trial"], row["test bias"]) for row in rows] == [
        *[("t0001", 0.03), ("t0002", 0.03)],
    ]
    assert json.loads(mirrored.parent.data.tags["mlflow.loggedArtifacts"]) == [
        {"path": "front_table.json", "type": "table"}
    ]
    files = {file.path for file in mirrored.client.list_artifacts(run_id)}
    assert files == {
        *("config.toml", "front.json", "front.png", "front_table.json", "report.html"),
    }


@pytest.mark.parametrize(
    ("uri", "rule"),
    [
        ("mlruns", "must begin with"),
        ("file:///somewhere", "must begin with"),
        ("localhost:5000", "must begin with"),
        ("https://me:secret@mlflow.example", "must not hold a user name, password"),
    ],
)
def test_a_store_that_would_never_answer_is_refused_before_anything_starts(uri, rule):
    with pytest.raises(ValidationError, match=rule):
        TrackingConfig(uri=uri)


@pytest.mark.parametrize(
    "uri",
    ["http://127.0.0.1:5000", "sqlite:///runs/all.db", "postgresql+psycopg2://host/db"],
)
def test_servers_and_databases_are_taken(uri):
    assert TrackingConfig(uri=uri).uri == uri


def test_mlflow_is_set_to_send_no_telemetry():
    probe = (
        "from search.tracking.mlflow_runs import _client; _client('sqlite://');"
        "from mlflow.telemetry.client import get_telemetry_client; print(get_telemetry_client())"
    )
    plain = {k: v for k, v in os.environ.items() if k not in ("PYTEST_CURRENT_TEST", "CI")}
    said = subprocess.run(
        [sys.executable, "-c", probe], env=plain, capture_output=True, text=True, check=True
    )
    assert said.stdout == "None\n"


def test_a_copy_in_the_runs_folder_is_left_to_itself_and_gets_a_new_report(tmp_path):
    with closing(begin(tmp_path)) as journal:
        write_trial(journal, "t0000")
        journal.append({"event": "search_end"})
    (tmp_path / "config.toml").write_text('name = "made"\n')
    (tmp_path / "report.html").write_text("first")
    assert sync(tmp_path, timeout=300)
    (tmp_path / "report.html").write_text("second")
    before = (tmp_path / "mlflow.db").read_bytes()

    assert sync(tmp_path, leave=True)

    assert (tmp_path / "mlflow.db").read_bytes() == before  # it has hardly started
    deadline = time.monotonic() + 300
    while report_in(tmp_path) != "second" and time.monotonic() < deadline:
        time.sleep(0.5)
    assert report_in(tmp_path) == "second"


def report_in(folder):
    now = look(default_uri(folder))
    path = now.client.download_artifacts(now.parent.info.run_id, "report.html")
    return Path(path).read_text()

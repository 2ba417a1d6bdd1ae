"""A store that was tampered with, a path that an address would misread, a proxy in between."""

import json
import sqlite3
import threading
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace

import pytest

from search.tracking import server
from search.tracking.copy_state import CopyState, copy_sentence, reason_of
from search.tracking.mirror import Mirror, follow, start_mirror, sync
from search.tracking.server import search_page
from search.tracking.stores import (
    database_of,
    default_uri,
    sqlite_uri,
    without_proxy_for_loopback,
)
from tests.search.made_journal import begin, look, steps, wait_until, write_front, write_trial


def finished(folder, trials=("t0000", "t0001")):
    with closing(begin(folder)) as journal:
        for trial in trials:
            write_trial(journal, trial)
        journal.append({"event": "search_end"})
    return folder


def client_of(folder):
    from mlflow import MlflowClient

    return MlflowClient(tracking_uri=default_uri(folder))


def test_a_deleted_experiment_is_restored_and_that_is_said(tmp_path):
    run = finished(tmp_path / "run")
    uri = sqlite_uri(tmp_path / "shared.db")
    from mlflow import MlflowClient

    client = MlflowClient(tracking_uri=uri)
    client.delete_experiment(client.create_experiment("fairfront"))

    assert sync(run, uri, timeout=300)

    assert sorted(look(uri).trials) == ["t0000", "t0001"]
    sentence = copy_sentence(run)
    assert sentence.startswith(f"MLflow: the copy in {uri} is complete")
    assert "was deleted, and has been restored" in sentence


def test_an_experiment_that_cannot_be_restored_is_said_with_what_does_it(tmp_path, monkeypatch):
    run = finished(tmp_path / "run")
    client = client_of(run)
    number = client.create_experiment("fairfront")
    client.delete_experiment(number)

    def refused(self, experiment):
        raise PermissionError("not yours")

    monkeypatch.setattr("mlflow.MlflowClient.restore_experiment", refused)
    with pytest.raises(RuntimeError, match=f"experiments restore --experiment-id {number}"):
        Mirror(run, default_uri(run)).catch_up()


def test_runs_that_are_deleted_under_the_mirror_are_told_once_more(tmp_path, monkeypatch):
    monkeypatch.setattr("search.tracking.mirror.POLL", 0.05)
    monkeypatch.setattr("search.tracking.mirror.REST", 0.05)
    run = tmp_path / "run"
    journal = begin(run)
    write_trial(journal, "t0000")
    ended, codes = threading.Event(), []
    uri = default_uri(run)
    thread = threading.Thread(target=lambda: codes.append(follow(run, uri, ended)))
    thread.start()
    wait_until(lambda: (run / "mirror.json").exists())
    client = client_of(run)
    client.delete_experiment(client.get_experiment_by_name("fairfront").experiment_id)
    write_trial(journal, "t0001")
    journal.append({"event": "search_end"})
    journal.close()
    ended.set()
    thread.join(300)

    assert codes == [0]
    now = look(uri)
    assert sorted(now.trials) == ["t0000", "t0001"]
    assert steps(now, "t0000", "bias") == steps(now, "t0001", "bias") == [1, 2, 3, 4, 5, 6]


@pytest.mark.parametrize("name", ["50%", "what?", "a%20b", "c#d", "e f", "ü", "x?y=z&w"])
def test_the_database_of_a_run_lies_in_its_folder_whatever_that_is_called(tmp_path, name):
    from sqlalchemy.engine import make_url

    folder = tmp_path / name
    uri = default_uri(folder)

    assert Path(make_url(uri).database) == folder / "mlflow.db"
    assert database_of(uri) == folder / "mlflow.db"
    assert not make_url(uri).query


def test_a_folder_with_odd_letters_is_mirrored_into_itself(tmp_path):
    run = finished(tmp_path / "50% of what?")
    write_front(run, ["t0001"], chosen="t0001")
    assert sync(run, timeout=300)

    assert [path.name for path in tmp_path.iterdir()] == ["50% of what?"]
    now = look(default_uri(run))
    files = {file.path for file in now.client.list_artifacts(now.parent.info.run_id)}
    assert {"config.toml", "front.png"} <= files
    with closing(sqlite3.connect(run / "mlflow.db")) as database:
        (place,) = database.execute("select artifact_location from experiments").fetchone()[:1]
    assert place is None or "?" not in place


class Answers(BaseHTTPRequestHandler):
    """What MLflow's server says of its health, its experiment and one run."""

    def do_GET(self):
        self.wfile.write(b"HTTP/1.0 200 OK\r\n\r\n")
        self.wfile.write(b'{"experiment": {"experiment_id": "7"}}')

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.wfile.write(b"HTTP/1.0 200 OK\r\n\r\n")
        self.wfile.write(b'{"runs": [{"info": {"experiment_id": "7", "run_id": "abc"}}]}')

    def log_message(self, *words):
        pass


def test_the_server_on_this_machine_is_asked_past_a_proxy(monkeypatch, tmp_path):
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")  # nobody listens there
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(server, "PATIENCE", 20.0)
    with ThreadingHTTPServer(("127.0.0.1", 0), Answers) as running:
        threading.Thread(target=running.serve_forever, args=(0.01,), daemon=True).start()
        port = running.server_port
        server._wait_until_it_answers(SimpleNamespace(poll=lambda: None), port, tmp_path)
        page = search_page(f"http://127.0.0.1:{port}", "0123abcd")
        running.shutdown()

    assert page.startswith(f"http://127.0.0.1:{port}/#/experiments/7/runs/abc")


def test_the_mirror_asks_servers_on_this_machine_past_a_proxy(monkeypatch):
    monkeypatch.setenv("no_proxy", "intern.example")
    given = without_proxy_for_loopback()
    assert given["no_proxy"] == "intern.example,127.0.0.1,localhost,::1" == given["NO_PROXY"]
    monkeypatch.delenv("no_proxy")
    monkeypatch.delenv("NO_PROXY", raising=False)
    assert without_proxy_for_loopback()["no_proxy"] == "127.0.0.1,localhost,::1"


def test_neither_commands_nor_uploads_hold_the_address(tmp_path, monkeypatch):
    run = finished(tmp_path / "run")
    with (run / "config.toml").open("a") as file:
        file.write('[tracking]\nuri = "MLFLOW_TRACKING_URI"\n')
    uri = sqlite_uri(tmp_path / "hunter2.db")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    process = start_mirror(run, "MLFLOW_TRACKING_URI", nice=0)
    command = b""
    while b"search.tracking.mirror" not in command:  # empty until the process is what it will be
        command = Path(f"/proc/{process.pid}/cmdline").read_bytes()
        assert process.poll() is None
    process.stdin.close()
    assert process.wait(300) == 0

    assert b"hunter2" not in command
    now = look(uri)
    sent = now.client.download_artifacts(now.parent.info.run_id, "config.toml", str(tmp_path))
    assert "tracking" not in Path(sent).read_text()
    assert 'name = "adult"' in Path(sent).read_text()


def test_the_last_lines_say_how_far_the_copy_is(tmp_path):
    run = finished(tmp_path)
    size = (run / "journal.jsonl").stat().st_size
    assert copy_sentence(run) is None  # no mirror was there

    CopyState(default_uri(run), size, whole=True).write(run)
    assert copy_sentence(run) == "MLflow: the copy in the run's folder is complete"
    CopyState(default_uri(run), size).write(run)  # its files are not all there
    assert "is at 99% of the journal: it was given no more time" in copy_sentence(run)
    CopyState("http://h", size // 4, problem="http://h does not answer (refused)").write(run)
    assert copy_sentence(run) == (
        f"MLflow: the copy in http://h is at {size // 4 / size:.0%} of the journal: http://h does "
        f"not answer (refused). Nothing is lost: `fairfront report {run}` sends the rest"
    )
    (run / "config.toml").write_text("[tracking]\nenabled = false\n")
    assert copy_sentence(run) is None


def test_a_reason_is_one_line_without_secrets_or_escape_codes():
    uri = "postgresql://me:hunter2@db/x"
    said = reason_of(ValueError(f"\x1b[31mcannot open {uri}\nat all" + "x" * 500), uri)
    assert said == " [31mcannot open postgresql://***@db/x"
    try:
        try:
            raise ConnectionRefusedError(111, "Connection refused")
        except OSError as error:
            raise ValueError("Max retries exceeded with url") from error
    except ValueError as error:
        said = reason_of(error, "http://127.0.0.1:9")
    assert said == "http://127.0.0.1:9 does not answer (Connection refused)"


def test_what_the_mirror_writes_down_holds_no_secret(tmp_path):
    mirror = Mirror(tmp_path, "postgresql://me:hunter2@db/x")
    mirror.tell("why")
    assert "hunter2" not in (tmp_path / "mirror.json").read_text()
    assert json.loads((tmp_path / "mirror.json").read_text())["problem"] == "why"

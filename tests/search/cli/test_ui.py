"""`fairfront ui`: what it opens, what it says instead, how it ends."""

import os
import re
import signal
import socket
import subprocess
import sys
import urllib.request
from contextlib import closing
from pathlib import Path

import psutil
import pytest
from typer.testing import CliRunner

from search.cli.app import app
from search.errors import UserError
from search.tracking.server import HOST, free_port, front_page
from tests.search.made_journal import begin, wait_until, write_front, write_trial

ROOT = Path(__file__).resolve().parents[3]


def invoke(*arguments):
    return CliRunner().invoke(app, ["ui", *map(str, arguments)])


@pytest.fixture
def taken():
    """A port that somebody else listens on."""
    with closing(socket.socket()) as other:
        other.bind((HOST, 0))
        other.listen()
        yield other.getsockname()[1]


def test_a_folder_without_a_run_is_refused(tmp_path):
    result = invoke(tmp_path)

    assert result.exit_code == 2
    assert "holds no run" in result.output


def test_a_folder_of_several_runs_names_them(tmp_path):
    for name in ("b", "a"):
        begin(tmp_path / name).close()
    result = invoke(tmp_path)

    assert result.exit_code == 2
    said = " ".join(result.output.split())
    assert f"holds several runs, name one: {tmp_path / 'a'}, {tmp_path / 'b'}" in said


def test_a_run_on_a_server_says_which_and_starts_none(tmp_path):
    begin(tmp_path).close()
    with (tmp_path / "config.toml").open("a") as file:
        file.write('[tracking]\nuri = "http://127.0.0.1:5999"\n')
    result = invoke(tmp_path)

    assert result.exit_code == 0
    assert "http://127.0.0.1:5999" in result.output
    assert "tags.`fairfront.run_id` = '0123abcd'" in result.output


def test_a_port_that_was_asked_for_and_is_taken_is_refused_before_anything_starts(tmp_path, taken):
    begin(tmp_path).close()
    result = invoke(tmp_path, "--port", taken)

    assert result.exit_code == 2
    assert f"port {taken}" in result.output
    assert not (tmp_path / "mlflow.db").exists()


def test_without_a_wish_the_next_free_port_is_taken(taken, monkeypatch):
    monkeypatch.setattr("search.tracking.server.PORT", taken)

    assert taken < free_port(None) < taken + 100
    with pytest.raises(UserError, match=f"port {taken}"):
        free_port(taken)


def test_the_list_of_the_front_stands_beside_the_page_of_the_search():
    page = "http://127.0.0.1:5000/#/experiments/1/runs/0123?workflowType=machine_learning"

    assert front_page(page).startswith("http://127.0.0.1:5000/#/experiments/1/runs?viewStateShare")


@pytest.mark.slow
def test_the_pages_are_served_on_this_machine_alone_and_end_with_ctrl_c(tmp_path):
    run = tmp_path / "run"
    with closing(begin(run)) as journal:
        write_trial(journal, "t0001")
        journal.append({"event": "search_end", "left": 0})
    write_front(run, ["t0001"], chosen="t0001")
    command = [sys.executable, "-P", "-m", "search", "ui", str(run), "--port", str(_free())]
    said = tmp_path / "said"
    with (
        said.open("wb") as output,
        subprocess.Popen(
            command,
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"},
            stdout=output,
            stderr=output,
        ) as process,
    ):
        try:
            wait_until(lambda: "Ctrl-C ends it" in said.read_text(), 300)
            everybody = [process.pid, *_children(process.pid)]
            page = re.search(r"The search:\s+(http\S+)", said.read_text())
            with urllib.request.urlopen(page[1].split("#")[0]) as answer:
                assert b"MLflow" in answer.read()
            heard = {c.laddr.ip for c in psutil.net_connections() if _listens(c, everybody)}
            assert heard == {HOST}
        finally:
            process.send_signal(signal.SIGINT)
        assert process.wait(60) == 0
    assert not [pid for pid in everybody if psutil.pid_exists(pid)]


def _free():
    with closing(socket.socket()) as probe:
        probe.bind((HOST, 0))
        return probe.getsockname()[1]


def _children(pid):
    return [child.pid for child in psutil.Process(pid).children(recursive=True)]


def _listens(connection, everybody):
    return connection.status == psutil.CONN_LISTEN and connection.pid in everybody

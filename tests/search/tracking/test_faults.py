import os
import signal
import threading
import time

import pytest

from search.tracking.copy_state import STATE
from search.tracking.mirror import finish_mirror, follow, start_mirror, sync
from search.tracking.stores import default_uri
from tests.search.made_journal import (
    STATUSES,
    TRIALS,
    ask,
    begin,
    look,
    report,
    steps,
    wait_until,
    write_trial,
)
from tests.search.tracking.made_server import free_port, server


def test_a_mirror_that_was_killed_half_way_doubles_nothing_and_loses_nothing(tmp_path):
    journal = begin(tmp_path)
    trials = [f"t{number:04d}" for number in range(12)]
    process = start_mirror(tmp_path, nice=0)
    for trial in trials[:6]:
        write_trial(journal, trial)
    wait_until(lambda: len(ask(tmp_path / "mlflow.db", TRIALS)) >= 2)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    process.stdin.close()
    write_trial(journal, trials[6])
    process = start_mirror(tmp_path, nice=0)
    for trial in trials[7:]:
        write_trial(journal, trial)
    journal.append({"event": "search_end"})
    journal.close()

    assert finish_mirror(process, 120)
    now = look(default_uri(tmp_path))
    assert sorted(now.trials) == trials
    for trial in trials:
        assert steps(now, trial, "bias") == [1, 2, 3, 4, 5, 6]
        assert now.trials[trial].info.status == "FINISHED"
    assert now.parent.info.status == "FINISHED"


@pytest.mark.slow
def test_a_mirror_killed_again_and_again_tells_everything_once(tmp_path):
    journal = begin(tmp_path)
    trials = [f"t{number:04d}" for number in range(40)]
    for trial in trials:
        write_trial(journal, trial)
    journal.append({"event": "search_end"})
    journal.close()
    for number in range(8):
        process = start_mirror(tmp_path, nice=0)
        before = len(ask(tmp_path / "mlflow.db", TRIALS))
        wait_until(
            lambda start=before: (
                len(ask(tmp_path / "mlflow.db", TRIALS)) > start or start == len(trials)
            )
        )
        time.sleep(0.013 * number)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        process.stdin.close()

    assert finish_mirror(start_mirror(tmp_path, nice=0), 120)
    now = look(default_uri(tmp_path))
    assert sorted(now.trials) == trials
    assert all(steps(now, trial, "bias") == [1, 2, 3, 4, 5, 6] for trial in trials)


def test_a_search_that_died_leaves_no_run_that_seems_to_run(tmp_path):
    """The mirror's standard input ends with the search; here without a word in the journal."""
    journal = begin(tmp_path)
    write_trial(journal, "t0000")
    journal.append(
        {"event": "trial_start", "trial": "t0001", "method": "adv_ft", "spec": {"settings": {}}}
    )
    journal.append({"event": "report", **report("t0001", 1, last=False)})
    assert finish_mirror(start_mirror(tmp_path, nice=0), 120)
    now = look(default_uri(tmp_path))
    assert now.parent.info.status == "KILLED"
    assert now.trials["t0000"].info.status == "FINISHED"
    assert now.trials["t0001"].info.status == "KILLED"

    process = start_mirror(tmp_path, nice=0)  # resumed
    journal.append({"event": "report", **report("t0001", 2, last=True)})
    wait_until(lambda: ask(tmp_path / "mlflow.db", STATUSES) == ["FINISHED", "RUNNING", "RUNNING"])
    journal.append({"event": "trial_end", "trial": "t0001", "status": "finished", "reason": None})
    journal.append({"event": "search_end"})
    journal.close()
    assert finish_mirror(process, 120)
    now = look(default_uri(tmp_path))
    assert now.parent.info.status == now.trials["t0001"].info.status == "FINISHED"
    assert steps(now, "t0001", "bias") == [1, 2]


def test_a_store_that_is_away_is_tried_again_until_it_is_back(tmp_path, monkeypatch):
    monkeypatch.setattr("search.tracking.mirror.LONGEST_WAIT", 0.2)
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
    journal.append({"event": "search_end"})
    journal.close()
    ended.set()
    thread.join(60)

    assert codes == [0]
    assert sorted(look(uri).trials) == ["t0000", "t0001"]


def test_a_server_that_never_answers_costs_the_search_the_agreed_time_only(tmp_path, caplog):
    journal = begin(tmp_path)
    write_trial(journal, "t0000")
    journal.close()
    nobody = "http://127.0.0.1:9"
    process = start_mirror(tmp_path, nobody, nice=0)
    while not (tmp_path / STATE).exists():  # its start alone takes seconds
        assert process.poll() is None
        time.sleep(0.05)
    before = time.monotonic()
    assert not finish_mirror(process, 3.0)
    assert time.monotonic() - before < 6.0
    assert process.poll() is not None

    assert not sync(tmp_path, nobody, timeout=1.0)
    said = f"the copy in {nobody} is at 0% of the journal: {nobody} does not answer"
    assert said in caplog.text
    assert f"`fairfront report {tmp_path}` sends the rest" in caplog.text


def test_two_mirrors_of_one_folder_do_not_work_at_once(tmp_path):
    journal = begin(tmp_path)
    for number in range(5):
        write_trial(journal, f"t{number:04d}")
    journal.close()
    first, second = start_mirror(tmp_path, nice=0), start_mirror(tmp_path, nice=0)
    first.stdin.close()
    second.stdin.close()
    assert [finish_mirror(first, 120), finish_mirror(second, 120)] == [True, True]

    now = look(default_uri(tmp_path))
    assert len(now.trials) == 5
    assert steps(now, "t0003", "bias") == [1, 2, 3, 4, 5, 6]


@pytest.mark.slow
def test_a_server_that_dies_and_comes_back_knows_everything_once(tmp_path):
    port = free_port()
    uri = f"http://127.0.0.1:{port}"
    run = tmp_path / "run"
    trials = [f"t{number:04d}" for number in range(20)]
    journal = begin(run)
    with server(tmp_path, port):
        process = start_mirror(run, uri, nice=0)
        for trial in trials[:10]:
            write_trial(journal, trial)
        wait_until(lambda: len(ask(tmp_path / "server.db", TRIALS)) >= 3)
    for trial in trials[10:]:
        write_trial(journal, trial)
    wait_until(lambda: "trying again" in (run / "mirror.log").read_text())
    (run / "report.html").write_text("<html></html>")
    with server(tmp_path, port):
        journal.append({"event": "search_end"})
        journal.close()
        assert finish_mirror(process, 180)
        now = look(uri)
        assert sorted(now.trials) == trials
        for trial in trials:
            assert steps(now, trial, "bias") == [1, 2, 3, 4, 5, 6]
        files = now.client.list_artifacts(now.parent.info.run_id)
        expected = {"config.toml", "report.html", "front.png", "front_table.json"}
        assert {file.path for file in files} == expected

"""Two searches in one folder, and a run's folder that is copied while its search runs."""

import shutil
import subprocess
import sys
from collections import Counter

import pytest

from search.journal.journal import read_events
from tests.search.engine.kill_script import EPOCHS, ROOT, Victim

pytestmark = pytest.mark.slow

TRIALS, LONG = 3, 25


@pytest.fixture(params=[TRIALS])
def searching(request, tmp_path):
    victim = Victim(tmp_path / "run", "magnitude_retrain", request.param, 1)
    victim.go_on()
    yield victim
    victim.look_after()


def fairfront(*arguments):
    return subprocess.run(
        [sys.executable, "-m", "search", *map(str, arguments)],
        **{"cwd": ROOT, "capture_output": True, "text": True, "timeout": 900, "check": False},
    )


def assert_complete(run, trials=TRIALS):
    events = list(read_events(run / "journal.jsonl"))
    epochs = Counter((e["trial"], e["epoch"]) for e in events if e["event"] == "report")
    assert [e["status"] for e in events if e["event"] == "trial_end"] == ["finished"] * trials
    assert len(epochs) == trials * EPOCHS
    assert set(epochs.values()) == {1}


@pytest.mark.parametrize("searching", [LONG], indirect=True)  # longer than two commands take
def test_a_second_search_or_resume_in_the_folder_is_refused_and_the_first_is_undisturbed(
    searching,
):
    searching.wait(lambda: searching.reports() >= 2, "two reports")

    for command in (["search", "quick", "--out"], ["resume"]):
        done = fairfront(*command, searching.folder)
        assert done.returncode == 2
        assert len(done.stderr.strip().splitlines()) == 1, done.stderr
    assert searching.finish() == 0
    assert_complete(searching.folder, LONG)


def test_copies_made_while_the_search_runs_can_be_looked_at_and_gone_on_with(searching, tmp_path):
    copies = []
    for reports in (1, EPOCHS + 2, 2 * EPOCHS + 1):
        searching.wait(lambda goal=reports: searching.reports() >= goal, f"{reports} reports")
        copies.append(tmp_path / f"copy-{reports}")
        # What vanishes meanwhile, as cp tells of and passes over.
        subprocess.run(["cp", "-r", searching.folder, copies[-1]], check=False)
    assert searching.finish() == 0
    assert_complete(searching.folder)

    for copy in copies:
        shutil.rmtree(copy / "ray", ignore_errors=True)
        assert fairfront("report", copy).returncode == 0
        done = fairfront("resume", copy)
        assert done.returncode == 0, done.stderr
        assert_complete(copy)

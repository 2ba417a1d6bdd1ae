"""A search on a disk that fills up stops in one line, and goes on once the disk has grown."""

import subprocess
import sys
from collections import Counter

import pytest

from search.journal.journal import read_events
from tests.search.engine.kill_script import EPOCHS, ROOT, settings

pytestmark = pytest.mark.slow

TRIALS = 4


@pytest.fixture(params=["200k", "700k"])  # full before the search begins | after some trials
def small_disk(tmp_path, request):
    """A small file system, and what lets it grow."""
    place = tmp_path / "disk"
    place.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={request.param}", "tmpfs", place],
        capture_output=True,
    )
    if mounted.returncode:
        pytest.skip("only root may mount a file system")
    yield place, lambda: subprocess.run(["mount", "-o", "remount,size=100m", place], check=True)
    subprocess.run(["umount", "--lazy", place], check=True)


@pytest.fixture
def read_only(small_disk):
    place, grow = small_disk
    grow()
    return place, lambda mode: subprocess.run(
        ["mount", "-o", f"remount,{mode}", place], check=True
    )


def fairfront(*arguments):
    return subprocess.run(
        [sys.executable, "-m", "search", *map(str, arguments)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )


def told(done):
    return done.stderr.strip().splitlines()[-1]


def statuses(run):
    events = list(read_events(run / "journal.jsonl"))
    epochs = Counter((e["trial"], e["epoch"]) for e in events if e["event"] == "report")
    ends = Counter(e["status"] for e in events if e["event"] == "trial_end")
    starts = sum(e["event"] == "trial_start" for e in events)
    return starts, ends, epochs


def test_a_full_disk_fails_no_trial_and_the_search_goes_on_once_there_is_space(small_disk):
    place, grow = small_disk
    run = place / "run"
    asked = settings("magnitude_retrain", TRIALS, 1)

    stopped = fairfront("search", "quick", *asked, "--out", run)

    assert stopped.returncode == 1
    assert "No space left on device" in told(stopped)
    assert "Traceback" not in stopped.stderr
    begun = (run / "journal.jsonl").exists() and b'"dense"' in (run / "journal.jsonl").read_bytes()
    if begun:
        starts, ends, _ = statuses(run)
        assert set(ends) <= {"finished"}
        assert starts <= sum(ends.values()) + 1  # nothing burned through the rest
        assert f"fairfront resume {run}" in told(stopped)
    grow()
    again = ["resume", run] if begun else ["search", "quick", *asked, "--out", run]
    gone_on = fairfront(*again)
    assert gone_on.returncode == 0, gone_on.stderr
    _, ends, epochs = statuses(run)
    assert ends == {"finished": TRIALS}
    assert len(epochs) == TRIALS * EPOCHS
    assert set(epochs.values()) == {1}


@pytest.mark.parametrize("small_disk", ["200k"], indirect=True)
def test_what_a_read_only_disk_refuses_is_one_line(read_only):
    place, remount = read_only
    run = place / "run"
    assert (
        fairfront("search", "quick", *settings("magnitude_retrain", 1, 1), "--out", run).returncode
        == 0
    )

    remount("ro")
    for command in ("report", "gc", "resume", "confirm"):
        done = fairfront(command, run)
        assert done.returncode == 1, (command, done.stderr)
        assert "Read-only file system" in told(done)
        assert "Traceback" not in done.stderr
    remount("rw")
    assert fairfront("report", run).returncode == 0

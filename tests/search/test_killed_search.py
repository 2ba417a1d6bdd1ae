"""A search whose processes are killed half-way, and what `fairfront resume` makes of it."""

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path

import pytest
import torch

from search.config import Config
from search.journal import read_events
from search.problem import open_problem
from search.run_folder import RunFolder
from trainables.candidates import CandidateStore
from trainables.pipeline import Pipeline
from trainables.spec import Spec
from trainables.world import World

pytestmark = pytest.mark.slow  # two starts of Ray in processes of their own

ROOT = Path(__file__).parents[2]
TRIALS, EPOCHS = 4, 1 + 8
SETTINGS = [
    *["search.methods=['magnitude_retrain']", f"search.trials={TRIALS}", "search.concurrent=1"],
    *["search.sampler='random'", "search.scheduler='none'", "dense.max_epochs=10"],
    *[f"space.magnitude_retrain.recovery.epochs={EPOCHS - 1}", "objective.tolerance=0.6"],
    "tracking.enabled=false",
]
OF_TIME = {"time", "seconds", "event"}  # what may differ between two runs of one trial


def started(folder, *arguments):
    """`fairfront` in a process of its own; what it says goes to files beside the run."""
    said = folder.parent / f"{arguments[0]}.txt"
    with said.open("wb") as output:
        return subprocess.Popen(
            [sys.executable, "-m", "search", *arguments],
            **{"cwd": ROOT, "stdout": output, "stderr": subprocess.STDOUT},
            env={**os.environ, "OMP_NUM_THREADS": "1"},
        )


def parents():
    """Process id -> parent's, of all processes that are there now."""
    found = {}
    for status in Path("/proc").glob("[0-9]*/stat"):
        with suppress(FileNotFoundError, ProcessLookupError):  # it ended meanwhile
            found[int(status.parent.name)] = int(status.read_text().rpartition(")")[2].split()[1])
    return found


def descendants(pid):
    known, below = parents(), [pid]
    for one in below:
        below.extend(child for child, parent in known.items() if parent == one)
    return below[1:]


def kill(*pids):
    for pid in pids:
        with suppress(ProcessLookupError):  # its parent's death ended it
            os.kill(pid, signal.SIGKILL)


def trial_workers(pid):
    found = []
    for one in descendants(pid):
        with suppress(FileNotFoundError, ProcessLookupError):
            title = Path(f"/proc/{one}/cmdline").read_bytes()
            found += [one] * title.startswith(b"ray::ResourceTrainable")  # as Ray names ours
    return found


def events(folder):
    path = folder / "journal.jsonl"
    return list(read_events(path)) if path.exists() else []


def wait(process, holds, what, seconds=120):
    end = time.monotonic() + seconds
    while not holds():
        assert process.poll() is None, f"the search ended before {what}"
        assert time.monotonic() < end, f"waited in vain for {what}"
        time.sleep(0.02)


def count(folder, kind):
    return sum(event["event"] == kind for event in events(folder))


@pytest.fixture(scope="module")
def revived(tmp_path_factory):
    """Killed in its second trial; resumed; the worker killed in its third; went on by itself."""
    folder = tmp_path_factory.mktemp("killed") / "run"
    overrides = [word for one in SETTINGS for word in ("--set", one)]
    search = started(folder, "search", "quick", *overrides, "--out", str(folder))
    below = []
    try:
        wait(search, lambda: count(folder, "report") >= EPOCHS + 4, "its second trial")
        below = descendants(search.pid)
    finally:
        kill(search.pid, *below)
        search.wait()
    prefix = (folder / "journal.jsonl").read_bytes()
    killed_at = events(folder)

    resumed = started(folder, "resume", str(folder))
    try:
        wait(resumed, lambda: count(folder, "report") >= 2 * EPOCHS + 4, "its third trial")
        (worker,) = trial_workers(resumed.pid)
        kill(worker)
        code = resumed.wait(timeout=180)
    finally:
        kill(resumed.pid, *descendants(resumed.pid))
        resumed.wait()
    return folder, prefix, killed_at, code


def test_what_the_journal_said_when_all_was_killed_stays_and_is_only_added_to(revived):
    folder, prefix, killed_at, code = revived

    assert code == 0, (folder.parent / "resume.txt").read_text()[-2000:]
    assert [e["trial"] for e in killed_at if e["event"] == "trial_end"] == ["t0001"]
    whole = prefix[: prefix.rfind(b"\n") + 1]
    assert (folder / "journal.jsonl").read_bytes().startswith(whole)
    assert (folder / "front.json").exists()


def test_every_trial_is_started_finished_and_counted_once(revived):
    found = events(revived[0])

    names = [f"t{number:04d}" for number in range(1, TRIALS + 1)]
    assert [e["trial"] for e in found if e["event"] == "trial_start"] == names
    ends = [(e["trial"], e["status"]) for e in found if e["event"] == "trial_end"]
    assert ends == [(name, "finished") for name in names]
    epochs = Counter((e["trial"], e["epoch"]) for e in found if e["event"] == "report")
    assert epochs == {(name, epoch): 1 for name in names for epoch in range(1, EPOCHS + 1)}


def test_no_proposal_is_made_twice(revived):
    specs = [e["spec"]["settings"] for e in events(revived[0]) if e["event"] == "trial_start"]

    assert all(one not in specs[:index] for index, one in enumerate(specs))


def test_killed_trials_report_what_undisturbed_ones_report(revived, tmp_path, one_thread):
    """The same specs, run through in this process: the finished, the killed and the last trial."""
    folder = RunFolder(revived[0])
    problem = open_problem(Config.load(folder.path / "config.toml"))
    dense = folder.dense(problem.untrained())
    world = World.open(problem.prepared.sealed(), dense, problem.objective, device="cpu")
    found = events(folder.path)
    specs = {e["trial"]: e["spec"] for e in found if e["event"] == "trial_start"}
    kept = set()

    for trial in specs:
        pipeline = Pipeline(Spec.from_config(specs[trial]), world, CandidateStore(tmp_path))
        expected = []
        while not pipeline.done:
            expected.append(pipeline.step())
        reports = [e for e in found if e["event"] == "report" and e["trial"] == trial]
        assert [timeless(report) for report in reports] == [timeless(one) for one in expected]
        kept |= {entry.candidate for entry in pipeline.archive}

    assert kept
    assert {path.stem for path in (folder.path / "candidates").iterdir()} == kept


@pytest.fixture
def one_thread():
    """As many as a worker gets: sums over several are not the same to the last digit."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def timeless(report):
    return {key: value for key, value in report.items() if key not in OF_TIME}

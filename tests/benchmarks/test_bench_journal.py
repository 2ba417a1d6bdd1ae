"""The journal of 5,000 trials: its size, how fast it is written and replayed, what memory keeps,
and what `report` takes of it.

The reports are those of real trials, written again under the names of 5,000 trials: short ones of
a made-up problem, or of the run whose journal FAIRFRONT_BENCH_JOURNAL names. Times are CPU times,
so that they hold on a busy machine.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections import Counter, defaultdict
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from analysis.events import Event
from search.journal.journal import Journal, read_events
from search.journal.record import Record
from search.journal.start import start_of
from tests.made_reports import made
from trainables.trial.candidate_store import CandidateStore
from trainables.trial.pipeline import Pipeline
from trainables.trial.spec import Spec
from trainables.trial.workbench import Workbench

ROOT = Path(__file__).resolve().parents[2]
TRIALS = int(os.environ.get("FAIRFRONT_BENCH_TRIALS", "5000"))
JOURNAL = os.environ.get("FAIRFRONT_BENCH_JOURNAL")  # of a run whose reports are to be taken
SETTINGS: dict[str, dict[str, Any]] = {
    "adv_ft": {"recovery": {"epochs": 30}},
    "prune_advft": {"pruner": {"keep_target": 0.3, "epochs": 10}, "recovery": {"epochs": 20}},
}
REPLAY = """
import sys, time
from pathlib import Path
import psutil
from search.journal.journal import read_events
from search.journal.record import Record
from search.journal.start import start_of

before, begin = psutil.Process().memory_info().rss, time.process_time()
record = Record()
record.replay(read_events(Path(sys.argv[1])))
seconds = time.process_time() - begin
print(seconds, (psutil.Process().memory_info().rss - before) / 2**20, len(record.trials))
"""

# The process's own peak: what `wait` says of a child includes the memory that it was forked from.
REPORT = """
import sys, time
from search.cli.app import main

sys.argv = ["fairfront", "report", sys.argv[1]]
try:
    main()
except SystemExit as end:
    assert not end.code
status = open("/proc/self/status").read()
print(time.process_time(), 1024 * int(status.split("VmHWM:")[1].split()[0]))
"""


def _trials(folder: Path) -> tuple[list[Event], list[list[Event]]]:
    """The events before the trials, and the reports of real trials, short ones unless a journal of
    real length is named. The run's config.toml is put into the folder."""
    if JOURNAL:
        shutil.copy(Path(JOURNAL).with_name("config.toml"), folder)
        return _recorded(Path(JOURNAL))
    given = made("tracking.enabled=false")
    (folder / "config.toml").write_text(given.problem.config.to_toml())
    problem = given.problem
    bench = Workbench.open(problem.prepared, given.dense, problem.objective, device="cpu")
    found: list[list[Event]] = []
    for method, settings in SETTINGS.items():
        spec = {"trial": "t0000", "method": method, "seed": 0, "settings": settings}
        spec |= {"correction": problem.correction}
        pipeline = Pipeline(Spec.from_config(spec), bench, CandidateStore(folder / "candidates"))
        found.append([])
        while not pipeline.done:
            found[-1].append(pipeline.step())
    experiment = {"event": "experiment", "run": "made", **problem.facts()}
    return [experiment, {"event": "dense", **given.of_dense}], found


def _recorded(path: Path) -> tuple[list[Event], list[list[Event]]]:
    beginning, trials = [], defaultdict(list)
    ended = set()
    for event in read_events(path):
        if event["event"] in ("experiment", "dense"):
            beginning.append(event)
        elif event["event"] == "report":
            del event["event"], event["time"]
            trials[event["trial"]].append(event)
        elif event["event"] == "trial_end":
            ended.add(event["trial"])
    return beginning, [reports for trial, reports in trials.items() if trial in ended]


def _named(report: dict[str, Any], trial: str) -> dict[str, Any]:
    """The report as that of another trial: every candidate has a name of its own."""

    def own(candidate: str) -> str:
        return f"{trial[1:]}{candidate[len(trial) - 1 :]}"

    kept = report["candidate"]
    names = {"candidate": kept and own(kept), "dropped": [own(c) for c in report["dropped"]]}
    return {**report, **names, "trial": trial}


def _write(record: Record, trials: list[list[Event]]) -> tuple[int, float]:
    """How many reports were written, and the seconds of CPU that took."""
    count, spent, settings = 0, 0.0, dict(SETTINGS["prune_advft"])
    for number in range(TRIALS):
        trial, reports = f"t{number + 1:04d}", trials[number % len(trials)]
        spec = {"trial": trial, "method": "prune_advft", "settings": settings, "seed": 0}
        record.add(start_of({**spec, "correction": {"name": "threshold"}}))
        named = [_named(report, trial) for report in reports]
        begin = time.process_time()
        for report in named:
            record.report(report)
        spent += time.process_time() - begin
        count += len(named)
        record.end(trial, "finished")
    return count, spent


@pytest.fixture(scope="module")
def journal(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, int]:
    """A journal in the folder of a run, and how many reports it has."""
    folder = tmp_path_factory.mktemp("run")
    beginning, trials = _trials(folder)
    kinds = Counter(report["candidate"] is not None for one in trials for report in one)
    with closing(Journal(folder)) as written:
        record = Record(written)
        for event in beginning:
            record.add({key: value for key, value in event.items() if key != "time"})
        reports, spent = _write(record, trials)
    size = written.path.stat().st_size
    print(
        f"\n{TRIALS} trials, {reports} reports, {kinds[True] / sum(kinds.values()):.0%} of them "
        f"candidates: {size / 1e6:.0f} MB, {size / reports:.0f} B a report, "
        f"{60 * size / TRIALS / 1e6:.1f} MB per 60 trials\n"
        f"written in {1e6 * spent / reports:.0f} us of CPU a report, {size / spent / 1e6:.0f} MB/s"
    )
    return written.path, reports


@pytest.mark.benchmark
def test_the_journal_of_thousands_of_trials_is_resumed_from_within_half_a_minute(
    journal: tuple[Path, int],
) -> None:
    path, reports = journal
    done = subprocess.run(
        [sys.executable, "-c", REPLAY, str(path)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
        timeout=600,
    )
    seconds, memory, replayed = (float(word) for word in done.stdout.split())
    print(
        f"replayed in {seconds:.1f} s of CPU ({1e6 * seconds / reports:.0f} us a report), "
        f"{memory:.0f} MiB of memory ({2**20 * memory / reports:.0f} B a report)"
    )
    assert replayed == TRIALS
    assert seconds < 30
    assert memory < 512


@pytest.mark.benchmark
def test_a_report_of_a_journal_of_1_gb_takes_500_mb_at_most(
    journal: tuple[Path, int],
) -> None:
    path, _ = journal
    done = subprocess.run(
        [sys.executable, "-c", REPORT, str(path.parent)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
        timeout=3600,
    )
    seconds, peak = (float(word) for word in done.stdout.split()[-2:])
    size, page = path.stat().st_size, (path.parent / "report.html").stat().st_size
    print(
        f"\nreported in {seconds:.0f} s of CPU with {peak / 1e6:.0f} MB at most: a journal of "
        f"{size / 1e6:.0f} MB, a page of {page / 1e6:.1f} MB"
    )
    assert peak <= 500e6 * max(1.0, size / 1e9)

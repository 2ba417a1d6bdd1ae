"""Two thousand no-op trials through one search: memory, files and threads of its driver."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path
from typing import Any

import psutil
import pytest

from search.engine.driver import Driver
from tests.made_reports import made, no_op

TRIALS = int(os.environ.get("FAIRFRONT_BENCH_MANY", "2000"))
EPOCHS = 2
SAMPLES = 10


class Watching:
    """Looks at this process whenever a further tenth of the trials has ended."""

    def __init__(self) -> None:
        self.rows: list[tuple[int, float, float, int, int]] = []
        self.ended = 0
        self._begin = time.monotonic()

    def take(self, event: Any) -> None:
        if event["event"] != "trial_end":
            return
        self.ended += 1
        if self.ended % max(1, TRIALS // SAMPLES) == 0:
            me = psutil.Process()
            seconds, mib = time.monotonic() - self._begin, me.memory_info().rss / 2**20
            self.rows.append((self.ended, seconds, mib, me.num_fds(), threading.active_count()))


@pytest.mark.benchmark
def test_files_and_threads_stay_and_memory_hardly_grows_over_many_trials(tmp_path: Path) -> None:
    problem = made(f"search.trials={TRIALS}", "search.concurrent=2", "tracking.enabled=false")
    run, watching = problem.folder(tmp_path / "run"), Watching()
    trainable = no_op(problem.reports, EPOCHS)
    driver = Driver(run, problem.problem, problem.dense, None, watching.take, trainable)
    with driver:
        driver.record.add({"event": "experiment", "run": "many", **problem.problem.facts()})
        driver.record.add({"event": "dense", **problem.of_dense})
        driver.search()

    print(f"\n{'trials':>7} {'s':>6} {'MiB':>6} {'files':>6} {'threads':>7}")
    for ended, seconds, mib, files, threads in watching.rows:
        print(f"{ended:7} {seconds:6.0f} {mib:6.0f} {files:6} {threads:7}")
    assert watching.ended == TRIALS
    first, last = watching.rows[1], watching.rows[-1]
    assert last[2] - first[2] < 0.05 * (last[0] - first[0])  # 50 kB a trial
    assert last[3] <= first[3] + 10
    assert last[4] <= first[4] + 5

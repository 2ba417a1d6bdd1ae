"""How far the mirror lags when a search ends, and how long it takes to tell the rest.

The search is a journal that is written at a given pace, by what writes it in a real search, with
the report of a real trial. FAIRFRONT_BENCH_PACE is its length in seconds; 0 writes it at once.
"""

from __future__ import annotations

import os
import random
import resource
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager, nullcontext
from pathlib import Path

import psutil
import pytest

from search.journal.journal import Journal
from search.journal.record import Record
from search.tracking.mirror import finish_mirror, start_mirror
from search.tracking.stores import default_uri
from tests.made_reports import Made, made, told
from tests.search.made_journal import ask
from tests.search.tracking.made_server import free_port, server

TRIALS = int(os.environ.get("FAIRFRONT_BENCH_TRIALS", "500"))
REPORTS = int(os.environ.get("FAIRFRONT_BENCH_REPORTS", "20"))
PACE = float(os.environ.get("FAIRFRONT_BENCH_PACE", "120"))
LONGEST = 900.0  # seconds that the rest may take
RUNS = "select value from tags where key = 'fairfront.trial'"
REPORTS_TOLD = "select count(*) from metrics where key = 'charged'"


def write_search(folder: Path, problem: Made) -> Iterator[None]:
    """A whole search, event by event; it is resumed after each trial."""
    with closing(Journal(folder)) as journal:
        yield from _write_trials(Record(journal), folder.name, problem)


def _write_trials(record: Record, run: str, problem: Made) -> Iterator[None]:
    record.add({"event": "experiment", "run": run, **problem.problem.facts()})
    record.add({"event": "dense", **problem.of_dense})
    draw = random.Random(0)
    for number in range(TRIALS):
        spec = {
            **{"trial": f"t{number:04d}", "method": "adv_ft", "seed": 0},
            "settings": {"recovery": {"lr": draw.random(), "slope": draw.random()}},
        }
        record.add(
            {
                "event": "trial_start",
                "trial": spec["trial"],
                "method": spec["method"],
                "spec": spec,
                "learns_from": "debias",
            }
        )
        for epoch in range(1, REPORTS + 1):
            record.report(told(problem.reports, spec, epoch, REPORTS))
        record.end(spec["trial"], "finished" if draw.random() < 0.7 else "stopped")
        yield
    record.add({"event": "search_end", "left": 0})


@contextmanager
def at_server(folder: Path) -> Iterator[tuple[str, Path, int | None]]:
    port = free_port()
    with server(folder, port) as process:
        yield f"http://127.0.0.1:{port}", folder / "server.db", process.pid


def cpu_of(server_id: int | None) -> float:
    """CPU seconds of a server and its workers so far."""
    if server_id is None:
        return 0.0
    first = psutil.Process(server_id)
    every = [first, *first.children(recursive=True)]
    return sum(sum(process.cpu_times()[:2]) for process in every)


def cpu_of_children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def requests(log: Path) -> Counter[str]:
    """How often each part of the tracking interface was asked, as a server's log says."""
    found: Counter[str] = Counter()
    for line in log.read_text().splitlines():
        if "/api/2.0/mlflow" in line:
            found[line.split("/api/2.0/")[1].split()[0].split("?")[0].split("/artifacts/")[0]] += 1
    return found


@pytest.mark.benchmark
@pytest.mark.parametrize("store", ["sqlite", "server"])
def test_the_mirror_tells_all_within_minutes_after_the_search(store: str, tmp_path: Path) -> None:
    problem = made()
    folder = tmp_path / "run"
    run = problem.folder(folder)
    own = nullcontext((default_uri(folder), folder / "mlflow.db", None))
    with own if store == "sqlite" else at_server(tmp_path) as (uri, database, server_id):
        before, children = cpu_of(server_id), cpu_of_children()
        mirror = start_mirror(folder, uri)
        begin = time.perf_counter()
        for number, _ in enumerate(write_search(folder, problem), start=1):
            time.sleep(max(0.0, begin + PACE * number / TRIALS - time.perf_counter()))
        wrote = time.perf_counter() - begin
        runs, reports = len(ask(database, RUNS)), sum(ask(database, REPORTS_TOLD))
        begin = time.perf_counter()
        run.write_front()
        assert finish_mirror(mirror, LONGEST)
        drained = time.perf_counter() - begin
        mirrors, servers = cpu_of_children() - children, cpu_of(server_id) - before
        print(
            f"\n{store}: {TRIALS} trials x {REPORTS} reports written in {wrote:.0f} s; told by "
            f"then: {runs} trials, {reports} reports; the rest {drained:.1f} s later. "
            f"CPU: mirror {1000 * mirrors / TRIALS:.0f} ms a trial, "
            f"server {1000 * servers / TRIALS:.0f} ms a trial"
        )
        assert len(ask(database, RUNS)) == TRIALS
        assert sum(ask(database, REPORTS_TOLD)) == TRIALS * REPORTS
    if store == "server":
        asked = requests(tmp_path / "server.log")
        print(f"{sum(asked.values()) / TRIALS:.1f} requests a trial: {dict(asked)}")

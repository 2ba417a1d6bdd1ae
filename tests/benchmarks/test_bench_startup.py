"""Seconds of CPU until a command has done what it is asked for, where that is little.

`python -m pytest tests/benchmarks/test_bench_startup.py -m benchmark -s` prints them.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TIMES = 3  # each; the least counts, since what else runs here only adds to it
LIGHT = 0.5  # seconds allowed
DRY_RUN = 3.0
REPORT = 4.0
TRIALS = 16

COMMANDS = [
    ["--help"],
    *(["list", what] for what in ("methods", "datasets", "models", "measures", "samplers")),
    *(["list", what] for what in ("schedulers", "presets", "tables")),
    ["data", "list"],
    ["search", "nosuch"],
    ["search", "quick", "--set", "nosuch=1"],
    ["search", "quick", "--set", "search.trials=0"],
    ["search", "quick", "--set", "objective.bias=nosuch"],
    ["confirm", "nosuch"],
]


def cpu_seconds(*words: str, times: int = TIMES, cache: Path | None = None) -> float:
    """User and system time of a command in a process of its own, and of those that it waits for:
    the least of so many runs. `cache` is its cache folder, by default the user's."""
    of_cache = {} if cache is None else {"FAIRFRONT_CACHE": str(cache)}
    taken = []
    for _ in range(times):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run(
            [sys.executable, *words],
            cwd=ROOT,
            env={**os.environ, "OMP_NUM_THREADS": "1", **of_cache},
            capture_output=True,
            check=False,
        )
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        taken.append(after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime)
    return min(taken)


@pytest.mark.benchmark
def test_what_needs_no_network_takes_half_a_second_of_cpu() -> None:
    print()
    seconds = {}
    for words in COMMANDS:
        seconds[" ".join(words)] = cpu_seconds("-m", "search", *words)
        print(f"{seconds[' '.join(words)]:5.2f} s of CPU  fairfront {' '.join(words)}", flush=True)
    assert {words: s for words, s in seconds.items() if s > LIGHT} == {}


@pytest.mark.benchmark
def test_a_dry_run_takes_three_seconds_of_cpu(tmp_path: Path) -> None:
    """Most of them torch's import, which is measured beside it: machines differ in that."""
    torch, first, again, stage = [], [], [], []
    for number in range(TIMES):
        cache = tmp_path / str(number)
        torch.append(cpu_seconds("-c", "import torch", times=1))
        for seconds in (first, again):
            words = ("-m", "search", "search", "quick", "--dry-run")
            seconds.append(cpu_seconds(*words, times=1, cache=cache))
        words = ("-m", "search", "search", "quick", "--set", "dense.lr=-1")
        stage.append(cpu_seconds(*words, times=1))
    print(f"\n{min(torch):5.2f} s of CPU  import torch")
    print(f"{min(stage):5.2f} s of CPU  fairfront search quick --set dense.lr=-1")
    print(f"{min(first):5.2f} s of CPU  fairfront search quick --dry-run, the first time")
    print(f"{min(again):5.2f} s of CPU  ..., then")
    assert min(stage) < min(torch) + 2.0
    assert max(min(first), min(again)) < DRY_RUN


@pytest.mark.benchmark
def test_a_report_of_sixteen_trials_takes_four_seconds_of_cpu(tmp_path: Path) -> None:
    """With a copy in MLflow, which a process of its own completes that is not counted, and without
    one."""
    seconds = {}
    for copied in ("true", "false"):
        run = tmp_path / copied
        limits = ["--trials", str(TRIALS), "--set", "search.time_limit='30m'"]
        words = ["search", "quick", "--out", str(run), *limits]
        words += ["--set", f"tracking.enabled={copied}"]
        subprocess.run([sys.executable, "-m", "search", *words], cwd=ROOT, check=True)
        seconds[copied] = cpu_seconds("-m", "search", "report", str(run))
    print(
        f"\n{seconds['true']:5.2f} s of CPU  fairfront report, {TRIALS} trials, copied to MLflow"
    )
    print(f"{seconds['false']:5.2f} s of CPU  ..., not copied")
    assert max(seconds.values()) < REPORT

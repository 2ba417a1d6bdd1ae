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


def cpu_seconds(*words: str) -> float:
    """User and system time of a command in a process of its own, the least of TIMES runs."""
    taken = []
    for _ in range(TIMES):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run(
            [sys.executable, *words],
            cwd=ROOT,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
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
def test_what_needs_torch_takes_little_more_than_its_import() -> None:
    torch = cpu_seconds("-c", "import torch")
    stage = cpu_seconds("-m", "search", "search", "quick", "--set", "dense.lr=-1")
    dry = cpu_seconds("-m", "search", "search", "quick", "--dry-run")
    print(f"\n{torch:5.2f} s of CPU  import torch")
    print(f"{stage:5.2f} s of CPU  fairfront search quick --set dense.lr=-1")
    print(f"{dry:5.2f} s of CPU  fairfront search quick --dry-run")
    assert stage < torch + 2.0


@pytest.mark.benchmark
def test_a_report_of_sixteen_trials_takes_four_seconds_of_cpu(tmp_path: Path) -> None:
    run = tmp_path / "run"
    limits = ["--trials", str(TRIALS), "--set", "search.time_limit='30m'"]
    words = ["search", "quick", "--out", str(run), *limits, "--set", "tracking.enabled=false"]
    subprocess.run([sys.executable, "-m", "search", *words], cwd=ROOT, check=True)
    seconds = cpu_seconds("-m", "search", "report", str(run))
    print(f"\n{seconds:5.2f} s of CPU  fairfront report, {TRIALS} trials")
    assert seconds < REPORT

"""Trials a second with everything on, beside bare Ray Tune: no-op trials, both sides in turns."""

from __future__ import annotations

import os
import statistics
import time
from pathlib import Path
from typing import Any

import pytest
from ray import tune

from search.cluster.connect import connected
from search.engine.driver import Driver
from search.tracking.mirror import finish_mirror
from tests.made_reports import Made, made, no_op

TRIALS = int(os.environ.get("FAIRFRONT_BENCH_TRIALS", "150"))
ROUNDS = int(os.environ.get("FAIRFRONT_BENCH_ROUNDS", "3"))
EPOCHS = int(os.environ.get("FAIRFRONT_BENCH_EPOCHS", "1"))
CONCURRENT = 2


class Bare(tune.Trainable):
    """A no-op trial as plain Ray Tune has it."""

    def setup(self, config: dict[str, Any]) -> None:
        self.done = 0

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        self.done = 0
        return True

    def step(self) -> dict[str, Any]:
        self.done += 1
        return {"score": self.done, "done": self.done == EPOCHS}

    def save_checkpoint(self, checkpoint_dir: str) -> None:
        """Nothing."""

    def load_checkpoint(self, checkpoint: Any) -> None:
        """Nothing."""


def _bare(folder: Path) -> tuple[float, float]:
    """Wall and driver CPU seconds of `TRIALS` no-op trials under plain Ray Tune."""
    tuner = tune.Tuner(
        tune.with_resources(Bare, {"cpu": 1}),
        param_space={"x": tune.uniform(0, 1)},
        tune_config=tune.TuneConfig(
            num_samples=TRIALS, max_concurrent_trials=CONCURRENT, reuse_actors=True
        ),
        run_config=tune.RunConfig(
            name="tune",
            storage_path=str(folder),
            checkpoint_config=tune.CheckpointConfig(checkpoint_at_end=False),
            verbose=0,
        ),
    )
    wall, cpu = time.perf_counter(), time.process_time()
    results = tuner.fit()
    seconds = time.perf_counter() - wall, time.process_time() - cpu
    assert len(results) == TRIALS
    return seconds


def _ours(folder: Path, problem: Made, monkeypatch: pytest.MonkeyPatch) -> tuple[float, ...]:
    """The same for a whole search, and how long its mirror went on after it."""
    drained = []

    def finishing(process: Any, timeout: float) -> bool:
        begin = time.perf_counter()
        told = finish_mirror(process, timeout)
        drained.append(time.perf_counter() - begin)
        return told

    monkeypatch.setattr("search.tracking.mirror.finish_mirror", finishing)
    run = problem.folder(folder)
    trainable = no_op(problem.reports, EPOCHS)
    with Driver(run, problem.problem, problem.dense, None, None, trainable) as driver:
        driver.record.add({"event": "experiment", "run": folder.name, **problem.problem.facts()})
        driver.record.add({"event": "dense", **problem.of_dense})
        wall, cpu = time.perf_counter(), time.process_time()
        driver.search()
        seconds = time.perf_counter() - wall, time.process_time() - cpu
        assert sum(t.status != "running" for t in driver.record.trials.values()) == TRIALS
    return *seconds, *drained


@pytest.mark.benchmark
def test_a_search_with_everything_on_runs_no_op_trials_nearly_as_fast_as_bare_tune(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    problem = made(f"search.trials={TRIALS}", f"search.concurrent={CONCURRENT}")
    ratios = []
    with connected(None, cpus=CONCURRENT, gpus=False):
        _bare(tmp_path / "warm")
        for turn in range(ROUNDS):
            bare, bare_cpu = _bare(tmp_path / f"bare-{turn}")
            ours, ours_cpu, drain = _ours(tmp_path / f"ours-{turn}", problem, monkeypatch)
            ratios.append(bare / ours)
            print(
                f"\n{TRIALS} trials x {EPOCHS}: bare {TRIALS / bare:.1f} trials/s, "
                f"{1000 * bare_cpu / TRIALS:.1f} ms of driver a trial; "
                f"fairfront {TRIALS / ours:.1f} trials/s, {1000 * ours_cpu / TRIALS:.1f} ms; "
                f"ratio {ratios[-1]:.2f}; mirror done {drain:.1f} s later"
            )
    assert statistics.median(ratios) >= 0.8

"""The driver's own cost per trial and per report as a search grows to 5,000 trials.

In the place of Ray's tuner stands one that calls what Ray would call: the searcher proposes, the
scheduler takes each report, writes it down and decides, the searcher learns how the trial ended.
Measured is CPU time, so that it holds on a busy machine.
"""

from __future__ import annotations

import io
import json
import os
import time
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psutil
import pytest
from ray import tune
from rich.console import Console

from search.cli.live import LiveView
from search.engine.driver import Driver
from search.engine.ray_scheduler import CONTINUE
from tests.made_reports import Made, made, told

TRIALS = int(os.environ.get("FAIRFRONT_BENCH_TRIALS", "5000"))
EPOCHS = int(os.environ.get("FAIRFRONT_BENCH_EPOCHS", "20"))
WINDOW = 100  # trials over which a cost is averaged
MARKS = (100, 1000, 2500, 5000)
GROWTH = 2.5  # allowed; the made front grows to 1,500 points, and with it the hypervolume shown


class MadeTuner:
    """Calls searcher and scheduler as Ray's Tuner does, trial after trial, and takes the time."""

    reports: Mapping[bool, dict[str, Any]]
    costs: dict[int, tuple[float, float]]  # trials so far -> (ms a proposal, ms a report)

    def __init__(self, trainable: Any, tune_config: tune.TuneConfig, run_config: Any) -> None:
        self.searcher, self.scheduler = tune_config.search_alg, tune_config.scheduler

    def fit(self) -> None:
        proposing, reporting, reports = 0.0, 0.0, 0
        for number in range(1, TRIALS + 1):
            trial = SimpleNamespace(trial_id=f"ray-{number}", num_failures=0)
            begin = time.process_time()
            trial.config = spec = self.searcher.suggest(trial.trial_id)
            proposing += time.process_time() - begin
            lines = [
                {"report": json.dumps(told(self.reports, spec, epoch, EPOCHS))}
                for epoch in range(1, EPOCHS + 1)
            ]
            begin = time.process_time()
            for line in lines:
                reports += 1
                if self.scheduler.on_trial_result(None, trial, line) != CONTINUE:
                    break
            self.searcher.on_trial_complete(trial.trial_id, None)
            reporting += time.process_time() - begin
            if number % WINDOW == 0:
                if number in MARKS:
                    memory = psutil.Process().memory_info().rss / 2**20
                    cost = (1000 * proposing / WINDOW, 1000 * reporting / reports)
                    self.costs[number] = cost
                    print(
                        f"{number} trials: {cost[0]:.2f} ms of CPU a proposal, "
                        f"{cost[1]:.2f} ms a report, {memory:.0f} MiB",
                        flush=True,
                    )
                proposing, reporting, reports = 0.0, 0.0, 0


def _drive(problem: Made, folder: Path, monkeypatch: pytest.MonkeyPatch) -> type[MadeTuner]:
    """A whole search with everything on but Ray's tuner and the mirror."""

    class Tuner(MadeTuner):
        reports = problem.reports
        costs: dict[int, tuple[float, float]] = {}  # noqa: RUF012

    monkeypatch.setattr(tune, "Tuner", Tuner)
    shown = LiveView(TRIALS, Console(file=io.StringIO()))
    run = problem.folder(folder)
    arguments = (run, problem.problem, problem.dense, None, shown.on_event)
    with Driver(*arguments) as driver:
        driver.record.add({"event": "experiment", "run": "made", **problem.problem.facts()})
        driver.record.add({"event": "dense", **problem.of_dense})
        driver.search()
    return Tuner


@pytest.mark.benchmark
@pytest.mark.parametrize("sampler", ["random", "tpe"])
def test_a_trial_costs_the_driver_the_same_however_many_went_before(
    sampler: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    print(f"\n{sampler}, {EPOCHS} reports a trial")
    problem = made(
        *(f"search.trials={TRIALS}", f"search.sampler='{sampler}'", "search.concurrent=2"),
        "tracking.enabled=false",
    )
    costs = _drive(problem, tmp_path / "run", monkeypatch).costs
    first, last = costs[min(costs)], costs[max(costs)]
    assert last[1] < GROWTH * first[1]
    if sampler == "random":  # the learning samplers have a benchmark of their own
        assert last[0] < GROWTH * first[0]

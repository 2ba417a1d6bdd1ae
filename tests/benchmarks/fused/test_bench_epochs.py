"""Whole epochs of trials on data shaped as Adult, fused and layer by layer, in turns in one run.

An epoch is what a trial takes for one: training, batch-norm statistics, scores, counts, decision
and intervals. CPU time of the process, on one thread. Judging is all of it but the training.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from tests.trainables.made_data import made_prepared
from trainables.data import batches
from trainables.evaluation.objective import Objective
from trainables.learning import learned_mask
from trainables.models.build import build
from trainables.recoveries import fair_tuning
from trainables.trial.judge import Judge
from trainables.trial.pipeline import Pipeline
from trainables.trial.spec import Spec
from trainables.trial.workbench import Workbench

ROWS = {"train": 18000, "early_stop": 4600, "debias": 2700, "held_back": 1160, "tune": 6783}
ROUNDS = int(os.environ.get("FAIRFRONT_BENCH_ROUNDS", "3"))

CASES = {
    "adv_ft, critic": ("adv_ft", {"recovery": {"bias_from": "critic", "critic_warmup": 0}}),
    "adv_ft, soft": ("adv_ft", {"recovery": {"bias_from": "soft"}}),
    "prune_advft": ("prune_advft", {"pruner": {"keep_target": 0.5, "epochs": 40}}),
    "magnitude_retrain": ("magnitude_retrain", {"pruner": {"sparsity": 0.5}}),
}
BATCHES = (64, 256)
AT_LEAST = 6.0  # times less CPU
OF_AN_EPOCH = 1 / 3  # that judging may take
TO_LOAD = 0.5  # seconds of CPU in each process after the compilation


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def trial(method, settings, batch, fused):
    """A pipeline that stands before its second epoch."""
    net = build("mlp", (98,), 1, seed=0)
    bench = Workbench.open(made_prepared(rows=ROWS, shape=(98,)), net, Objective(), fused=fused)
    slots = {slot: dict(given) for slot, given in settings.items()}
    for slot in slots.values():
        if "sparsity" not in slot:
            slot["batch_size"] = batch
    slots.setdefault("recovery", {"batch_size": batch})
    spec = Spec.from_config(
        {
            "trial": "0",
            "method": method,
            "seed": 0,
            "settings": slots,
            "correction": {"name": "threshold"},
        }
    )
    return Pipeline(spec, bench)


def cpu_seconds(step):
    begin = time.process_time()
    step()
    return time.process_time() - begin


def standing(case, batch, fused):
    """A trial whose next epoch is one like all that follow."""
    one = trial(*CASES[case], batch, fused)
    one.step()
    if case == "magnitude_retrain":  # its pruner takes one epoch
        one.step()
    return one


@pytest.mark.benchmark
@pytest.mark.parametrize("batch", BATCHES)
@pytest.mark.parametrize("case", CASES)
def test_epochs_of_a_trial_cost_a_fraction_of_the_cpu_time(capsys, case, batch):
    fused, plain = (standing(case, batch, how) for how in ("auto", "off"))
    times = [(cpu_seconds(fused.step), cpu_seconds(plain.step)) for _ in range(ROUNDS)]
    first, second = (statistics.median(side) for side in zip(*times, strict=True))
    with capsys.disabled():
        print(
            f"\n{case}, batch {batch}: fused {first:.3f} s, layer by layer {second:.3f} s, "
            f"{second / first:.1f} times (median of {ROUNDS}, at least {AT_LEAST})"
        )
    assert second / first >= AT_LEAST


@pytest.fixture
def judging(monkeypatch):
    """A list of the seconds of CPU that each part of judging took."""
    spent = []

    def timed(function):
        def run(*args, **settings):
            begin = time.process_time()
            try:
                return function(*args, **settings)
            finally:
                spent.append(time.process_time() - begin)

        return run

    monkeypatch.setattr(Judge, "report", timed(Judge.report))
    for user in (fair_tuning, learned_mask):
        recalibrate = timed(batches.recalibrate_batch_norm)
        monkeypatch.setattr(user, "recalibrate_batch_norm", recalibrate)
    return spent


def arithmetic(case):
    """The share of judging in the rows that pass through the network, a way back counting as two.

    No loop can do with less where all work on a row costs the same.
    """
    judged = ROWS["tune"] + ROWS["held_back"]
    if case == "magnitude_retrain":
        return judged / (judged + 3 * ROWS["train"])
    judged += 20 * 128  # the statistics of normalisations
    return judged / (judged + 3 * ROWS["debias"])


@pytest.mark.benchmark
@pytest.mark.parametrize("batch", BATCHES)
@pytest.mark.parametrize("case", CASES)
def test_judging_takes_a_third_of_an_epoch_at_most(capsys, judging, case, batch):
    one = standing(case, batch, "auto")
    judging.clear()
    whole = sum(cpu_seconds(one.step) for _ in range(3 * ROUNDS))
    share = sum(judging) / whole
    with capsys.disabled():
        print(
            f"\n{case}, batch {batch}: judging takes {share:.2f} of an epoch of "
            f"{whole / (3 * ROUNDS):.4f} s (at most {OF_AN_EPOCH:.2f}); "
            f"of the rows that pass it has {arithmetic(case):.2f}"
        )
    assert share <= OF_AN_EPOCH


LOADING = """
import time, torch
import trainables.stage
from trainables.fused import warming
from trainables.fused.loops import loops
begin = time.process_time()
loops()
warming._use_all()
middle = time.process_time()
warming._use_all()
print(middle - begin - (time.process_time() - middle))
"""


@pytest.mark.benchmark
def test_a_process_loads_the_compiled_loops_in_half_a_second(capsys):
    root = Path(__file__).parents[3]
    command = [sys.executable, "-c", LOADING]
    took = [
        float(subprocess.run(command, cwd=root, capture_output=True, check=True).stdout)
        for _ in range(1 + ROUNDS)
    ]
    seconds = statistics.median(took[1:])  # the first may have compiled them
    with capsys.disabled():
        print(f"\nloops loaded in {seconds:.2f} s of CPU (median of {ROUNDS}; at most {TO_LOAD})")
    assert seconds <= TO_LOAD

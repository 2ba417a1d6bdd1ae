"""Whole epochs of trials on data shaped as Adult, fused and layer by layer, in turns in one run.

An epoch is what a trial takes for one: training, batch-norm statistics, scores, counts, decision
and intervals. CPU time of the process, on one thread.
"""

from __future__ import annotations

import os
import statistics
import time

import pytest
import torch

from tests.trainables.made_data import made_prepared
from trainables.evaluation.objective import Objective
from trainables.models.build import build
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


@pytest.mark.benchmark
@pytest.mark.parametrize("batch", BATCHES)
@pytest.mark.parametrize("case", CASES)
def test_epochs_of_a_trial_cost_a_fraction_of_the_cpu_time(capsys, case, batch):
    method, settings = CASES[case]
    fused, plain = (trial(method, settings, batch, how) for how in ("auto", "off"))
    for one in (fused, plain):
        one.step()
    if method == "magnitude_retrain":  # its pruner takes one epoch
        for one in (fused, plain):
            one.step()
    times = [(cpu_seconds(fused.step), cpu_seconds(plain.step)) for _ in range(ROUNDS)]
    first, second = (statistics.median(side) for side in zip(*times, strict=True))
    with capsys.disabled():
        print(
            f"\n{case}, batch {batch}: fused {first:.3f} s, layer by layer {second:.3f} s, "
            f"{second / first:.1f} times (median of {ROUNDS}, at least {AT_LEAST})"
        )
    assert second / first >= AT_LEAST

"""Whether results can be told apart: the same trials, by compiled loops and layer by layer.

Performance and bias at the end of a trial, their mean difference over seeds, and an interval of
it. All intervals together hold with probability .95. `FAIRFRONT_BENCH_PAIRS` names a file of JSON
lines that is gone on with; without it nothing is kept.
"""

from __future__ import annotations

import json
import math
import os
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy import stats

from tests.made_tables import made_table
from trainables.data.frame import from_frame
from trainables.data.prepare import prepare
from trainables.dense.erm import Erm
from trainables.evaluation.intervals import simultaneous_level
from trainables.evaluation.objective import Objective
from trainables.models.build import build
from trainables.trial.pipeline import Pipeline
from trainables.trial.spec import Spec, StageSpec
from trainables.trial.workbench import Workbench

SEEDS = int(os.environ.get("FAIRFRONT_BENCH_SEEDS", "10"))
ROWS = int(os.environ.get("FAIRFRONT_BENCH_ROWS", "12000"))
HIDDEN = 3  # layers: the ten of `mlp` learn nothing from so few rows in so few epochs
DISCOVERY = {"keep_target": 0.5, "epochs": 40, "floor": True}
# The threshold follows the performance alone: what the bias is without help from it.
CORRECTION = {"name": "threshold", "choose": "balanced_accuracy"}
SCRATCH = {"max_epochs": 40, "keep": "last"}
METHODS = {
    "erm": {"dense": SCRATCH},
    "adv_ft": {"recovery": {"epochs": 30}},
    "prune_advft": {"pruner": DISCOVERY, "recovery": {"epochs": 30}},
    "netaug": {"pruner": DISCOVERY, "recovery": {"epochs": 30}},
    "external_graft": {"pruner": DISCOVERY, "recovery": {"epochs": 30}},
    "magnitude_retrain": {"pruner": {"sparsity": 0.5}, "recovery": {"epochs": 30}},
    "adversarial_debiasing": {"dense": SCRATCH},
}


@cache
def benches():
    """Of both ways, with the same dense net."""
    table = made_table(ROWS)
    what = {"label": "decision", "positive": "granted", "attributes": ["sex"]}
    data = from_frame(table, name="made", missing="impute", **what)
    prepared = prepare(data, group="sex")
    shape = prepared.input_shape
    open_bench = Workbench.open(
        prepared, build("mlp", shape, 1, seed=0, hidden=HIDDEN), Objective()
    )
    first = Pipeline(spec_of("erm", 0), replace(open_bench, initial=open_bench.dense))
    while not first.done:
        first.step()
    dense = first.left[-1].net
    return {
        how: Workbench.open(
            prepared,
            dense,
            Objective(),
            initial=build("mlp", shape, 1, seed=0, hidden=HIDDEN),
            fused=how,
        )
        for how in ("auto", "off")
    }


def spec_of(method, seed):
    base = {"trial": "0", "seed": seed, "correction": CORRECTION}
    if method != "erm":
        return Spec.from_config({**base, "method": method, "settings": METHODS[method]})
    spec = Spec.from_config({**base, "method": "dense_threshold", "settings": {}})
    stage = StageSpec("dense", "erm", Erm(**METHODS["erm"]["dense"]), "dense")
    return replace(spec, method="erm", stages=(stage,))


def ends(method, seed, how):
    pipeline = Pipeline(spec_of(method, seed), benches()[how])
    while not pipeline.done:
        report = pipeline.step()
    return {"performance": report["performance"], "bias": report["bias"]}


def done_before(path):
    if path is None or not path.exists():
        return {}
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    return {(one["method"], one["seed"], one["how"]): one["ends"] for one in lines}


def test_interval_of_a_mean_difference_is_the_students():
    mean, half = mean_and_half(np.array([1.0, 2.0, 3.0]), 0.95)

    assert mean == 2.0
    assert half == pytest.approx(4.302653 / math.sqrt(3), rel=1e-5)


def mean_and_half(differences, level):
    """The mean, and half the width of its Student interval."""
    n = len(differences)
    spread = differences.std(ddof=1) / math.sqrt(n)
    return float(differences.mean()), float(stats.t.ppf(0.5 + level / 2, n - 1) * spread)


@pytest.mark.benchmark
def test_performance_and_bias_cannot_be_told_apart(capsys):
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    given = os.environ.get("FAIRFRONT_BENCH_PAIRS")
    path = Path(given) if given else None
    found = done_before(path)
    for seed in range(SEEDS):
        for method in METHODS:
            for how in ("auto", "off"):
                if (method, seed, how) in found:
                    continue
                found[method, seed, how] = ends(method, seed, how)
                if path is not None:
                    one = {"method": method, "seed": seed, "how": how}
                    with path.open("a") as file:
                        file.write(json.dumps({**one, "ends": found[method, seed, how]}) + "\n")
    torch.set_num_threads(threads)

    level, apart = simultaneous_level(0.95, 2 * len(METHODS)), []
    for method in METHODS:
        for value in ("performance", "bias"):
            auto, off = (
                np.array([found[method, seed, how][value] for seed in range(SEEDS)], float)
                for how in ("auto", "off")
            )
            mean, half = mean_and_half(auto - off, level)
            with capsys.disabled():
                print(
                    f"\n{method:<22} {value:<12} compiled {auto.mean():.4f}, layer by layer "
                    f"{off.mean():.4f}, difference {mean:+.4f} +- {half:.4f}",
                    end="",
                )
            if abs(mean) > half:
                apart.append(f"{method} {value}")
    assert not apart

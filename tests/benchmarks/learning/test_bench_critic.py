"""What a critic of adversarial fine-tuning learns, and what it is worth beside the soft bias.

    FAIRFRONT_BENCH_SEEDS=5 pytest tests/benchmarks/learning/test_bench_critic.py -m benchmark -s

Adult by sex, as table 4 of Zhang et al. (ECCV 2022) is run: a dense net for each seed, values on
tune. "control" multiplies by nothing. Wants `fairfront data get adult`.
`FAIRFRONT_BENCH_METHOD=prune_advft` prunes first.
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import torch

import search
from search.config.config import Config
from search.problem.problem import open_problem
from trainables.trial.pipeline import Pipeline
from trainables.trial.spec import Spec
from trainables.trial.workbench import Workbench

SEEDS = int(os.environ.get("FAIRFRONT_BENCH_SEEDS", "5"))
METHOD = os.environ.get("FAIRFRONT_BENCH_METHOD", "adv_ft")
EXPERIMENT = Path(search.__file__).parent / "reproduce" / "experiments" / "adult_sex_aod.toml"
RATES = (1e-2, 1e-3)  # the published one, and a tenth
SIDES = {
    "critic": {},
    "soft": {"bias_from": "soft"},
    "control": {"bias_from": "soft", "slope": 0.0},
}
LAST = 10  # epochs


def _bench(seed):
    changes = [f"seed={seed}", f"search.methods=['{METHOD}']", "tracking.enabled=false"]
    problem = open_problem(Config.load(EXPERIMENT, changes))
    dense = problem.dense(problem.untrained())
    opened = Workbench.open(
        problem.prepared, dense, problem.objective, sparsity=False, fused="auto"
    )
    return problem.correction, opened


def _reports(bench, correction, seed, recovery):
    pruner = {"pruner": {"batch_size": 128, "floor": True}} if METHOD != "adv_ft" else {}
    spec = Spec.from_config(
        {
            **{"trial": "t", "seed": seed, "method": METHOD, "correction": correction},
            "settings": {"recovery": {"batch_size": 128, **recovery}, **pruner},
        }
    )
    pipeline, reports = Pipeline(spec, bench), []
    while not pipeline.done:
        reports.append(pipeline.step())
    return [report for report in reports if report["final_stage"]]


@pytest.mark.benchmark
def test_a_critic_predicts_better_than_the_mean(capsys):
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    found = []
    for seed in range(SEEDS):
        correction, bench = _bench(seed)
        for rate in RATES:
            for side, settings in SIDES.items():
                reports = _reports(bench, correction, seed, {"lr": rate, **settings})
                known = [report["losses"].get("critic_r2", np.nan) for report in reports]
                late = reports[-LAST:]
                one = {
                    **{"seed": seed, "rate": rate, "side": side},
                    "last": reports[-1]["performance"],
                    "last_bias": reports[-1]["bias"],
                    "late": np.mean([report["performance"] for report in late]),
                    "late_bias": np.mean([abs(report["bias"]) for report in late]),
                    "r2": (known[0], np.mean(known[1:10]), np.mean(known[10:])),
                }
                found.append(one)
                with capsys.disabled():
                    print("\n" + _line(one), end="", flush=True)
    torch.set_num_threads(threads)
    for rate in RATES:
        for side in SIDES:
            of_side = [one for one in found if (one["rate"], one["side"]) == (rate, side)]
            mean = {"seed": "mean", "rate": rate, "side": side} | {
                name: np.mean([one[name] for one in of_side], axis=0)
                for name in ("last", "last_bias", "late", "late_bias", "r2")
            }
            with capsys.disabled():
                print("\n" + _line(mean), end="")
    assert all(one["r2"][2] > 0 for one in found if one["side"] == "critic")


def _line(one):
    line = (
        f"{one['seed']!s:>4}  lr {one['rate']:<6g} {one['side']:<8}"
        f"last {one['last']:.3f} at {one['last_bias']:.3f}, "
        f"last {LAST} {one['late']:.3f} at {one['late_bias']:.3f}"
    )
    if one["side"] != "critic":
        return line
    alone, early, later = one["r2"]
    return f"{line}; R2 alone {alone:.2f}, to epoch 10 {early:.2f}, then {later:.2f}"

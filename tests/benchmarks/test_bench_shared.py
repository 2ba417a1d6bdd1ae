"""Samples processed with shared discoveries and without, over the paper's recoveries on COMPAS."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats

from search.config.config import Config
from search.engine.experiment import run
from search.journal.journal import read_events

TRIALS = int(os.environ.get("FAIRFRONT_BENCH_TRIALS", "24"))
SEEDS = int(os.environ.get("FAIRFRONT_BENCH_SEEDS", "1"))
EPOCHS = int(os.environ.get("FAIRFRONT_BENCH_EPOCHS", "20"))  # of a discovery and of a recovery
POOL = 6
METHODS = ("prune_advft", "noise_graft", "internal_graft", "netaug")
RECOVERIES = ("adversarial", "noise_graft", "internal_graft", "netaug")
LEAST = 3.0  # times fewer samples in discovery


def _config(shared: int, seed: int) -> Config:
    return Config.load(
        "compas_sex_eod",
        [
            f"search.methods={list(METHODS)}",
            *[f"search.trials={TRIALS}", f"search.shared_pruners={shared}", f"seed={seed}"],
            *["search.scheduler='none'", "search.sampler='qmc'", "tracking.enabled=false"],
            *["space={}", f"space.pruner.mask_discovery.epochs={EPOCHS}"],
            "space.pruner.mask_discovery.floor=true",
            *[f"space.recovery.{name}.epochs={EPOCHS}" for name in RECOVERIES],
        ],
    )


def _spent(folder: Path) -> dict[str, float]:
    """Samples that trials have processed, by the role of the stage."""
    spent: dict[str, float] = {}
    before: dict[str, float] = {}
    for report in _reports(folder):
        trial, role = report["trial"], report["role"]
        spent[role] = spent.get(role, 0.0) + report["spent"] - before.get(trial, 0.0)
        before[trial] = report["spent"]
    return spent


def _reports(folder: Path) -> Iterator[dict[str, Any]]:
    for event in read_events(folder / "journal.jsonl"):
        if event["event"] == "report":
            yield event


def _both(folder: Path, seed: int) -> tuple[dict[str, dict[str, float]], float]:
    """Samples by role of both searches, and the hypervolume shared less that alone."""
    spent, volumes = {}, []
    for name, shared in (("shared", POOL), ("alone", 0)):
        result = run(_config(shared, seed), out=folder / f"{name}{seed}")
        spent[name] = _spent(result.folder)
        volumes.append(result.front["hypervolume"] or 0.0)  # None: nothing was feasible
        print(
            f"seed {seed} {name:<8} discovery {spent[name]['pruner']:>10,.0f} samples, in all "
            f"{sum(spent[name].values()):>10,.0f}; hypervolume {volumes[-1]:.4f}"
        )
    return spent, volumes[0] - volumes[1]


@pytest.mark.benchmark
@pytest.mark.data
def test_a_pool_of_discoveries_saves_most_of_what_discovery_costs(tmp_path: Path) -> None:
    differences = []
    for seed in range(SEEDS):
        spent, difference = _both(tmp_path, seed)
        differences.append(difference)
        ratio = spent["alone"]["pruner"] / spent["shared"]["pruner"]
        whole = sum(spent["alone"].values()) / sum(spent["shared"].values())
        print(
            f"{TRIALS} trials, {POOL} discoveries: {ratio:.1f} times fewer samples in discovery, "
            f"{whole:.1f} in all"
        )
        assert spent["alone"]["recovery"] == spent["shared"]["recovery"]
        assert ratio >= LEAST
    if SEEDS > 1:
        low, high = stats.t.interval(0.95, SEEDS - 1, np.mean(differences), stats.sem(differences))
        print(
            f"hypervolume shared less alone over {SEEDS} seeds: {np.mean(differences):+.4f} "
            f"[{low:+.4f}, {high:+.4f}]"
        )

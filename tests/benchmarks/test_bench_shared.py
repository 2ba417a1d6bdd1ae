"""Samples processed with shared discoveries and without, over the paper's recoveries on COMPAS."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from search.config import Config
from search.experiment import run
from search.journal import read_events

TRIALS = int(os.environ.get("FAIRFRONT_BENCH_TRIALS", "24"))
EPOCHS = int(os.environ.get("FAIRFRONT_BENCH_EPOCHS", "20"))  # of a discovery and of a recovery
POOL = 6
METHODS = ("prune_advft", "noise_graft", "internal_graft", "netaug")
RECOVERIES = ("adversarial", "noise_graft", "internal_graft", "netaug")
LEAST = 3.0  # times fewer samples in discovery


def _config(shared: int) -> Config:
    return Config.load(
        "compas_sex_eod",
        [
            f"search.methods={list(METHODS)}",
            *[f"search.trials={TRIALS}", f"search.shared_pruners={shared}"],
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


def _line(name: str, spent: dict[str, float], volume: float | None) -> str:
    said = "none" if volume is None else f"{volume:.4f}"
    return (
        f"{name:<8} discovery {spent['pruner']:>12,.0f} samples, in all "
        f"{sum(spent.values()):>12,.0f}; hypervolume {said}"
    )


@pytest.mark.benchmark
@pytest.mark.data
def test_a_pool_of_discoveries_saves_most_of_what_discovery_costs(tmp_path: Path) -> None:
    found = {}
    for name, shared in (("shared", POOL), ("alone", 0)):
        result = run(_config(shared), out=tmp_path / name)
        found[name] = _spent(result.folder)
        print(_line(name, found[name], result.front["hypervolume"]))
    ratio = found["alone"]["pruner"] / found["shared"]["pruner"]
    whole = sum(found["alone"].values()) / sum(found["shared"].values())
    print(f"{TRIALS} trials, {POOL} discoveries: {ratio:.1f} times fewer samples in discovery, "
          f"{whole:.1f} in all")  # fmt: skip
    assert found["alone"]["recovery"] == found["shared"]["recovery"]
    assert ratio >= LEAST

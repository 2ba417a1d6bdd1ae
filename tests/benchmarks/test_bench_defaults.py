"""What searches come to whose files name nothing but data, group and bias.

    FAIRFRONT_BENCH_SETS=m1,m5,m20,compas,adult,digits pytest tests/benchmarks/test_bench_defaults.py -m benchmark -s

FAIRFRONT_BENCH_DEFAULTS=published,fitted runs both sides one after the other. m1, m5, ... are
made-up tables of so many thousand rows.
"""  # noqa: E501

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from search.config.config import Config
from search.engine.experiment import run
from search.journal.journal import read_events
from tests.made_tables import made_table

TRIALS = int(os.environ.get("FAIRFRONT_BENCH_TRIALS", "12"))
SETS = os.environ.get("FAIRFRONT_BENCH_SETS", "m1,m5,m20").split(",")
SIDES = os.environ.get("FAIRFRONT_BENCH_DEFAULTS", "fitted").split(",")
CONCURRENT = int(os.environ.get("FAIRFRONT_BENCH_CONCURRENT", "2"))
TIME_LIMIT = os.environ.get("FAIRFRONT_BENCH_TIME_LIMIT")
SPLIT = int(os.environ.get("FAIRFRONT_BENCH_SPLIT", "0"))
TRIVIAL = 0.1  # of the trials, at most

KNOWN: dict[str, dict[str, Any]] = {
    "adult": {"data": {"name": "adult", "group": "sex"}},
    "adult_race": {"data": {"name": "adult", "group": "race"}},
    "compas": {"data": {"name": "compas", "group": "sex"}, "objective": {"tolerance": 0.15}},
    "digits": {
        "data": {"name": "digits", "group": "domain"},
        "model": {"name": "convnet"},
        "objective": {"performance": "accuracy", "bias": "bias_amplification"},
    },
}
MADE_UP: dict[str, Any] = {
    "data": {
        **{"group": "sex", "label": "decision", "positive": "granted"},
        **{"attributes": ["sex"], "missing": "impute", "min_cell": 10},
    },
    "objective": {"bias": "abs_aod"},
}


def _config(name: str, defaults: str) -> Config:
    values = {**KNOWN.get(name, MADE_UP), "name": name}
    values["data"] = {**values["data"], "split_seed": SPLIT}
    values["search"] = {"trials": TRIALS, "concurrent": CONCURRENT, "defaults": defaults}
    if TIME_LIMIT:
        values["search"]["time_limit"] = TIME_LIMIT
    values["tracking"] = {"enabled": False}
    if defaults == "published":  # all as it was before settings followed from the data
        values["search"]["share"] = "even"
        values.setdefault("model", {"name": "mlp"})
    return Config.model_validate(values)


def _trials(folder: Path) -> tuple[int, int]:
    """How many trials have ended, and how many never beat a constant prediction."""
    better: dict[str, bool] = {}
    ended = []
    for event in read_events(folder / "journal.jsonl"):
        if event["event"] == "report" and event["final_stage"]:
            trial = event["trial"]
            better[trial] = better.get(trial, False) or bool(event["beats_trivial"])
        elif event["event"] == "trial_end":
            ended.append(event["trial"])
    return len(ended), sum(not better.get(trial, False) for trial in ended)


@pytest.mark.benchmark
@pytest.mark.parametrize("name", SETS)
def test_few_trials_of_a_search_with_defaults_are_no_better_than_a_constant(
    name: str, tmp_path: Path
) -> None:
    for defaults in SIDES:
        frame = None if name in KNOWN else made_table(1000 * int(name[1:]))
        begin = time.monotonic()
        result = run(_config(name, defaults), data=frame, out=tmp_path / defaults)
        seconds = time.monotonic() - begin
        ended, trivial = _trials(result.folder)
        points = result.front["points"]
        dense = result.front["dense"]["tune"]
        chosen = next((point for point in points if point["chosen"]), None)
        shares = [point["tune"]["sparsity"] for point in points if point["feasible"]]
        sparse = [share for share in shares if share >= 0.5]
        said = "nothing chosen"
        if chosen is not None:
            tune = chosen["tune"]
            said = (
                f"chosen {chosen['method']} {tune['performance']:.3f} at {tune['bias']:.3f}, "
                f"sparsity {tune['sparsity']:.2f}"
            )
        print(
            f"{name:<10} {defaults:<9} {ended} trials, {trivial} trivial, {seconds:.0f} s; "
            f"dense net {dense['performance']:.3f} at {dense['bias']:.3f}; {said}; "
            f"{len(sparse)} feasible points with half of the weights removed"
            + (f", up to {np.max(sparse):.2f}" if sparse else "")
        )
        if defaults == "fitted":
            assert trivial <= TRIVIAL * ended

"""Canned trials: what a real trial reports, said again without any training."""

from __future__ import annotations

import json
import tempfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from ray import tune
from torch import nn

from search.config.config import Config
from search.problem.dense_net import dense_report
from search.problem.problem import Problem, open_problem
from search.runs.folder import RunFolder
from trainables.trial.candidate_store import CandidateStore
from trainables.trial.pipeline import Pipeline
from trainables.trial.spec import Spec
from trainables.trial.workbench import Workbench

CONFIG = """
name = "made"
[data]
label = "hired"
attributes = ["sex", "race"]
group = "sex"
min_cell = 10
[dense]
name = "erm"
max_epochs = 20
[search]
methods = ["adv_ft", "prune_advft"]
"""


def people(rows: int = 6000) -> pd.DataFrame:
    """Whether somebody was hired: can be learned from skill, and was unfair to women."""
    draw = np.random.default_rng(0)
    sex = draw.choice(["female", "male"], rows)
    skill = draw.normal(size=rows)
    hired = skill + 0.5 * (sex == "male") + 0.5 * draw.normal(size=rows) > 0
    race = draw.choice(["a", "b", "c"], rows)
    return pd.DataFrame({"skill": skill, "sex": sex, "race": race, "hired": hired.astype(int)})


@dataclass(frozen=True, eq=False)
class Made:
    """A problem with its dense net, and what a real trial on it reports of an epoch that leaves a
    candidate and of one that leaves none."""

    problem: Problem
    dense: nn.Module
    of_dense: dict[str, Any]
    reports: dict[bool, dict[str, Any]]

    def folder(self, path: Path) -> RunFolder:
        """A run folder for it, as a search has it before its first event."""
        folder = RunFolder(path)
        folder.create(self.problem.config, self.dense, self.problem.prepared)
        return folder


def made(*overrides: str) -> Made:
    """A made-up problem with six crossings, and what its dense net reports as a trial."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "made.toml"
        path.write_text(CONFIG)
        problem = open_problem(Config.load(path, overrides), people())
    dense = problem.dense(problem.untrained())
    bench = Workbench.open(problem.prepared, dense, problem.objective, device="cpu")
    of_dense = dense_report(bench)
    problem = problem.with_reference(of_dense["trivial_performance"])
    spec = {"trial": "t0000", "method": "dense_threshold", "seed": 0, "settings": {}}
    spec |= {"correction": problem.correction}
    with tempfile.TemporaryDirectory() as folder:
        trial = Pipeline(Spec.from_config(spec), bench, CandidateStore(Path(folder)))
        left, kept = trial.step(), trial.step()
    if left["candidate"] is not None or kept["candidate"] is None:
        raise ValueError(f"made reports: only the last epoch is to leave a candidate, got {kept}")
    reports = {kind: json.loads(json.dumps(one)) for kind, one in ((True, kept), (False, left))}
    return Made(problem, dense, of_dense, reports)


def told(
    reports: Mapping[bool, dict[str, Any]], spec: dict[str, Any], epoch: int, epochs: int
) -> dict[str, Any]:
    """What the trial of `spec` is made to report after `epoch` of `epochs`.

    Bias falls in the course of a trial; where from, and the performance, follow from the settings.
    Every feasible epoch leaves a candidate, at a threshold of its own, so that fronts are large.
    """
    draw = zlib.crc32(json.dumps(spec["settings"], sort_keys=True).encode()) / 2**32
    bias = 0.2 * draw * (1.5 - epoch / epochs)
    feasible = bias < 0.03
    index = 500 + round(450 * (draw + epoch / epochs) / 2)
    return {
        **reports[feasible],
        **{"trial": spec["trial"], "epoch": epoch, "stage_epoch": epoch, "stage_epochs": epochs},
        **{"stage": 0, "role": "recovery", "name": "adversarial", "charged": epoch * 1000},
        **{"losses": {"task": 0.5, "bias": bias, "critic": 0.7}},
        **{"final_stage": True, "last": epoch == epochs, "beats_trivial": True},
        **{"performance": 0.75 + 0.2 * draw * epoch / epochs, "sparsity": 0.9 * (1 - draw)},
        **{"bias": bias, "bias_interval": [max(0.0, bias - 0.01), bias + 0.01]},
        **{"bias_upper": bias + 0.01, "feasible": feasible, "dropped": []},
        "candidate": f"{spec['trial']}-{epoch}" if feasible else None,
        "decision": {**reports[feasible]["decision"], "index": index, "threshold": index / 1000},
    }


def no_op(reports: Mapping[bool, dict[str, Any]], epochs: int) -> type[tune.Trainable]:
    """A trainable that says `told` for each of `epochs` epochs and does nothing else."""

    class NoOp(tune.Trainable):  # within a function: pickled by value, workers import no tests
        def setup(self, config: dict[str, Any], supplies: Any) -> None:
            self._begin(config)

        def reset_config(self, new_config: dict[str, Any]) -> bool:
            self._begin(new_config)
            return True

        def _begin(self, config: dict[str, Any]) -> None:
            self.spec, self.done = config, 0

        def step(self) -> dict[str, Any]:
            self.done += 1
            return {"report": json.dumps(told(reports, self.spec, self.done, epochs))}

        def save_checkpoint(self, checkpoint_dir: str) -> None:
            """Nothing."""

        def load_checkpoint(self, checkpoint: Any) -> None:
            """Nothing."""

    return NoOp

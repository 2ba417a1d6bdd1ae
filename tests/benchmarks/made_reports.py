"""Canned trials: what a real trial reports, said again without any training."""

from __future__ import annotations

import json
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ray import tune
from torch import nn

from search.config import Config
from search.dense_net import dense_report
from search.problem import Problem, open_problem
from search.run_folder import RunFolder
from trainables.pipeline import Pipeline
from trainables.spec import Spec
from trainables.world import World

DIGITS = (
    *("data.args={target='odd'}", "dense.max_epochs=4", "model.name='mlp'"),
    *("objective.performance='balanced_accuracy'", "objective.bias='aod'"),
    *("search.methods=['adv_ft', 'prune_advft']", "search.time_limit='1000h'"),
)


@dataclass(frozen=True, eq=False)
class Made:
    """A problem with its dense net, and one report of a real trial on it."""

    problem: Problem
    dense: nn.Module
    of_dense: dict[str, Any]
    report: dict[str, Any]

    def folder(self, path: Path) -> RunFolder:
        folder = RunFolder(path)
        folder.create(self.problem.config, self.dense, self.problem.prepared)
        return folder


def made(*overrides: str) -> Made:
    """Digits with two groups, and what the first epoch of adv_ft reports there."""
    problem = open_problem(Config.load("quick", [*DIGITS, *overrides]))
    dense = problem.dense(problem.untrained())
    world = World.open(problem.prepared, dense, problem.objective, device="cpu")
    of_dense = dense_report(world)
    problem = problem.with_reference(of_dense["trivial_performance"])
    spec = {"trial": "t0000", "method": "adv_ft", "seed": 0, "settings": {}}
    spec |= {"correction": problem.correction}
    report = Pipeline(Spec.from_config(spec), world).step()
    return Made(problem, dense, of_dense, json.loads(json.dumps(report)))


def told(report: dict[str, Any], spec: dict[str, Any], epoch: int, epochs: int) -> dict[str, Any]:
    """What the trial of `spec` is made to report after `epoch` of `epochs`.

    Bias falls in the course of a trial; where from, and the performance, follow from the settings.
    Every epoch that is feasible is a candidate, as in real searches with a sparsity objective.
    """
    draw = zlib.crc32(json.dumps(spec["settings"], sort_keys=True).encode()) / 2**32
    bias = 0.2 * draw * (1.5 - epoch / epochs)
    feasible = bias < 0.03
    width = [max(0.0, bias - 0.01), bias + 0.01]
    return {
        **report,
        **{"trial": spec["trial"], "epoch": epoch, "stage_epoch": epoch, "stage_epochs": epochs},
        **{"final_stage": True, "last": epoch == epochs, "charged": epoch * 1000},
        **{"performance": 0.75 + 0.2 * draw * epoch / epochs, "bias": bias},
        **{"bias_interval": width, "bias_upper": width[1], "feasible": feasible},
        **{"beats_trivial": True, "sparsity": 0.9 * (1 - draw)},
        **{"candidate": f"{spec['trial']}-{epoch}" if feasible else None, "dropped": []},
    }


def no_op(report: dict[str, Any], epochs: int) -> type[tune.Trainable]:
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
            return {"report": json.dumps(told(report, self.spec, self.done, epochs))}

        def save_checkpoint(self, checkpoint_dir: str) -> None:
            """Nothing."""

        def load_checkpoint(self, checkpoint: Any) -> None:
            """Nothing."""

    return NoOp

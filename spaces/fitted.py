"""Settings that follow from the data: how long and in what batches stages train, by one rule.

Published settings are those of tables and images of some ten thousand rows. On a hundred rows they
are too few steps, or too noisy ones; on a million they take hours. The rule is arithmetic on what
is known before anything is trained (`Size`):

- Training on train takes batches of a thirtieth of its rows, a power of two from 16 to 512. The
  rate of Adam grows with the square root of the batch beside the 64 rows of 1e-3 (Malladi et al.,
  "On the SDEs and Scaling Rules for Adaptive Gradient Algorithms", NeurIPS 2022).
- Fair losses compare groups within a batch. So one holds CELL_ROWS rows of each cell (group x
  label), where a rate is known to within .03, or all of debias where that is less. Images, whose
  batches must fit into memory, take 256 rows at most.
- An epoch is so many steps; stages take as many epochs as STEPS of theirs need, never more than
  the longest that is published.
- A weight moves by about a learning rate in a step of Adam. So the rates that are searched begin
  where a stage's steps can move a weight by TRAVEL (from its own size by a tenth), and a mask's
  logits by twice what they start at.
- A critic has to learn first what the soft bias of a batch is known to be, and follow a network
  that changes. In a hundred steps that is most of them. So the soft bias itself takes its place.
- Masks keep one weight per output, and three per unit on average: with less a unit dies.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

CELL_ROWS = 256  # sqrt(.25 / 256) is .031: the standard error of a rate
IMAGE_BATCH = 256
DENSE_STEPS, TUNING_STEPS, RETRAIN_STEPS, SCORE_STEPS = 2000, 120, 300, 1000
TRAVEL = 0.1  # of a weight, over the steps of a stage
KEPT_PER_UNIT = 3.0

Overrides = dict[str, Any]  # as [space] has them: a value, [low, high] or {"choices": [...]}


@dataclass(frozen=True)
class Size:
    """What the rule goes by."""

    train: int  # rows
    debias: int  # rows
    cells: int  # groups times labels
    fan_in: float  # inputs of a unit: the median over the layers that can be pruned
    images: bool = False

    @property
    def train_batch(self) -> int:
        """Rows of a batch of train."""
        return int(min(512, max(16, 2 ** round(math.log2(max(1.0, self.train / 30))))))

    @property
    def debias_batch(self) -> int:
        """Rows of a batch of debias."""
        most = IMAGE_BATCH if self.images else CELL_ROWS * self.cells
        return max(2, min(self.debias, most))

    def train_epochs(self, steps: int, least: int, most: int) -> int:
        """How many epochs of train take so many steps, within `least` and `most`."""
        return _within(steps / max(1, self.train / self.train_batch), least, most)

    @property
    def debias_steps(self) -> int:
        """Steps of an epoch of debias."""
        return max(1, self.debias // self.debias_batch)

    def debias_epochs(self, most: int) -> int:
        """How many epochs of debias take TUNING_STEPS, at least 10 and at most `most`."""
        return _within(TUNING_STEPS / self.debias_steps, 10, most)

    @property
    def least_kept(self) -> float:
        """The smallest share of the weights with which units stay alive."""
        return min(0.4, max(0.05, KEPT_PER_UNIT / self.fan_in))


def dense_settings(size: Size) -> Overrides:
    """Of [dense], for stages that train from scratch."""
    return {
        "batch_size": size.train_batch,
        "lr": _rounded(1e-3 * max(1.0, math.sqrt(size.train_batch / 64))),
        "max_epochs": size.train_epochs(DENSE_STEPS, 20, 100),
        "check_every": 1,
        "patience": 10,
        "plateau_patience": 4,
    }


def stage_overrides(role: str, name: str, size: Size) -> Overrides:
    """Of [space.ROLE.NAME]; empty for stages that do not train."""
    match role, name:
        case ("dense", _):
            most = 500 if name == "uniform_confusion" else 100
            epochs = size.train_epochs(DENSE_STEPS, 20, most)
            return {"batch_size": size.train_batch, "max_epochs": epochs}
        case ("recovery", "retrain"):
            epochs = size.train_epochs(RETRAIN_STEPS, 5, 30)
            steps = epochs * max(1, size.train / size.train_batch)
            return {
                "batch_size": size.train_batch,
                "epochs": epochs,
                "lr": [_least_rate(3 * TRAVEL, steps), 1e-2],
            }
        case ("recovery", name) if name in FAIR_TUNING:
            epochs = size.debias_epochs(90)
            steps = epochs * size.debias_steps
            return {
                "batch_size": size.debias_batch,
                "epochs": epochs,
                "lr": [_least_rate(TRAVEL, steps), 1e-2],
                "warmup_steps": [0, max(5, steps // 10)],
                "bias_from": "soft",
            }
        case ("pruner", "mask_discovery"):
            return {**_of_mask(size), "keep_target": [size.least_kept, 0.5], "floor": True}
        case ("recovery", "distillation"):
            return _of_mask(size)
        case ("pruner", "edge_popup" | "faprune"):
            return {
                "batch_size": size.train_batch,
                "epochs": size.train_epochs(SCORE_STEPS, 10, 30),
                **_of_sparsity(size),
            }
        case ("pruner", "fairgrape" | "lottery"):
            steps = max(1, size.train / size.train_batch)  # of an epoch
            fitted: Overrides = {
                "batch_size": size.train_batch,
                "round_epochs": [1, 3],
                "lr": [_least_rate(TRAVEL, 10 * steps), 1e-2],
                **_of_sparsity(size),
            }
            if name == "fairgrape":
                epochs = size.train_epochs(RETRAIN_STEPS, 5, 19)
                fitted["final_epochs"] = epochs
                fitted["final_lr"] = [_least_rate(3 * TRAVEL, epochs * steps), 1e-2]
            return fitted
        case ("pruner", "magnitude" | "snip" | "grasp" | "random"):
            return _of_sparsity(size)
    return {}


FAIR_TUNING = ("adversarial", "noise_graft", "internal_graft", "external_graft", "netaug")


def _of_mask(size: Size) -> Overrides:
    epochs = _within(TUNING_STEPS / size.debias_steps, 20, 120)
    steps = epochs * size.debias_steps
    return {
        "batch_size": size.debias_batch,
        "epochs": epochs,
        "logit_init": [1.0, 3.0],
        "lr": [_rounded(min(0.1, max(0.005, 6.0 / steps))), 0.2],
    }


def _of_sparsity(size: Size) -> Overrides:
    return {"sparsity": [0.5, round(1 - size.least_kept, 3)]}


def _least_rate(travel: float, steps: float) -> float:
    """With which Adam's `steps` move a weight by `travel`; at most a third of the largest."""
    return _rounded(min(3e-3, max(1e-5, travel / steps)))


def _rounded(value: float) -> float:
    """To two digits, as people write rates."""
    return float(f"{value:.1e}")


def _within(value: float, low: int, high: int) -> int:
    return int(min(high, max(low, math.ceil(value))))

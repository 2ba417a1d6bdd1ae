"""The fitted models: arrays, stored as such, that score rows without scikit-learn."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

LOGISTIC, BOOSTING = "logistic regression", "gradient boosting"
REDUCTIONS = "reductions"
Floats = NDArray[np.float64]


class ReferenceModel(Protocol):
    """A model of two classes whose fields are arrays."""

    def scores(self, inputs: NDArray[Any]) -> Floats:
        """(n,) scores in [0, 1] of encoded inputs (n, d)."""
        ...


@dataclass(frozen=True, eq=False)
class Linear:
    """A logistic regression."""

    weights: Floats  # (d,)
    intercept: Floats  # ()

    def scores(self, inputs: NDArray[Any]) -> Floats:
        return sigmoid(inputs.astype(np.float64) @ self.weights + self.intercept)


@dataclass(frozen=True, eq=False)
class Trees:
    """Boosted trees, all of their nodes one after the other. A leaf is its own child."""

    baseline: Floats  # ()
    roots: NDArray[np.int64]  # (trees,) nodes
    features: NDArray[np.int64]  # (nodes,) what a node looks at
    thresholds: Floats  # (nodes,) not more than this goes left
    left: NDArray[np.int64]  # (nodes,)
    right: NDArray[np.int64]  # (nodes,)
    values: Floats  # (nodes,) what a leaf adds

    def scores(self, inputs: NDArray[Any]) -> Floats:
        rows, total = np.arange(len(inputs)), np.full(len(inputs), float(self.baseline))
        for root in self.roots:
            node = np.full(len(inputs), root)
            while True:
                goes_left = inputs[rows, self.features[node]] <= self.thresholds[node]
                below = np.where(goes_left, self.left[node], self.right[node])
                if np.array_equal(below, node):
                    break
                node = below
            total += self.values[node]
        return sigmoid(total)


@dataclass(frozen=True, eq=False)
class Mixture:
    """Linear classifiers, of which one is drawn for each row: a score is the probability that it
    says yes."""

    weights: Floats  # (classifiers, d)
    intercepts: Floats  # (classifiers,)
    shares: Floats  # (classifiers,) probabilities

    def scores(self, inputs: NDArray[Any]) -> Floats:
        says_yes = inputs.astype(np.float64) @ self.weights.T + self.intercepts > 0
        return np.clip(says_yes @ self.shares, 0.0, 1.0)


_KINDS: dict[str, type[Linear] | type[Trees] | type[Mixture]] = {
    LOGISTIC: Linear,
    BOOSTING: Trees,
    REDUCTIONS: Mixture,
}


def sigmoid(values: Floats) -> Floats:
    """1 / (1 + exp(-values)), without overflow."""
    small = np.exp(-np.abs(values))
    return np.where(values >= 0, 1.0, small) / (1.0 + small)


def save_models(models: Mapping[str, ReferenceModel], file: Path) -> None:
    """Writes models by name as arrays alone (numpy's npz)."""
    arrays = {
        f"{name}/{field}": array
        for name, model in models.items()
        for field, array in vars(model).items()
    }
    with file.open("wb") as opened:
        np.savez_compressed(opened, **arrays)


def load_models(file: Path) -> dict[str, ReferenceModel]:
    """The models that `save_models` wrote; nothing is unpickled."""
    with np.load(file, allow_pickle=False) as arrays:
        by_model: dict[str, dict[str, Any]] = {}
        for key in arrays.files:
            name, _, field = key.partition("/")
            by_model.setdefault(name, {})[field] = arrays[key]
    return {name: _KINDS[name](**fields) for name, fields in by_model.items()}

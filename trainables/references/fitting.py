"""Fits the models that fronts of tables are compared with, in a process of its own if need be.

Thresholds are no part of it: they are fitted wherever a front is built, from the counts of the
scores, so that another tolerance or measure needs no data.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainables.evaluation.counting import count_expected, count_scores
from trainables.evaluation.counts import CountsDict, ExpectedCounts, ScoreCounts
from trainables.evaluation.objective import Objective
from trainables.references.models import (
    BOOSTING,
    LOGISTIC,
    REDUCTIONS,
    Linear,
    Mixture,
    ReferenceModel,
    Trees,
    save_models,
)
from trainables.references.reductions import (
    CONSTRAINTS,
    Moments,
    Oracle,
    exponentiated_gradient,
)

ROWS, MODELS, FOUND = "rows.npz", "references.npz", "references.json"
MOST_ROWS = 100_000  # that are learned from; drawn by the seed where there are more
COUNTED = ("held_back", "tune")
# Of the bias that is safe: what the reductions approach is fitted for. Held-back rows say which
# of these keeps it on unseen rows; some constraints are stricter than the measure.
STRICTNESS = (2.0, 1.5, 1.0, 0.75, 0.5, 0.25, 0.0)
ITERATIONS = 200  # of boosting, at most
_ONE_AFTER_ANOTHER: dict[str, Any] = {"warm_start": True, "max_iter": 300, "tol": 1e-3}

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Rows:
    """Rows of one split."""

    inputs: NDArray[np.float32]  # (n, d) encoded
    labels: Ints  # (n,)
    crossing: Ints  # (n,) cell of the finest crossing of all attributes
    groups: Ints  # (n,)
    dense: Ints  # (n,) what the dense net decides


@dataclass(frozen=True, eq=False)
class Task:
    """What the models are fitted on and for."""

    parts: Mapping[str, Rows]  # "fit" and COUNTED
    objective: Objective
    crossing_to_group: Ints  # (crossings,)
    priors: Floats  # (groups, labels)
    seed: int


def fit_models(task: Task) -> dict[str, ReferenceModel]:
    """Logistic regression, gradient boosting and, where the measure has a constraint, the
    reductions approach, by name."""
    fit = _drawn(task.parts["fit"], task.seed)
    scaled = _Scaled.of(fit.inputs)
    models: dict[str, ReferenceModel] = {
        LOGISTIC: _logistic(fit, scaled),
        BOOSTING: _boosted(fit, task.seed),
    }
    if task.objective.bias in CONSTRAINTS:
        models[REDUCTIONS] = _reduced(task, fit, scaled)
    return models


def counted(model: ReferenceModel, rows: Rows, crossings: int) -> ScoreCounts | ExpectedCounts:
    """The scores of rows, or what is to be expected of a prediction that is drawn by lot."""
    scores = model.scores(rows.inputs)
    if isinstance(model, Mixture):
        return count_expected(scores, rows.labels, rows.crossing, crossings, rows.dense)
    return count_scores(scores, rows.labels, rows.crossing, crossings, rows.dense)


def counts_of(
    models: Mapping[str, ReferenceModel], task: Task
) -> dict[str, dict[str, CountsDict]]:
    """Model -> split -> its counts."""
    crossings = len(task.crossing_to_group)
    return {
        name: {part: counted(model, task.parts[part], crossings).to_dict() for part in COUNTED}
        for name, model in models.items()
    }


@dataclass(frozen=True, eq=False)
class _Scaled:
    """Inputs of mean 0 and standard deviation 1, whatever scale the network's are on."""

    inputs: Floats
    mean: Floats
    deviation: Floats

    @classmethod
    def of(cls, inputs: NDArray[np.float32]) -> _Scaled:
        values = inputs.astype(np.float64)
        mean, deviation = values.mean(axis=0), values.std(axis=0)
        deviation[deviation < 1e-12] = 1.0
        return cls((values - mean) / deviation, mean, deviation)

    def model(self, weights: Floats, intercept: float) -> Linear:
        """For inputs as they were."""
        own = weights / self.deviation
        return Linear(own, np.asarray(intercept - own @ self.mean))

    def oracle(self) -> Oracle:
        """Logistic regressions of these inputs; each begins where the last one ended.

        In float32 and to .001 of the gradient they take a quarter of the time (on Adult 1.6 s in
        place of 6.8), and mixtures of them cost as little as those of exact ones.
        """
        from sklearn.linear_model import LogisticRegression

        model, inputs = LogisticRegression(**_ONE_AFTER_ANOTHER), self.inputs.astype(np.float32)

        def fitted(labels: Ints, weights: Floats) -> tuple[Floats, float]:
            if labels.min() == labels.max():
                return np.zeros(self.inputs.shape[1]), 1.0 if labels[0] else -1.0
            model.fit(inputs, labels, sample_weight=weights)
            return model.coef_[0].astype(np.float64), float(model.intercept_[0])

        return fitted


def _logistic(fit: Rows, scaled: _Scaled) -> Linear:
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression(max_iter=300).fit(scaled.inputs, fit.labels)
    return scaled.model(model.coef_[0], float(model.intercept_[0]))


def _boosted(fit: Rows, seed: int) -> Trees:
    """Stops early by a tenth of its rows."""
    from sklearn.ensemble import HistGradientBoostingClassifier

    model = HistGradientBoostingClassifier(
        max_iter=ITERATIONS, early_stopping=True, random_state=seed % 2**32
    ).fit(fit.inputs, fit.labels)
    nodes = [predictor.nodes for (predictor,) in model._predictors]
    sizes = np.array([len(each) for each in nodes])
    roots = np.cumsum(sizes) - sizes
    every = np.concatenate(nodes)
    own, leaf = np.arange(len(every)), every["is_leaf"].astype(bool)
    start = np.repeat(roots, sizes)
    return Trees(
        baseline=np.asarray(np.squeeze(model._baseline_prediction), dtype=np.float64),
        roots=roots,
        features=np.where(leaf, 0, every["feature_idx"]).astype(np.int64),
        thresholds=every["num_threshold"].astype(np.float64),
        left=np.where(leaf, own, every["left"] + start).astype(np.int64),
        right=np.where(leaf, own, every["right"] + start).astype(np.int64),
        values=every["value"].astype(np.float64),
    )


def _reduced(task: Task, fit: Rows, scaled: _Scaled) -> Mixture:
    """The mixture of the least strictness whose bias is safe on the rows that it was fitted on and
    on held-back ones; where there is none, that of the least bias."""
    objective, labels = task.objective, fit.labels
    moments = Moments(CONSTRAINTS[objective.bias], labels, fit.groups)
    costs = np.ones(len(labels))
    if objective.performance == "balanced_accuracy":
        costs = (0.5 / np.bincount(labels, minlength=2) * len(labels))[labels]
    biases = [share * objective.safe_bias for share in STRICTNESS]
    pool = exponentiated_gradient(
        scaled.inputs, labels, costs, moments, scaled.oracle(), (objective.safe_bias, 0.0)
    )
    models = [scaled.model(*one) for one in zip(pool.weights, pool.intercepts, strict=True)]
    weights = np.stack([model.weights for model in models])
    intercepts = np.array([float(model.intercept) for model in models])
    mixtures = []
    for bias in biases:
        shares = pool.mixture(moments, bias)
        used = shares > 1e-9
        own = shares[used] / shares[used].sum()
        mixtures.append(Mixture(weights[used], intercepts[used], own))
    return max(mixtures, key=lambda mixture: _worth(mixture, fit, task))  # of equals the first


def _worth(mixture: Mixture, fit: Rows, task: Task) -> float:
    """1 + performance on the rows it was fitted on where its bias is safe there and on held-back
    rows, else the larger of these biases, negative."""
    performance, largest = _judged(mixture, fit, task)
    largest = max(largest, _judged(mixture, task.parts["held_back"], task)[1])
    return 1.0 + performance if largest < task.objective.safe_bias else -largest


def _judged(mixture: Mixture, rows: Rows, task: Task) -> tuple[float, float]:
    """Performance and bias; a bias that is not estimable is larger than any."""
    counts = counted(mixture, rows, len(task.crossing_to_group)).regroup(task.crossing_to_group)
    performance, bias = task.objective.judge(task.objective.counted(counts), task.priors)
    return float(performance), np.inf if np.isnan(bias) else float(bias)


def _drawn(rows: Rows, seed: int) -> Rows:
    if len(rows.labels) <= MOST_ROWS:
        return rows
    taken = np.random.default_rng(seed).choice(len(rows.labels), MOST_ROWS, replace=False)
    return Rows(**{name: values[taken] for name, values in vars(rows).items()})


def save_task(task: Task, folder: Path) -> None:
    """Writes what `main` reads; the folder is nobody else's."""
    arrays: dict[str, Any] = {
        f"{part}/{field}": values
        for part, rows in task.parts.items()
        for field, values in vars(rows).items()
    }
    told = {"objective": vars(task.objective), "seed": task.seed}
    np.savez(
        folder / ROWS,
        crossing_to_group=task.crossing_to_group,
        priors=task.priors,
        told=np.array(json.dumps(told)),
        **arrays,
    )


def load_task(folder: Path) -> Task:
    """The inverse of `save_task`."""
    with np.load(folder / ROWS, allow_pickle=False) as arrays:
        fields: dict[str, dict[str, Any]] = {}
        for key in arrays.files:
            part, slash, field = key.partition("/")
            if slash:
                fields.setdefault(part, {})[field] = arrays[key]
        told = json.loads(str(arrays["told"]))
        return Task(
            {part: Rows(**of_part) for part, of_part in fields.items()},
            Objective(**told["objective"]),
            arrays["crossing_to_group"],
            arrays["priors"],
            told["seed"],
        )


def main(folder: Path) -> None:
    """Fits what lies in `folder` and leaves models and counts there, the counts last.

    The rows go at once: whoever waits for the models may be killed meanwhile.
    """
    task = load_task(folder)
    (folder / ROWS).unlink()
    models = fit_models(task)
    save_models(models, folder / MODELS)
    found = folder / f"{FOUND}.partial"
    found.write_text(json.dumps(counts_of(models, task)), encoding="utf-8")
    found.replace(folder / FOUND)


if __name__ == "__main__":
    os.nice(int(sys.argv[2]))
    main(Path(sys.argv[1]))

"""Our measures beside those of fairlearn and the definitions of AIF360, on random rows."""

import fairlearn.metrics as fl
import numpy as np
import pytest
from sklearn.metrics import balanced_accuracy_score

from trainables.evaluation.fairness import measure

INPUTS = 1000


def inputs(count):
    """Labels, predictions and groups with rows in each of the four cells of label and group."""
    generator = np.random.default_rng(0)
    corners = np.array([(0, 0), (0, 1), (1, 0), (1, 1)])
    for _ in range(count):
        n = int(generator.integers(4, 120))
        cells = np.concatenate([corners, generator.integers(0, 2, (n, 2))])
        chance = generator.random(4)[2 * cells[:, 0] + cells[:, 1]]
        yield cells[:, 0], (generator.random(len(cells)) < chance).astype(int), cells[:, 1]


def by_definition(true, predicted, group):
    """AIF360's ClassificationMetric, unprivileged (group 0) minus privileged."""

    def gap(*conditions):
        rows = np.logical_and.reduce([np.ones(len(true), dtype=bool), *conditions])
        return predicted[rows & (group == 0)].mean() - predicted[rows & (group == 1)].mean()

    fpr, tpr = gap(true == 0), gap(true == 1)
    recall, false = predicted[true == 1].mean(), predicted[true == 0].mean()
    rates = [predicted[group == g].mean() for g in (0, 1)]
    return {
        "spd": gap(),
        "eod": tpr,
        "aod": (fpr + tpr) / 2,
        "abs_aod": (abs(fpr) + abs(tpr)) / 2,
        "deo_sum": abs(fpr) + abs(tpr),
        "deo_max": max(abs(fpr), abs(tpr)),
        "deo_mean": (abs(fpr) + abs(tpr)) / 2,
        "di": min(rates) / max(rates) if max(rates) else np.nan,
        "balanced_accuracy": (recall + 1 - false) / 2,
        "accuracy": (true == predicted).mean(),
    }


def test_measures_are_those_of_the_definitions_on_1000_random_inputs():
    for true, predicted, group in inputs(INPUTS):
        for name, value in by_definition(true, predicted, group).items():
            ours = measure(name, true, predicted, group)
            assert ours == pytest.approx(value, abs=1e-12, nan_ok=True), name


@pytest.mark.slow
def test_measures_are_those_of_fairlearn_and_scikit_learn_on_1000_random_inputs():
    """One frame of fairlearn's with all inputs: which one a row belongs to is its control."""
    rows = list(inputs(INPUTS))
    number = np.repeat(np.arange(INPUTS), [len(true) for true, _, _ in rows])
    true, predicted, group = (np.concatenate(column) for column in zip(*rows, strict=True))
    frame = fl.MetricFrame(
        metrics={
            "selected": fl.selection_rate,
            "tpr": fl.true_positive_rate,
            "fpr": fl.false_positive_rate,
        },
        y_true=true,
        y_pred=predicted,
        sensitive_features=group,
        control_features=number,
    )
    gaps, ratios = frame.difference(), frame.ratio()
    odds = gaps[["tpr", "fpr"]]
    rates = frame.by_group.unstack()  # by input, then by group
    signed = {name: rates[name, 0] - rates[name, 1] for name in ("selected", "tpr", "fpr")}
    theirs = {
        "spd": signed["selected"],
        "eod": signed["tpr"],
        "aod": (signed["tpr"] + signed["fpr"]) / 2,
        "di": ratios["selected"],
        "deo_max": odds.max(axis=1),
        "deo_mean": odds.mean(axis=1),
        "deo_sum": odds.sum(axis=1),
    }

    for name, values in theirs.items():
        ours = [measure(name, *one) for one in rows]
        np.testing.assert_allclose(ours, values.to_numpy(float), rtol=0, atol=1e-12, err_msg=name)
    balanced = [balanced_accuracy_score(true, predicted) for true, predicted, _ in rows]
    ours = [measure("balanced_accuracy", *one) for one in rows]
    np.testing.assert_allclose(ours, balanced, rtol=0, atol=1e-12)

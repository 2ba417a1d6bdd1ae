"""Stored as arrays, the models say what scikit-learn's said."""

import numpy as np
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression

from trainables.evaluation.objective import Objective
from trainables.references.fitting import Rows, Task, fit_models, load_task, main, save_task
from trainables.references.models import (
    BOOSTING,
    LOGISTIC,
    REDUCTIONS,
    Mixture,
    load_models,
    save_models,
    sigmoid,
)


def rows(number, seed):
    draw = np.random.default_rng(seed)
    inputs = draw.normal(size=(number, 4)) * [1.0, 30.0, 0.01, 1.0] + [0, 5, 0, 0]
    groups = draw.integers(0, 2, number)
    merit = inputs[:, 0] + inputs[:, 1] / 30 + 0.7 * groups + np.sin(3 * inputs[:, 3])
    labels = (merit + draw.logistic(size=number) > 0.5).astype(np.int64)
    dense = (inputs[:, 0] > 0).astype(np.int64)
    return Rows(inputs.astype(np.float32), labels, groups, groups, dense)


def task(bias="aod"):
    parts = {"fit": rows(1500, 0), "held_back": rows(400, 1), "tune": rows(300, 2)}
    return Task(parts, Objective(bias=bias), np.array([0, 1]), np.full((2, 2), 0.25), seed=7)


@pytest.fixture(scope="module")
def models():
    return fit_models(task())


def test_the_trees_score_as_scikit_learn_does(models):
    fit, new = task().parts["fit"], rows(200, 9).inputs
    theirs = HistGradientBoostingClassifier(max_iter=200, early_stopping=True, random_state=7)
    theirs.fit(fit.inputs, fit.labels)

    np.testing.assert_allclose(
        models[BOOSTING].scores(new), theirs.predict_proba(new)[:, 1], atol=1e-12
    )
    assert len(models[BOOSTING].roots) == theirs.n_iter_ > 1


def test_the_logistic_regression_is_that_of_standardised_inputs(models):
    fit, new = task().parts["fit"].inputs.astype(float), rows(200, 9).inputs.astype(float)
    mean, deviation = fit.mean(axis=0), fit.std(axis=0)
    theirs = LogisticRegression(max_iter=300).fit(
        (fit - mean) / deviation, task().parts["fit"].labels
    )

    ours = models[LOGISTIC].scores(new)
    np.testing.assert_allclose(
        ours, theirs.predict_proba((new - mean) / deviation)[:, 1], atol=1e-4
    )
    assert ours.std() > 0.1


def test_a_mixture_says_yes_as_often_as_the_classifiers_that_do_have_shares():
    mixture = Mixture(
        np.array([[1.0], [-1.0], [0.0]]), np.array([0.0, 0.5, 1.0]), np.array([0.2, 0.3, 0.5])
    )

    assert mixture.scores(np.array([[1.0], [0.2], [-1.0]])) == pytest.approx([0.7, 1.0, 0.8])


def test_models_come_back_from_their_file_as_they_were(models, tmp_path):
    save_models(models, tmp_path / "models.npz")

    again = load_models(tmp_path / "models.npz")

    assert again.keys() == models.keys() == {LOGISTIC, BOOSTING, REDUCTIONS}
    new = rows(50, 9).inputs
    for name, model in models.items():
        assert again[name].scores(new).tolist() == model.scores(new).tolist()


def test_a_process_finds_what_a_call_finds(models, tmp_path):
    save_task(task(), tmp_path)
    again = load_task(tmp_path)

    main(tmp_path)

    new = rows(50, 9).inputs
    found = load_models(tmp_path / "references.npz")
    for name, model in models.items():
        assert found[name].scores(new).tolist() == model.scores(new).tolist()
    assert {path.name for path in tmp_path.iterdir()} == {"references.npz", "references.json"}
    assert (again.objective, again.seed) == (task().objective, 7)
    assert again.parts["tune"].inputs.tolist() == task().parts["tune"].inputs.tolist()


def test_a_measure_without_a_constraint_has_no_reductions_approach():
    assert fit_models(task("bias_amplification")).keys() == {LOGISTIC, BOOSTING}


def test_a_sigmoid_of_any_size_is_a_probability():
    values = sigmoid(np.array([-1e4, -1.0, 0.0, 1e4]))

    assert values.tolist() == pytest.approx([0.0, 1 / (1 + np.e), 0.5, 1.0])

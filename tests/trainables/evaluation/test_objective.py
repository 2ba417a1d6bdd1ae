import numpy as np
import pytest

from trainables.evaluation.objective import Objective, phi


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"performance": "aod"}, "performance must be one, got bias 'aod'"),
        ({"performance": "acuracy"}, "did you mean 'accuracy'"),
        ({"bias": "accuracy"}, "bias must compare groups, got 'accuracy'"),
        ({"tolerance": 0.0}, r"tolerance must lie in \(0, 1\), got 0.0"),
        ({"tolerance": float("nan")}, "tolerance must lie"),
        ({"margin": 0.05}, r"margin must lie in \[0, tolerance\)"),
        ({"margin": -0.01}, "margin must lie"),
    ],
)
def test_objectives_without_sense_are_refused(fields, message):
    with pytest.raises(ValueError, match=message):
        Objective(**fields)


def test_binary_measures_refuse_a_task_with_more_classes():
    Objective("accuracy", "bias_amplification").check_classes(10)
    with pytest.raises(ValueError, match="objective: aod needs a binary task, got 10 classes"):
        Objective().check_classes(10)


def test_phi_is_the_performance_where_the_bias_is_strictly_safe_and_else_0():
    objective = Objective(tolerance=0.75, margin=0.25)
    bias = np.array([0.25, 0.5, 0.6, np.nan])

    assert phi(np.full(4, 0.9), bias, objective.safe_bias).tolist() == [0.9, 0.0, 0.0, 0.0]


def test_only_measures_that_depend_on_the_label_mix_are_judged_by_the_priors():
    tables = np.array([[[30, 10], [10, 30]], [[20, 20], [10, 30]]])
    even, skewed = np.full((2, 2), 0.25), np.array([[0.5, 0.1], [0.3, 0.1]])

    def judged(performance, bias, priors):
        return [float(v) for v in Objective(performance, bias).judge(tables, priors)]

    assert judged("balanced_accuracy", "aod", skewed) == judged("balanced_accuracy", "aod", even)
    assert judged("accuracy", "spd", skewed)[0] == pytest.approx(
        0.5 * 0.75 + 0.1 * 0.75 + 0.3 * 0.5 + 0.1 * 0.75
    )
    first, second = (0.5 * 0.25 + 0.1 * 0.75) / 0.6, (0.3 * 0.5 + 0.1 * 0.75) / 0.4
    assert judged("accuracy", "spd", skewed)[1] == pytest.approx(abs(first - second))

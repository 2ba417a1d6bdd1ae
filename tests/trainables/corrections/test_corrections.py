"""What every correction of the registry promises."""

import dataclasses

import numpy as np
import pytest

from trainables.corrections import CORRECTIONS, decision_from_dict
from trainables.corrections.flips import Flips
from trainables.evaluation.counting import count
from trainables.evaluation.objective import Objective

GENERATOR = np.random.default_rng(0)
GROUPS = np.arange(400) % 2
LABELS = GENERATOR.integers(0, 2, 400)
CLASS_LABELS = GENERATOR.integers(0, 3, 400)
SCORES = np.clip(0.3 + 0.4 * LABELS + 0.15 * GENERATOR.normal(size=400), 0, 1)
CLASS_SCORES = np.eye(3)[CLASS_LABELS] + 0.5 * GENERATOR.normal(size=(400, 3))


def case(name):
    if CORRECTIONS[name].binary:
        return SCORES, LABELS, Objective(), np.full((2, 2), 0.25)
    objective = Objective("accuracy", "bias_amplification")
    return CLASS_SCORES, CLASS_LABELS, objective, np.full((2, 3), 1 / 6)


@pytest.mark.parametrize("name", CORRECTIONS)
def test_a_fitted_correction_decides_the_rows_as_it_decides_their_counts(name):
    scores, labels, objective, priors = case(name)
    counts = count(scores, labels, GROUPS, 2)
    correction = CORRECTIONS[name]()

    decision = correction.fit(counts, objective, priors, seed=0)
    groups = GROUPS if correction.needs_group else None
    predicted = decision.predict(scores, groups)

    assert decision.needs_group == correction.needs_group
    table = decision.decide(counts).table
    assert table.sum() == 400
    positives = [predicted[group == GROUPS].sum() for group in range(2)]
    if CORRECTIONS[name].binary:
        assert table[..., 1].sum(axis=1).tolist() == positives
    correct = (predicted == labels).sum()
    assert correct > 240
    if not isinstance(decision, Flips):  # which rows are drawn, counts do not know
        assert np.diagonal(table, axis1=1, axis2=2).sum() == correct
    assert decision_from_dict(decision.to_dict()) == decision
    assert correction.fit(counts, objective, priors, seed=0) == decision


@pytest.mark.parametrize("name", CORRECTIONS)
def test_settings_are_frozen(name):
    with pytest.raises(dataclasses.FrozenInstanceError):
        CORRECTIONS[name]().choose = "fixed"


@pytest.mark.parametrize("name", CORRECTIONS)
def test_the_wrong_kind_of_task_is_refused_by_name(name):
    wrong = "argmax" if CORRECTIONS[name].binary else "threshold"
    scores, labels, objective, priors = case(wrong)
    with pytest.raises(ValueError, match=f"{name}: needs"):
        CORRECTIONS[name]().fit(count(scores, labels, GROUPS, 2), objective, priors, seed=0)

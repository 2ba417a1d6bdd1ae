"""Methods as lists of stages: what is fixed, and under which names settings stand."""

import pytest

from trainables.methods import METHODS, Method, Stage, slot_roles
from trainables.trial.spec import Spec

RETRAIN = Stage("recovery", "retrain", {"schedule": "steps"})
TWO_RECOVERIES = Method(
    (
        Stage("pruner", "magnitude"),
        RETRAIN,
        Stage("recovery", "adversarial", {"epochs": 7}, slot="repair"),
    ),
    "prunes, retrains, then repairs",
    "made for this test, 2026",
)


@pytest.fixture
def two_recoveries(monkeypatch):
    monkeypatch.setitem(METHODS, "two_recoveries", TWO_RECOVERIES)
    return "two_recoveries"


def spec_of(method, **settings):
    return Spec.from_config(
        {
            "trial": "t0001",
            "method": method,
            "seed": 3,
            "settings": settings,
            "correction": {"name": "threshold"},
        }
    )


def test_a_role_stands_twice_with_different_stages_and_settings(two_recoveries):
    spec = spec_of(two_recoveries, recovery={"epochs": 2}, repair={"lr": 0.5})

    _, retrain, repair = spec.stages
    assert (retrain.role, repair.role) == ("recovery", "recovery")
    assert (retrain.settings.epochs, retrain.settings.schedule) == (2, "steps")
    assert (repair.settings.epochs, repair.settings.lr) == (7, 0.5)
    assert spec.to_config()["settings"]["repair"]["lr"] == 0.5
    assert Spec.from_config(spec.to_config()) == spec


def test_what_a_protocol_fixes_may_be_given_all_the_same(two_recoveries):
    spec = spec_of(two_recoveries, recovery={"schedule": "constant"})

    assert spec.stages[1].settings.schedule == "constant"


def test_different_stages_of_one_slot_are_refused():
    with pytest.raises(ValueError, match="stages of slot 'recovery' must be equal"):
        Method((RETRAIN, Stage("recovery", "adversarial")), "two of a slot", "2026")


def test_settings_of_the_third_stage_of_equation_10_keep_their_old_name():
    """Journals of earlier versions hold {"recovery": ..., "distillation": ...}."""
    spec = spec_of("distil_advft", recovery={"epochs": 2}, distillation={"gamma": 0.25})

    teacher, student = spec.stages
    assert (teacher.name, student.name) == ("adversarial", "distillation")
    assert (student.role, student.slot, student.settings.gamma) == (
        "recovery",
        "distillation",
        0.25,
    )
    assert slot_roles()["distillation"] == "recovery"


def test_stages_that_share_a_slot_are_equal_and_stand_once_among_the_slots():
    graft = METHODS["distil_extgraft"]

    assert len(graft.stages) == 4
    assert list(graft.slots) == ["pruner", "recovery", "distillation"]

"""The space of a method: its stages' spaces by slot, without what the method fixes."""

from types import SimpleNamespace

from spaces.compose import compose, stage_space


def stage(role, name, slot=None, fixed=None, published=None):
    return SimpleNamespace(
        role=role, name=name, slot=slot or role, fixed=fixed or {}, published=published or {}
    )


def test_the_same_stage_in_two_slots_is_searched_twice():
    space = compose([stage("recovery", "retrain"), stage("recovery", "retrain", slot="again")])

    one = stage_space("recovery", "retrain").ranges
    assert set(space.ranges) == {f"{slot}.{key}" for slot in ("recovery", "again") for key in one}


def test_what_a_method_fixes_is_not_searched_and_reaches_every_trial():
    space = compose([stage("recovery", "retrain", fixed={"epochs": 19, "schedule": "steps"})])

    assert "recovery.epochs" not in space.ranges
    assert "recovery.epochs" not in space.published
    assert space.published_nested()["recovery"] == {"epochs": 19, "schedule": "steps", "lr": 1e-4}


def test_what_a_method_publishes_comes_before_what_its_stage_does():
    space = compose([stage("recovery", "retrain", published={"epochs": 19})])

    assert space.published["recovery.epochs"] == 19
    assert space.published["recovery.lr"] == 1e-4

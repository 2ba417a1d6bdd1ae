"""Ranges, narrowing, asking, and what Optuna is told."""

from __future__ import annotations

import pickle
from types import SimpleNamespace

import optuna
import pytest

from spaces.compose import ROLES, compose, stage_space
from spaces.space import Choice, Float, Int, Space

EXAMPLE = Space(
    {
        "pruner.sparsity": Float(0.5, 0.99),
        "pruner.scope": Choice(("global", "layer")),
        "recovery.lr": Float(1e-5, 1e-2, log=True),
        "recovery.epochs": Int(5, 60),
    },
    published={"pruner.sparsity": 0.9, "recovery.lr": 1e-4},
)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Float(1.0, 1.0), "low must be less than high, got 1.0 and 1.0"),
        (lambda: Float(0.0, 1.0, log=True), "log range must start above 0, got 0.0"),
        (lambda: Int(3, 2), "low must be less than high, got 3 and 2"),
        (lambda: Int(1.5, 2), "ends must be whole numbers, got 1.5"),  # type: ignore[arg-type]
        (lambda: Choice(()), "at least one option"),
        (lambda: Choice(("a", "a")), "options must differ"),
        (lambda: Space({"a": Int(1, 2)}, published={"b": 1}), "must be searched, got 'b'"),
        (lambda: Space({"a": Int(1, 2)}, published={"a": 3}), "published a must lie in 1 .. 2"),
        (lambda: Space({"a": Int(1, 2)}, fixed={"a": 1}), "searched or fixed"),
    ],
)
def test_a_range_that_makes_no_sense_is_refused_with_rule_and_value(make, message):
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize(
    ("one", "inside", "outside"),
    [
        (Float(0.5, 0.99), [0.5, 0.75, 0.99], [0.49, 1.0, "0.7", True]),
        (Int(1, 3), [1, 2, 3], [0, 4, 2.0, True]),
        (Choice(("a", 1)), ["a", 1], ["b", 2, True, 1.0]),
    ],
)
def test_a_range_contains_its_ends_and_nothing_of_another_kind(one, inside, outside):
    assert [one.contains(value) for value in inside] == [True] * len(inside)
    assert [one.contains(value) for value in outside] == [False] * len(outside)


@pytest.mark.parametrize(
    ("one", "shares", "values"),
    [
        (Float(1.0, 3.0), (0.0, 0.25, 0.5), (1.0, 1.5, 2.0)),
        (Float(1e-4, 1e-2, log=True), (0.0, 0.5), (1e-4, 1e-3)),
        (Int(1, 4), (0.0, 0.24, 0.26, 0.51, 0.76, 0.999), (1, 1, 2, 3, 4, 4)),
        (Int(1, 31, log=True), (0.0, 0.5, 0.999), (1, 4, 31)),  # sqrt(.5 * 31.5) = 3.97
        (Choice(("a", "b")), (0.0, 0.49, 0.51, 0.999), ("a", "a", "b", "b")),
    ],
)
def test_a_share_of_the_way_through_a_range_is_a_value_of_it(one, shares, values):
    found = [one.at(share) for share in shares]

    assert found == (list(values) if isinstance(one, Choice) else pytest.approx(list(values)))
    assert all(one.contains(value) for value in found)


def test_a_trial_is_asked_for_each_setting_on_its_scale_and_the_answer_is_grouped_by_role():
    trial = optuna.trial.FixedTrial(
        {
            "pruner.sparsity": 0.7,
            "pruner.scope": "layer",
            "recovery.lr": 1e-3,
            "recovery.epochs": 7,
        }
    )

    asked = EXAMPLE.ask(trial)

    assert asked == {
        "pruner": {"sparsity": 0.7, "scope": "layer"},
        "recovery": {"lr": 1e-3, "epochs": 7},
    }
    distributions = trial.distributions
    assert distributions == EXAMPLE.distributions()
    assert distributions["recovery.lr"] == optuna.distributions.FloatDistribution(
        1e-5, 1e-2, log=True
    )


def test_a_study_tries_the_published_settings_first_and_draws_what_the_paper_leaves_open():
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    study.enqueue_trial(dict(EXAMPLE.published))

    first = EXAMPLE.ask(study.ask())

    assert first["pruner"]["sparsity"] == 0.9
    assert first["recovery"]["lr"] == 1e-4
    assert 5 <= first["recovery"]["epochs"] <= 60
    assert EXAMPLE.published_nested() == {"pruner": {"sparsity": 0.9}, "recovery": {"lr": 1e-4}}


def test_narrowing_fixes_searches_elsewhere_and_adds_without_touching_the_original():
    narrowed = EXAMPLE.narrow(
        {
            "pruner": {"sparsity": 0.8, "scope": {"choices": ["layer"]}},
            "recovery": {"lr": [1e-3, 1e-2], "batch_size": [32, 128], "schedule": "cosine"},
        }
    )

    assert narrowed.ranges == {
        "pruner.scope": Choice(("layer",)),
        "recovery.lr": Float(1e-3, 1e-2, log=True),  # the scale stays
        "recovery.epochs": Int(5, 60),
        "recovery.batch_size": Int(32, 128),
    }
    assert narrowed.fixed == {"pruner.sparsity": 0.8, "recovery.schedule": "cosine"}
    assert narrowed.published == {"recovery.lr": 1e-3}  # 1e-4 moved into the range
    assert narrowed.nest({"recovery.lr": 2e-3}) == {
        "pruner": {"sparsity": 0.8},
        "recovery": {"schedule": "cosine", "lr": 2e-3},
    }
    assert EXAMPLE.fixed == {}
    assert EXAMPLE.ranges["pruner.sparsity"] == Float(0.5, 0.99)


def test_a_range_of_fractions_stays_one_when_its_ends_are_written_as_whole_numbers():
    space = Space({"a": Float(0.5, 10.0)}).narrow({"a": [1, 2]})

    assert space.ranges["a"] == Float(1.0, 2.0)


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ([0.5], r"a range must be \[low, high\] with two numbers, got \[0.5\]"),
        (["a", "b"], "two numbers"),
        ([0.9, 0.5], "low must be less than high, got 0.9 and 0.5"),
        ({"choices": []}, "at least one option"),
        ({"choices": 3}, "choices must be a list, got 3"),
        ({"choices": [1], "log": True}, r"only choices = \[...\] may be given, got \['log'\]"),
        (None, "must be a value"),
    ],
)
def test_an_override_that_can_not_be_read_is_refused_naming_the_setting(override, message):
    with pytest.raises(ValueError, match=message) as caught:
        EXAMPLE.narrow({"pruner.sparsity": override})

    assert "pruner.sparsity" in str(caught.value)


def test_whole_numbers_can_not_be_narrowed_to_fractions():
    with pytest.raises(ValueError, match=r"whole numbers, got 1\.5"):
        EXAMPLE.narrow({"recovery.epochs": [1.5, 3]})


def test_a_space_survives_pickling_and_its_parts_can_not_be_changed():
    assert pickle.loads(pickle.dumps(EXAMPLE)) == EXAMPLE
    with pytest.raises(TypeError):
        EXAMPLE.ranges["new"] = Int(0, 1)  # type: ignore[index]


def stage(role, name, slot="", **fixed):
    """A stage of a method, as far as its space depends on it."""
    return SimpleNamespace(role=role, name=name, slot=slot or role, fixed=fixed, published={})


def test_composed_spaces_put_the_role_before_each_setting_and_keep_the_published_values():
    space = compose([stage("pruner", "magnitude"), stage("recovery", "as_is")])

    assert set(space.ranges) == {"pruner.sparsity", "pruner.scope"}
    assert space.published == {"pruner.sparsity": 0.9, "pruner.scope": "layer"}
    assert compose([stage("recovery", "as_is")]).ranges == {}


def test_a_stage_that_is_run_twice_is_searched_once():
    pruner = stage("pruner", "magnitude")
    twice = [pruner, pruner, stage("recovery", "as_is")]

    assert compose(twice) == compose(twice[1:])


def test_what_a_stage_fixes_is_not_searched_and_its_slot_stands_before_its_settings():
    space = compose([stage("pruner", "magnitude", slot="second", scope="layer")])

    assert set(space.ranges) == {"second.sparsity"}
    assert space.published == {"second.sparsity": 0.9}


def test_unknown_stages_are_refused():
    with pytest.raises(ValueError, match=r"pruner must be one of .*, magnitude, .*'snipp'"):
        stage_space("pruner", "snipp")
    with pytest.raises(ValueError, match=r"role must be one of .*, got 'prune'"):
        stage_space("prune", "magnitude")


@pytest.mark.parametrize(
    ("role", "name"), [(role, name) for role, known in ROLES.items() for name in known]
)
def test_every_space_can_be_asked_and_publishes_a_value_for_all_that_it_searches(role, name):
    space = stage_space(role, name)
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=1))

    asked = compose([stage(role, name)]).ask(study.ask()).get(role, {})

    assert asked.keys() == space.ranges.keys()
    assert all(space.ranges[key].contains(value) for key, value in asked.items())
    assert space.published.keys() == space.ranges.keys()


def test_all_pruners_with_a_sparsity_search_the_same_range_so_that_fronts_compare():
    ranges = {
        one.ranges["sparsity"] for one in ROLES["pruner"].values() if "sparsity" in one.ranges
    }

    assert ranges == {Float(0.5, 0.99)}


def test_a_setting_that_was_not_searched_yet_had_its_published_value():
    space = compose([stage("pruner", "keep_all"), stage("recovery", "adversarial")])
    today = space.published_nested()
    earlier = {"recovery": {k: v for k, v in today["recovery"].items() if k != "warmup_steps"}}

    assert space.holds(earlier)
    assert space.searched(earlier) == space.searched(today)
    with pytest.raises(KeyError):
        EXAMPLE.searched({})

"""A stage's settings chosen as a whole: index and settings belong together."""

import pickle

import optuna
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spaces.pooled import Pooled
from spaces.space import Choice, Float, Int, Space

WHOLE = Space(
    {"pruner.lr": Float(0.1, 1.0), "pruner.epochs": Int(1, 9), "recovery.lr": Float(0.0, 1.0)},
    published={"pruner.lr": 0.5, "recovery.lr": 0.25},
    fixed={"pruner.beta": 2, "recovery.epochs": 3},
)
ENTRIES = tuple({"beta": 2, "lr": 0.1 * n, "epochs": n} for n in range(1, 5))
POOLED = Pooled.of(WHOLE, "pruner", ENTRIES)


def test_an_index_stands_for_the_role_s_settings_and_the_first_entry_is_tried_first():
    assert POOLED.ranges == {"pruner.pool": Choice((0, 1, 2, 3)), "recovery.lr": Float(0.0, 1.0)}
    assert POOLED.fixed == {"recovery.epochs": 3}
    assert POOLED.published_nested() == {
        "pruner": ENTRIES[0],
        "recovery": {"epochs": 3, "lr": 0.25},
    }


@given(index=st.integers(0, 3), lr=st.floats(0.0, 1.0))
def test_proposed_settings_hold_the_entry_and_lead_back_to_its_index(index, lr):
    searched = {"pruner.pool": index, "recovery.lr": lr}

    nested = POOLED.nest(searched)

    assert nested == {"pruner": ENTRIES[index], "recovery": {"epochs": 3, "lr": lr}}
    assert POOLED.searched(nested) == searched
    assert POOLED.holds(nested)
    assert POOLED.index(nested) == index


def test_settings_that_are_no_entry_have_no_index():
    nested = {"pruner": {**ENTRIES[1], "lr": 0.21}, "recovery": {"epochs": 3, "lr": 0.5}}

    assert not POOLED.holds(nested)
    with pytest.raises(KeyError, match="is no entry of the pool"):
        POOLED.searched(nested)
    outside = {"pruner": ENTRIES[1], "recovery": {"epochs": 3, "lr": 1.5}}
    assert not POOLED.holds(outside)


def test_what_is_proposed_is_not_part_of_the_pool():
    POOLED.nest({"pruner.pool": 0})["pruner"]["lr"] = 7

    assert POOLED.entries[0]["lr"] == 0.1


def test_a_single_entry_leaves_nothing_to_choose():
    space = Pooled.of(WHOLE, "pruner", ENTRIES[2:3])

    assert set(space.ranges) == {"recovery.lr"}
    assert space.published_nested()["pruner"] == ENTRIES[2]
    assert space.holds(space.nest({"recovery.lr": 0.5}))


def test_another_pool_may_take_the_place_of_the_first():
    assert Pooled.of(POOLED, "pruner", ENTRIES[:2]) == Pooled.of(WHOLE, "pruner", ENTRIES[:2])
    with pytest.raises(ValueError, match="at least one entry"):
        Pooled.of(WHOLE, "pruner", [])


def test_it_pickles_and_an_optuna_study_can_ask_it():
    again = pickle.loads(pickle.dumps(POOLED))
    trial = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0)).ask()

    assert again == POOLED
    assert again.ask(trial)["pruner"] in ENTRIES


@pytest.mark.parametrize(
    ("ranges", "size"),
    [
        ({}, 1),
        ({"a": Choice((1, 2, 3))}, 3),
        ({"a": Choice((1, 2)), "b": Int(2, 5)}, 8),
        ({"a": Choice((1, 2)), "b": Float(0.0, 1.0)}, float("inf")),
    ],
)
def test_the_size_of_a_space_is_the_number_of_its_different_settings(ranges, size):
    assert Space(ranges).size == size

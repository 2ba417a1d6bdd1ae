"""What is built holds the keys that `analysis.front_json` declares: no other, with their types."""

import copy
import json

import pytest

from analysis.front_json import Front
from search.front.growing import GrowingFront
from tests.search.front.test_build import CONSTANT, DENSE, FACTS, TRIALS, front, report, trial
from tests.typed_keys import mismatches

BY_CHANCE = trial("t1", report("t1", CONSTANT, 0.5))


def as_json(value):
    """Tuples become lists, as in the file."""
    return json.loads(json.dumps(value))


@pytest.mark.parametrize("trials", [TRIALS, [BY_CHANCE], [], TRIALS[3:4]])
def test_a_front_holds_what_is_declared(trials):
    assert mismatches(as_json(front(*trials)), Front) == []


def test_so_does_the_front_of_a_running_search():
    facts = {**FACTS, "group_at_prediction": False}
    growing = GrowingFront(facts)
    growing.take({**DENSE, "performance": 0.9, "bias": 0.2})
    for event in [event for one in TRIALS for event in one]:
        growing.take(event)
        assert mismatches(as_json(growing.as_front()), Front) == []


def test_what_is_not_declared_is_noticed():
    whole = as_json(front(*TRIALS))
    wrong = copy.deepcopy(whole)
    wrong["points"][0]["tune"]["colour"] = "red"
    wrong["dense"]["tune"]["bias"] = "small"
    del wrong["name"]

    assert mismatches(wrong, Front) == [
        ": lacks name",
        ".dense.tune.bias: 'small' is no float",
        ".points[0].tune: colour is not declared in PointValues",
    ]

"""What a front says beside its points, from the hand-made journal of `test_front`."""

import pytest

from search.front.notes import hidden, named_in
from search.front.view import view_by
from tests.search.front.test_build import DENSE, FACTS, TRIALS, WORSE, front, names, report, trial


def by(correction, *events, needs_group=True):
    """A trial whose method brings this correction."""
    start, *rest = events
    spec = {**start["spec"], "correction": {"name": correction}}
    kind = {"decision": {"kind": "group_thresholds", "indices": [500, 500], "trivial": False}}
    changed = [
        {**one, **kind} if one["event"] == "report" and needs_group else one for one in rest
    ]
    return [{**start, "spec": spec}, *changed]


@pytest.mark.parametrize("allowed", [False, True])
def test_the_best_candidate_without_the_group_is_named_even_where_one_with_it_hides_it(allowed):
    facts = {**FACTS, "group_at_prediction": allowed}
    trials = [by("group_thresholds", *TRIALS[0]), trial("t2", report("t2", WORSE, 0.1))]

    found = front(*trials, facts=facts)

    assert names(found) == (["t1"] if allowed else ["t1", "t2"])
    assert found["without_group"]["tried"]
    assert found["without_group"]["candidate"] == "t2c"
    assert found["without_group"]["tune"]["performance"] == pytest.approx(0.75)


@pytest.mark.parametrize(
    ("trials", "tried"),
    [([by("group_thresholds", *TRIALS[0])], False), ([TRIALS[0][:1], TRIALS[3]], True)],
)
def test_without_such_a_candidate_it_is_said_whether_any_was_tried(trials, tried):
    found = front(*trials)["without_group"]

    assert (found["tried"], found["candidate"], found["tune"]) == (tried, None, None)


def test_candidates_whose_correction_is_not_defined_for_so_many_groups_are_left_out_by_name():
    reject = by("reject_option", *TRIALS[0], needs_group=False)

    found = front(reject, TRIALS[1], view=view_by(FACTS, DENSE, "sex*race", min_cell=20))

    assert names(found) == ["t2"]
    assert found["candidates"] == 1
    assert found["left_out"] == [
        {
            **{"method": "adv_ft", "candidates": 1},
            "why": "reject_option: needs exactly two groups, got 4",
        }
    ]
    assert front(reject)["left_out"] == []


def test_a_front_names_its_points_and_the_best_without_the_group_behind_them():
    trials = [by("group_thresholds", *TRIALS[0]), trial("t2", report("t2", WORSE, 0.1))]
    behind = front(*trials, facts={**FACTS, "group_at_prediction": True})
    beside = front(*trials)

    assert named_in(behind) == ["t1c", "t2c"]
    assert hidden(behind)["candidate"] == "t2c"
    assert (named_in(beside), hidden(beside)) == (["t1c", "t2c"], None)
    assert hidden({"points": []}) is None  # of an earlier version

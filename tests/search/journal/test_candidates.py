"""Which reports count: hand-made journals, a sentence each."""

import pytest

from search.journal.candidates import (
    Candidates,
    Change,
    could_be_chosen,
    group_at_prediction,
    is_feasible,
    needs_group,
    standing,
)


def start(trial):
    return {"event": "trial_start", "trial": trial, "method": "adv_ft", "spec": {}}


def report(trial, epoch, candidate="c", dropped=(), **changes):
    name = candidate and f"{trial}-{epoch}{candidate}"
    facts = {"feasible": True, "beats_trivial": True, "decision": {"kind": "threshold"}}
    event = {"event": "report", "trial": trial, "epoch": epoch, "dropped": list(dropped)}
    return {**event, "candidate": name, **facts, **changes}


def end(trial, status):
    return {"event": "trial_end", "trial": trial, "status": status, "reason": None}


def told(*events):
    """The fold after these events, and what each of them changed."""
    fold = Candidates(lambda event: event["epoch"])
    return fold, [fold.take(event) for event in events]


def test_a_candidate_stands_until_a_later_report_of_its_trial_drops_it():
    fold, changes = told(
        start("a"), report("a", 1), report("a", 2, None), report("a", 3, dropped=["a-1c"])
    )

    assert changes == [None, Change("a", "a-1c"), None, Change("a", "a-3c", ("a-1c",))]
    assert fold.of("a") == {"a-3c": 3}
    assert fold.names() == {("a", "a-3c")}


@pytest.mark.parametrize(
    ("status", "left"), [("finished", [1, 2]), ("stopped", [2]), ("failed", [2])]
)
def test_a_trial_that_does_not_finish_loses_its_candidates_and_no_other_does(status, left):
    fold, changes = told(start("a"), start("b"), report("b", 2), report("a", 1), end("a", status))

    assert list(fold) == left  # by the starts of trials, not by when they reported
    assert changes[-1] == (None if status == "finished" else Change("a", removed=("a-1c",)))


@pytest.mark.parametrize(
    "late",
    [
        report("a", 1, "again"),  # an epoch that a worker repeated
        report("b", 1),  # of a trial whose start is lost
        end("b", "failed"),
        start("a"),
    ],
)
def test_what_a_journal_should_not_say_changes_nothing(late):
    fold, changes = told(start("a"), report("a", 1), late)

    assert changes[-1] is None
    assert list(fold) == [1]


def test_nothing_counts_after_the_end_of_a_trial():
    fold, _ = told(start("a"), end("a", "stopped"), report("a", 1), end("a", "finished"))

    assert not list(fold)
    assert fold.start("a")["method"] == "adv_ft"
    assert (fold.place("a"), fold.of("unknown")) == (0, {})


def test_of_one_trial_s_reports_the_same_stand_by_the_rule_for_lists():
    reports = [report("a", 1), report("a", 2), report("a", 3, dropped=["a-1c"])]

    assert [one["epoch"] for one in standing(reports, "running")] == [2, 3]
    assert [one["epoch"] for one in standing(reports, "finished")] == [2, 3]
    assert standing(reports, "stopped") == standing(reports, "failed") == []


def test_feasible_is_what_was_kept_keeps_the_tolerance_and_beats_a_constant():
    assert is_feasible(report("a", 1))
    for change in ({"candidate": None}, {"feasible": False}, {"beats_trivial": False}):
        assert not is_feasible(report("a", 1, **change))


def test_what_needs_the_group_could_be_chosen_only_where_that_is_allowed():
    by_group = report("a", 1, decision={"kind": "group_thresholds"})

    assert needs_group(by_group)
    assert not could_be_chosen(by_group, group_allowed=False)
    assert could_be_chosen(by_group, group_allowed=True)
    assert could_be_chosen(report("a", 1), group_allowed=False)
    assert not group_at_prediction({"correction": {"name": "threshold"}})  # of an older journal
    assert group_at_prediction({"correction": {"name": "group_thresholds"}})
    said = {"correction": {"name": "threshold"}, "group_at_prediction": True}
    assert group_at_prediction(said)

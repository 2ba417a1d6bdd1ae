"""Whether points that need the group may be chosen: what schedulers and tables are told of it."""

from dataclasses import replace

import pytest

from search.config.config import Config
from search.problem.problem import open_problem
from search.runs.folder import RunFolder
from spaces.space import Space
from tests.search.made_journal import begin, report

METHODS = ("adv_ft", "group_thresholds", "reject_option")


@pytest.mark.parametrize(
    ("allowed", "correction", "shown_only"),
    [
        (False, "threshold", {"group_thresholds", "reject_option"}),
        (True, "threshold", set()),
        (False, "equalized_odds", set()),
    ],
)
def test_a_scheduler_is_told_which_methods_networks_may_not_be_chosen(
    allowed, correction, shown_only
):
    config = Config.load("quick", [f"objective.group_at_prediction={str(allowed).lower()}"])
    ten_classes = open_problem(config)
    problem = replace(
        ten_classes, spaces=dict.fromkeys(METHODS, Space({}, {})), correction={"name": correction}
    )

    assert problem.stopping().not_to_be_chosen == shown_only
    assert problem.group_allowed == (not shown_only)


def test_tables_of_a_run_say_which_reports_need_the_group(tmp_path):
    journal = begin(tmp_path / "run")
    by_group = {"kind": "group_thresholds", "indices": [5, 6], "trivial": False}
    journal.append({"event": "trial_start", "trial": "t1", "method": "adv_ft", "spec": {}})
    journal.append({"event": "report", **report("t1", 1, last=False)})
    journal.append({"event": "report", **{**report("t1", 2, last=True), "decision": by_group}})
    journal.close()

    _, reports = RunFolder(tmp_path / "run").journal_frames()

    assert reports["needs_group"].tolist() == [False, True]
    assert "decision" not in reports

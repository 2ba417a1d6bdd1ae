"""A search by what groups lose against the dense net, from journal to test, without Ray."""

import numpy as np
import pytest

from search.config.config import Config
from search.errors import UserError
from search.front.view import view_of
from search.journal.journal import read_events
from search.problem.dense_net import decision_of
from search.results.confirm import confirm
from search.results.judged_anew import judged_anew
from search.runs.folder import RunFolder
from tests.search.made_run import made_run
from tests.search.runs.test_older_version import OLDER
from trainables.corrections import decision_from_dict
from trainables.corrections.threshold import HALF, CommonThreshold
from trainables.evaluation.counts import Counts, ScoreCounts, counts_from_dict
from trainables.evaluation.measures import MEASURES

DROPS = [name for name, m in MEASURES.items() if m.against_dense]
PRUNED = {"pruner": {"sparsity": 0.9}, "recovery": {"epochs": 2, "lr": 1e-3, "batch_size": 64}}


def config_of(bias, *settings):
    return Config.load(
        "quick",
        [
            *[f"objective.bias={bias}", "objective.performance=accuracy"],
            *["objective.tolerance=0.1", "tracking.enabled=false", "data.args={target='odd'}"],
            *["dense.max_epochs=2", "dense.check_every=1"],
            *["search.methods=['dense_threshold', 'magnitude_retrain']", *settings],
        ],
    )


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    path = tmp_path_factory.mktemp("drops") / "run"
    settings = {"dense_threshold": {}, "magnitude_retrain": PRUNED}
    folder = made_run(path, config_of("accuracy_drop_std"), settings)
    folder.write_front()
    return folder


def test_the_dense_net_has_lost_nothing_and_others_are_compared_with_it(run):
    front, dense = run.front(), run.dense_event()

    assert dense["bias"] == 0
    assert front["dense"]["tune"]["bias"] == 0
    assert {name: front["dense"]["tune"]["measures"][name] for name in DROPS} == dict.fromkeys(
        DROPS, 0
    )
    reports = [event for event in read_events(run.journal) if event["event"] == "report"]
    pruned = [one for one in reports if one["trial"] == "t0002"]
    assert all(one["bias_interval"][1] > one["bias"] for one in pruned)
    assert any(one["bias"] > 0 for one in pruned)


def test_candidates_keep_scores_beside_the_dense_decisions_and_others_what_was_decided(run):
    reports = [event for event in read_events(run.journal) if event["event"] == "report"]
    to_group = view_of(run.facts()).crossing_to_group
    decided = decision_from_dict(run.dense_event()["decision"]).decide(
        counts_from_dict(run.dense_event()["counts"]["tune"])
    )

    assert {report["candidate"] is None for report in reports} == {True, False}
    for report in reports:
        counts = counts_from_dict(report["counts"]["tune"])
        assert isinstance(counts, Counts if report["candidate"] is None else ScoreCounts)
        assert np.array_equal(counts.beside_dense.sum(3), decided.table)
        if report["candidate"] is not None:
            counts = decision_from_dict(report["decision"]).decide(counts)
        by_group = counts.regroup(to_group)
        bias = MEASURES["accuracy_drop_std"].bias(by_group.beside_dense)
        assert report["bias"] == pytest.approx(float(bias), abs=1e-12)


@pytest.mark.parametrize("bias", DROPS[1:])
def test_a_run_is_judged_anew_by_another_drop_and_stays_comparable(run, bias):
    view, front = judged_anew(run, bias=bias, group="domain")

    assert view.objective.bias == bias
    assert front["dense"]["tune"]["bias"] == 0
    assert all(point["tune"]["bias"] is not None for point in front["points"])


def test_test_is_counted_beside_the_dense_decisions_too(run):
    confirmed = confirm(run.path)

    assert confirmed["dense"]["test"]["bias"] == 0
    for point in confirmed["points"]:
        assert point["test"]["bias"] is not None
        assert point["test"]["measures"]["excess_gap"] is not None


def test_a_fixed_threshold_is_the_dense_nets_too(tmp_path):
    fixed = ["correction.name=threshold", "correction.choose=fixed"]
    config = config_of("excess_gap", *fixed, "dense.max_epochs=12")
    folder = made_run(tmp_path / "run", config, {"dense_threshold": {}})

    assert folder.dense_event()["decision"]["index"] == HALF
    assert folder.dense_event()["bias"] == 0
    report = next(e for e in read_events(folder.journal) if e["event"] == "report")
    assert report["decision"]["index"] == HALF
    assert report["bias"] == 0  # the dense net as it is


def test_a_run_of_an_earlier_version_says_that_it_cannot_be_judged_so():
    folder = RunFolder(OLDER / "finished")
    with pytest.raises(UserError, match="accuracy_drop_std: compares with the dense net, whose"):
        judged_anew(folder, bias="accuracy_drop_std")
    _, front = judged_anew(folder, tolerance=0.4)
    assert front["points"]
    for point in front["points"]:
        assert all(point["tune"]["measures"][name] is None for name in DROPS)
    assert decision_of({"name": "threshold", "choose": "fixed"}, folder.dense_event()) == (
        CommonThreshold(HALF)
    )
    assert decision_of({"name": "threshold"}, folder.dense_event()) is None

"""A search that shows a second decision chooses, hands over and confirms what one without does."""

import json
from dataclasses import replace

import numpy as np
import pytest

from analysis.front_json import Front
from search.config.config import Config
from search.errors import UserError
from search.front.build import build_front
from search.front.view import view_of
from search.journal.journal import read_events
from search.problem.problem import open_problem
from search.results.confirm import confirm
from search.results.judged_anew import judged_anew
from tests.search.made_run import made_run
from tests.typed_keys import mismatches
from trainables.corrections import decision_from_dict
from trainables.corrections.threshold import CommonThreshold, Threshold
from trainables.data.batches import scores_of
from trainables.evaluation.counts import counts_from_dict
from trainables.trial.workbench import Workbench

HALF = 500
SETTINGS = [
    *["data.args={target='odd'}", "dense.max_epochs=15", "dense.check_every=5"],
    *["objective.performance='balanced_accuracy'", "objective.bias='aod'"],
    *[
        "model.name='mlp'",
        "objective.tolerance=0.4",
        "search.methods=['adv_ft', 'magnitude_retrain']",
    ],
    "tracking.enabled=false",
]
TRIALS = {
    "adv_ft": {"recovery": {"epochs": 4, "lr": 0.003}},
    "magnitude_retrain": {"pruner": {"sparsity": 0.7}, "recovery": {"epochs": 2}},
}


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """The folders of two searches that differ in nothing but what they show, confirmed."""
    folders = {}
    for beside in (None, "fixed"):
        asked = [] if beside is None else [f"correction.beside={beside}"]
        path = tmp_path_factory.mktemp("second") / "run"
        folders[beside] = made_run(path, Config.load("quick", [*SETTINGS, *asked]), TRIALS)
        folders[beside].write_front()
        with pytest.MonkeyPatch.context() as patch:  # each is the first opening, at one level
            patch.setenv("FAIRFRONT_LEDGER", str(path.parent / "ledger.jsonl"))
            confirm(path)
    return folders


def without(value):
    """What was read from JSON, without anything that is said of a second decision."""
    if isinstance(value, dict):
        return {key: without(part) for key, part in value.items() if key != "beside"}
    return [without(part) for part in value] if isinstance(value, list) else value


def files(folder):
    return [path.name for path in folder.candidates.files()]


@pytest.mark.parametrize("name", ["front.json", "confirmed.json"])
def test_front_and_confirmation_are_the_same_to_the_byte_but_for_what_they_show(runs, name):
    plain, shown = ((runs[beside].path / name).read_text("utf-8") for beside in (None, "fixed"))

    assert shown != plain
    assert json.dumps(without(json.loads(shown)), indent=1) + "\n" == plain.replace(
        f'"opening": {json.loads(plain)["opening"]}', f'"opening": {json.loads(shown)["opening"]}'
    )
    assert mismatches(json.loads(shown), Front) == []


def test_the_same_networks_are_kept_and_the_journal_says_nothing_else(runs):
    def told(folder):
        left_out = ("time", "seconds")
        return [
            {key: value for key, value in event.items() if key not in left_out}
            for event in read_events(folder.journal)
            if event["event"] in ("trial_start", "report", "trial_end", "dense")
        ]

    assert files(runs["fixed"]) == files(runs[None])
    assert without(told(runs["fixed"])) == told(runs[None])
    assert told(runs["fixed"]) != told(runs[None])


def test_each_point_says_what_it_is_worth_at_a_half_on_tune_and_on_test(runs):
    """Its scores are counted here from the rows, without any histogram."""
    folder = runs["fixed"]
    problem = open_problem(folder.config())
    dense = folder.dense(problem.untrained())
    bench = Workbench.open(problem.prepared, dense, problem.objective, device="cpu")
    front = folder.front()

    for point in front["points"]:
        net = folder.candidates.load(point["candidate"], folder.dense(problem.untrained())).net
        for split in ("tune", "test"):
            part = bench.prepared.parts[split]
            positive = scores_of(net, bench.data, split) > 0.5
            rates = [(positive == part.labels)[part.labels == label].mean() for label in (0, 1)]
            shown = point["beside"][split]
            assert point["beside"]["decision"]["threshold"] == 0.5
            assert shown["performance"] == pytest.approx(np.mean(rates))
            assert shown["sparsity"] == point[split]["sparsity"]
            assert shown["bias_interval"][0] <= shown["bias"] <= shown["bias_interval"][1]
    assert any(p["beside"]["tune"]["bias"] != p["tune"]["bias"] for p in front["points"])


def test_the_dense_net_beside_them_is_decided_so_too(runs):
    folder = runs["fixed"]
    first, *others = folder.front()["references"]
    tune = counts_from_dict(folder.dense_event()["counts"]["tune"])
    table = tune.regroup(view_of(folder.facts()).crossing_to_group).at(HALF).table
    sensitivity = [table[:, label, label].sum() / table[:, label].sum() for label in (0, 1)]

    assert first["label"] == "dense net"
    assert first["beside"]["tune"]["performance"] == pytest.approx(np.mean(sensitivity))
    assert first["beside"]["test"]["performance"] is not None
    assert not any("beside" in other for other in others)


def test_judged_anew_the_second_decision_is_fitted_anew_too(runs):
    folder = runs["fixed"]
    events = list(read_events(folder.journal))
    best = replace(view_of(folder.facts()), beside=Threshold("balanced_accuracy"))

    _, by_other = judged_anew(folder, tolerance=0.3)
    (point, *_) = build_front(folder.facts(), events, best)["points"]

    assert {p["beside"]["decision"]["index"] for p in by_other["points"]} == {HALF}
    assert isinstance(decision_from_dict(point["beside"]["decision"]), CommonThreshold)
    assert point["beside"]["tune"]["performance"] is not None


def test_a_journal_without_one_gives_a_front_without_one(runs):
    assert "beside" not in json.dumps(runs[None].front())


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        (["correction.beside=fair"], "beside must be another choice than the one that decides"),
        (
            ["correction.choose=fixed", "correction.beside=fixed"],
            "beside must be another choice than the one that decides, got 'fixed' twice",
        ),
        (
            ["correction.beside=.5"],
            "correction.beside: must be 'fair', 'gain', 'balanced_accuracy' or",
        ),
    ],
)
def test_a_second_decision_that_is_none_is_refused(settings, complaint):
    with pytest.raises(UserError, match=complaint):
        Config.load("quick", settings)


def test_more_than_two_classes_have_no_second_threshold():
    config = Config.load("quick", ["correction.beside=fixed"])

    with pytest.raises(UserError, match=r"\[correction\] beside = 'fixed' needs two classes.*10"):
        open_problem(config)

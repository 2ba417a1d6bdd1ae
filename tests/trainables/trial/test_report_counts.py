"""The counts in reports: whole where a candidate is left, as decided elsewhere."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from tests.trainables.made_data import PARTS, made_prepared
from trainables.corrections import decision_from_dict
from trainables.evaluation.counts import Counts, ScoreCounts, counts_from_dict
from trainables.evaluation.objective import Objective
from trainables.evaluation.report import evaluate
from trainables.trial.candidate_store import CandidateStore
from trainables.trial.pipeline import Pipeline
from trainables.trial.spec import Spec
from trainables.trial.workbench import Workbench

CROSSINGS = [0, 1, -1, 0, 1]  # the third is left out
SPLITS = ("tune", "held_back")


def made_bench(classes):
    """Five crossings of two groups, one of them left out of the grouping."""
    prepared = made_prepared(classes=classes)
    draw = np.random.default_rng(0)
    parts = {
        name: replace(part, crossing=draw.integers(0, len(CROSSINGS), PARTS[name]))
        for name, part in {**prepared.parts}.items()
    }
    priors = np.full((len(CROSSINGS), classes), 1 / (len(CROSSINGS) * classes))
    prepared = replace(
        prepared,
        parts={**parts, "test": parts["tune"]},
        crossing_names=tuple((letter,) for letter in "abcde"),
        crossing_to_group=np.array(CROSSINGS),
        crossing_priors=priors,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        net = nn.Sequential(nn.Linear(5, 8), nn.ReLU(), nn.Linear(8, 1 if classes == 2 else 3))
    objective = Objective("accuracy", "spd" if classes == 2 else "bias_amplification", 0.6, 0.1)
    return Workbench.open(prepared, net, objective, device="cpu", recording=True)


def reports_of(bench, folder, correction):
    config = {
        **{"trial": "t0001", "method": "adv_ft", "seed": 1, "correction": {"name": correction}},
        "settings": {"recovery": {"epochs": 12, "lr": 0.3, "batch_size": 20}},
    }
    pipeline = Pipeline(Spec.from_config(config), bench, CandidateStore(folder))
    while not pipeline.done:
        yield pipeline.step()


@pytest.fixture(
    scope="module",
    params=[(2, "threshold"), (2, "group_thresholds"), (2, "equalized_odds"), (3, "argmax")],
    ids=str,
)
def trial(request, tmp_path_factory):
    classes, correction = request.param
    bench = made_bench(classes)
    reports = list(reports_of(bench, tmp_path_factory.mktemp("store"), correction))
    assert {report["candidate"] is None for report in reports} == {True, False}
    return bench, reports


def test_candidates_have_whole_counts_and_other_reports_decided_ones(trial):
    bench, reports = trial
    whole = ScoreCounts if bench.prepared.binary else Counts

    for report in reports:
        counts = {split: counts_from_dict(state) for split, state in report["counts"].items()}
        expected = Counts if report["candidate"] is None else whole
        assert {type(one) for one in counts.values()} == {expected}
        assert tuple(counts) == (SPLITS if report["candidate"] is None else (*SPLITS, "test"))
        assert all(one.n_groups == len(CROSSINGS) for one in counts.values())
        assert ("measures" in report) == (report["candidate"] is not None)


def test_test_is_counted_in_recordings_alone(trial, tmp_path):
    bench, reports = trial
    correction = "threshold" if bench.prepared.binary else "argmax"
    searched = reports_of(replace(bench, recording=False), tmp_path, correction)

    assert not any("test" in report["counts"] for report in searched)
    assert any("test" in report["counts"] for report in reports)


def test_every_row_of_every_split_is_counted_where_its_group_is_known(trial):
    bench, reports = trial
    kept = np.array(CROSSINGS) >= 0

    for report in reports:
        for split, state in report["counts"].items():
            cells = bench.count(bench.dense, split).cells
            assert np.array_equal(counts_from_dict(state).cells[kept], cells[kept])


def test_what_a_report_says_follows_from_its_counts(trial):
    """Of a decision by lot too: what was judged and what is stored come from one draw."""
    bench, reports = trial

    for report in reports:
        counts = counts_from_dict(report["counts"]["tune"])
        if report["candidate"] is not None:
            counts = decision_from_dict(report["decision"]).decide(counts, np.array(CROSSINGS))
        said = evaluate(bench.by_group(counts), bench.objective)
        assert {key: report[key] for key in said if key in report} == {
            key: value for key, value in said.items() if key in report
        }
        assert {"performance", "bias", "bias_interval", "feasible"} <= said.keys() & report.keys()

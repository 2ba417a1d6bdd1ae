"""A report may carry a second decision: what it is worth, and that it changes nothing else."""

from dataclasses import replace

import numpy as np
import pytest

from tests.trainables.trial.test_report_counts import CROSSINGS, made_bench, reports_of
from trainables.corrections.threshold import CommonThreshold
from trainables.evaluation.counts import counts_from_dict
from trainables.evaluation.report import evaluate
from trainables.trial.shared_stage import stage_key
from trainables.trial.spec import Spec

HALF = 500  # of the thresholds 0, .001, ... 1


@pytest.fixture(scope="module")
def bench():
    return replace(made_bench(2), recording=False)


@pytest.fixture(scope="module")
def without(bench, tmp_path_factory):
    return list(reports_of(bench, tmp_path_factory.mktemp("without"), "threshold"))


@pytest.fixture(scope="module", params=["fixed", "balanced_accuracy"])
def asked(request, bench, tmp_path_factory):
    """How the second threshold is chosen, and the reports of a trial that shows it."""
    shown = replace(bench, beside=request.param)
    folder = tmp_path_factory.mktemp(request.param)
    return request.param, list(reports_of(shown, folder, "threshold"))


def plain(reports, *left_out):
    return [{k: v for k, v in r.items() if k not in ("seconds", *left_out)} for r in reports]


def test_a_report_without_one_says_nothing_of_it(without):
    assert not any("beside" in report for report in without)


def test_all_else_in_the_reports_is_the_same_candidates_names_included(without, asked):
    _, reports = asked

    assert plain(reports, "beside") == plain(without)
    assert any(report["candidate"] for report in reports)


def test_it_says_what_the_second_threshold_is_worth_on_tune(asked, bench):
    """Of each candidate, whose histograms are at hand: decided and judged here once more."""
    choice, reports = asked
    groups = np.array(CROSSINGS)
    candidates = [report for report in reports if report["candidate"]]

    for report in candidates:
        told = report["beside"]
        held_back = counts_from_dict(report["counts"]["held_back"]).regroup(groups)
        index = HALF if choice == "fixed" else _best(held_back, bench)
        tune = counts_from_dict(report["counts"]["tune"]).regroup(groups)
        judged = evaluate(CommonThreshold(index).decide(tune), bench.objective)
        assert told["decision"]["index"] == index
        assert (told["performance"], told["bias"]) == (judged["performance"], judged["bias"])
    assert any(r["beside"]["decision"]["index"] != r["decision"]["index"] for r in candidates)


def test_every_report_has_one_be_it_a_candidate_or_not(asked):
    _, reports = asked

    assert {report["candidate"] is None for report in reports} == {True, False}
    assert all(0 <= report["beside"]["performance"] <= 1 for report in reports)


def test_a_stage_that_trials_share_is_not_taken_from_a_search_that_shows_none(bench):
    config = {"trial": "t", "method": "prune_as_is", "seed": 1, "settings": {}}
    spec = Spec.from_config({**config, "correction": {"name": "threshold"}})
    benches = [bench, replace(bench, beside="fixed"), replace(bench, beside="balanced_accuracy")]

    assert len({stage_key(spec, 0, one, []) for one in benches}) == 3


def _best(held_back, bench):
    """The first threshold of the largest accuracy, cells weighted by train's shares."""
    rows = held_back.histogram.sum(axis=-1)
    weights = bench.prepared.priors / rows
    accuracies = []
    for index in range(1001):
        table = held_back.at(index).table
        right = table[:, 0, 0] * weights[:, 0] + table[:, 1, 1] * weights[:, 1]
        accuracies.append(right.sum())
    return int(np.argmax(np.round(accuracies, 12)))

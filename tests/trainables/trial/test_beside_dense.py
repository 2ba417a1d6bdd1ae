"""What a worker's counts keep of the dense net, and trials that are judged against it."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from tests.trainables.made_data import made_prepared
from tests.trainables.trial.test_pipeline import trained_net
from trainables.corrections.threshold import HALF, CommonThreshold
from trainables.data.batches import scores_of
from trainables.evaluation.counts import counts_from_dict
from trainables.evaluation.measures import all_measures
from trainables.evaluation.objective import Objective
from trainables.learning.phi import held_back_phi
from trainables.trial.candidate_store import CandidateStore
from trainables.trial.pipeline import Pipeline
from trainables.trial.spec import Spec
from trainables.trial.workbench import Workbench

DROPS = ("accuracy_drop_std", "worst_group_drop", "excess_gap", "excess_gap_pairwise")
BY_DROP = Objective("accuracy", "accuracy_drop_std", tolerance=0.3, margin=0.1)


def bench_of(classes, objective=BY_DROP, **given):
    prepared = made_prepared(classes=classes)
    return Workbench.open(prepared, trained_net(classes), objective, device="cpu", **given)


def other_net(classes):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        return nn.Linear(5, 1 if classes == 2 else classes)


@pytest.mark.parametrize("classes", [2, 3])
def test_the_dense_net_has_lost_nothing_against_itself(classes):
    bench = bench_of(classes)
    for part in ("tune", "held_back"):
        decided = bench.dense_decision.decide(bench.by_group(bench.count(bench.dense, part)))
        values = all_measures(decided)
        assert {name: values[name] for name in DROPS} == dict.fromkeys(DROPS, 0.0)


@pytest.mark.parametrize("classes", [2, 3])
def test_counts_hold_both_decisions_of_each_row(classes):
    bench, net = bench_of(classes), other_net(classes)
    part = bench.prepared.parts["tune"]
    dense, own = (scores_of(each, bench.data, "tune") for each in (bench.dense, net))
    if classes == 2:
        index = bench.dense_decision.index
        before, after = dense > index / 1000, own > 0.5
        counts = bench.count(net, "tune").at(HALF)
    else:
        before, after = dense.argmax(1), own.argmax(1)
        counts = bench.count(net, "tune")

    expected = np.zeros((2, classes, classes, classes), dtype=int)
    np.add.at(expected, (part.crossing, part.labels, before.astype(int), after.astype(int)), 1)
    assert np.array_equal(counts.beside_dense, expected)
    assert 0 < np.trace(expected.sum((0, 1))) < len(part)


def test_the_dense_net_decides_at_its_best_threshold_unless_one_is_given():
    best = bench_of(2)
    scores = scores_of(best.dense, best.data, "held_back")
    labels = best.prepared.parts["held_back"].labels
    accuracies = [((scores > k / 1000) == labels).mean() for k in range(1001)]
    fixed = bench_of(2, given_decision=CommonThreshold(HALF))

    # the accuracy of cells as frequent as the priors is near that of the rows
    assert accuracies[best.dense_decision.index] > max(accuracies) - 0.05
    assert best.dense_decision == best.best_dense_decision == fixed.best_dense_decision
    predicted = fixed.dense_predictions("held_back")
    assert predicted.tolist() == (scores > 0.5).astype(int).tolist()


METHODS = {
    (2, "adv_ft"): {"recovery": {"epochs": 4, "lr": 0.05, "batch_size": 20}},
    (3, "adv_ft"): {"recovery": {"epochs": 4, "lr": 0.05, "batch_size": 20}},
    (2, "prune_advft"): {
        "pruner": {"epochs": 2, "keep_target": 0.6, "batch_size": 20},
        "recovery": {"epochs": 2, "lr": 0.05, "batch_size": 20},
    },
    (3, "random_perturbation"): {"recovery": {"tries": 3}},
}


@pytest.mark.parametrize("bias", ["accuracy_drop_std", "worst_group_drop"])
@pytest.mark.parametrize(("classes", "method"), METHODS)
def test_a_trial_can_be_judged_by_what_groups_lose(classes, method, bias, tmp_path):
    """Training losses, choices on held-back rows, thresholds and reports all take such a bias."""
    bench = bench_of(classes, replace(BY_DROP, bias=bias))
    config = {
        **{"trial": "t0001", "method": method, "seed": 1},
        "settings": METHODS[classes, method],
        "correction": {"name": "threshold" if classes == 2 else "argmax"},
    }
    pipeline = Pipeline(Spec.from_config(config), bench, CandidateStore(tmp_path))
    reports = []
    while not pipeline.done:
        reports.append(pipeline.step())

    of_dense = bench.count(bench.dense, "tune")
    before = of_dense.beside_dense.sum(3)
    for report in reports:
        assert report["bias"] is not None
        assert report["bias_interval"][0] <= report["bias"] <= report["bias_interval"][1]
        counts = counts_from_dict(report["counts"]["tune"])
        assert np.array_equal(counts.beside_dense.sum(3), before)
    # of three tries at random the dense net itself, which has lost nothing, stays the best: it is
    # no candidate, as nothing has changed
    moved = method != "random_perturbation"
    assert any(report["candidate"] for report in reports) == moved
    assert any(report["bias"] > 0 for report in reports) == moved


@pytest.mark.parametrize("limit", [0.001, 0.9])
def test_phi_of_more_classes_is_the_performance_where_the_drop_is_below_the_limit(limit):
    bench, net = bench_of(3), other_net(3)
    part = bench.prepared.parts["held_back"]
    dense, own = (
        scores_of(each, bench.data, "held_back").argmax(1) == part.labels
        for each in (bench.dense, net)
    )
    drops = [dense[part.groups == g].mean() - own[part.groups == g].mean() for g in range(2)]
    assert 0.001 < np.std(drops, ddof=1) < 0.9

    shown = held_back_phi(net, bench.data, bench.objective, 0, limit)
    assert shown == pytest.approx(own.mean() if limit == 0.9 else 0)

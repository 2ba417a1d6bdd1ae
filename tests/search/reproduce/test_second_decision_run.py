"""A tiny table at the threshold .5 with the best threshold beside it, against plain means."""

import json
from copy import deepcopy

import numpy as np
import pytest
import torch

from search.cluster.connect import connected
from search.problem.problem import open_problem
from search.reproduce.plan import Options
from search.reproduce.reproduction import reproduce
from search.reproduce.tables import load_table
from search.runs.folder import RunFolder
from trainables.evaluation.counts import THRESHOLDS
from trainables.trial.workbench import Workbench

DEFINITION = """
title = "Two decisions"
seeds = 1
tunes = false
quantities = ["performance", "di", "beside.performance", "beside.di", "beside.bias"]

[[columns]]
name = "digits"
experiment = "quick"
set = [
    "data.args={target='odd'}", "dense.max_epochs=6", "dense.check_every=2", "space={}",
    "objective.performance='accuracy'", "objective.bias='di'", "objective.sparsity=false",
    "search.concurrent=1", "search.time_limit='1h'",
    "correction={name='threshold', choose='fixed', beside='balanced_accuracy'}",
]

[[rows]]
name = "Normal training"
reference = "dense net"

[[rows]]
name = "LMW"
method = "magnitude_retrain"
network = "last"
settings = {pruner = {sparsity = 0.5}, recovery = {epochs = 1}}
"""


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    path = tmp_path_factory.mktemp("definition") / "decisions.toml"
    path.write_text(DEFINITION, encoding="utf-8")
    table, out = load_table(str(path)), tmp_path_factory.mktemp("out") / "table"
    with connected(None, cpus=2, gpus=False):
        reproduce(table, Options.of(table), out)
    return out, json.loads((out / "results.json").read_text("utf-8"))


@pytest.fixture(scope="module")
def scored(made):
    """Row -> part -> (scores in [0, 1], labels, groups) of its network."""
    folder = RunFolder(made[0] / "runs" / "published-digits-seed0")
    problem = open_problem(folder.config())
    dense = folder.dense(problem.untrained())
    bench = Workbench.open(problem.prepared, dense, problem.objective, device="cpu")
    candidate = entry_of(made, "LMW")["candidate"]
    nets = {
        "Normal training": dense,
        "LMW": folder.candidates.load(candidate, deepcopy(dense)).net,
    }

    def of(net, name):
        part = bench.data.part(name)
        with torch.no_grad():
            scores = net.eval()(bench.data.normalise(part.inputs))[:, 0].sigmoid()
        split = problem.prepared.parts[name]
        return scores.double().numpy(), split.labels, split.groups

    return {
        row: {name: of(net, name) for name in ("held_back", "test")} for row, net in nets.items()
    }, problem.prepared.priors


def entry_of(made, row):
    (found,) = [one for one in made[1]["rows"] if one["name"] == row]
    (entry,) = found["cells"]["digits"]["published"]["entries"]
    return entry


def accuracy_and_di(part, threshold):
    scores, labels, groups = part
    positive = scores > threshold
    rates = [positive[groups == g].mean() for g in (0, 1)]
    return (positive == labels).mean(), min(rates) / max(rates)


@pytest.mark.parametrize("row", ["Normal training", "LMW"])
def test_every_network_the_dense_one_too_decides_at_the_threshold_that_is_fixed(made, scored, row):
    accuracy, di = accuracy_and_di(scored[0][row]["test"], 0.5)
    test = entry_of(made, row)["test"]

    assert test["performance"] == pytest.approx(accuracy)
    assert test["measures"]["di"] == pytest.approx(di)


@pytest.mark.parametrize("row", ["Normal training", "LMW"])
def test_beside_it_stands_the_best_threshold_on_the_held_back_rows(made, scored, row):
    """Best by accuracy, where each cell of group and label counts as often as it occurs."""
    parts, priors = scored
    scores, labels, groups = parts[row]["held_back"]
    weights = np.zeros(len(labels))
    for group in (0, 1):
        for label in (0, 1):
            cell = (groups == group) & (labels == label)
            weights[cell] = priors[group, label] / cell.sum()
    accuracies = [weights[(scores > t) == labels].sum() for t in THRESHOLDS]
    beside = entry_of(made, row)["test"]["beside"]
    accuracy, di = accuracy_and_di(parts[row]["test"], beside["threshold"])

    of_its_own = accuracies[int(np.searchsorted(THRESHOLDS, beside["threshold"]))]
    assert of_its_own == pytest.approx(max(accuracies))
    assert beside["performance"] == pytest.approx(accuracy)
    assert beside["measures"]["di"] == pytest.approx(di)
    assert beside["bias"] == pytest.approx(1 - di)


def test_the_table_shows_both_and_says_what_the_second_is(made):
    page = (made[0] / "table.md").read_text("utf-8")
    row = next(row for row in made[1]["rows"] if row["name"] == "LMW")
    quantities = row["cells"]["digits"]["published"]["quantities"]
    test = entry_of(made, "LMW")["test"]

    assert made[1]["columns"]["digits"]["beside"] == "balanced_accuracy"
    assert "accuracy at the best threshold | DI at the best threshold" in page
    assert "At the best threshold: a second decision" in page
    assert quantities["beside.di"]["over_seeds"]["mean"] == test["beside"]["measures"]["di"]

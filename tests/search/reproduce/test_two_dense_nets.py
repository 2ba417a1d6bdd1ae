"""A tiny table with two seeds: each one's dense net beside the other's, importance by layer."""

import json

import numpy as np
import pytest

from search.cluster.connect import connected
from search.problem.problem import open_problem
from search.reproduce.plan import Options
from search.reproduce.reproduction import reproduce
from search.reproduce.tables import load_table
from search.runs.folder import RunFolder
from trainables.trial.workbench import Workbench

DEFINITION = """
title = "Two dense nets"
seeds = 2
tunes = false
picture = "layers"
quantities = ["performance", "by_group.accuracy", "accuracy_drop_std"]

[[columns]]
name = "digits"
experiment = "quick"
set = [
    "data.args={target='odd'}", "dense.max_epochs=12", "dense.check_every=2", "space={}",
    "objective.performance='accuracy'", "objective.bias='accuracy_drop_std'",
    "objective.sparsity=false", "search.concurrent=1", "search.time_limit='1h'",
    "correction={name='threshold', choose='fixed'}",
]

[[rows]]
name = "No-Pruning"
reference = "dense net"

[[rows]]
name = "WS"
method = "magnitude_retrain"
network = "last"
settings = {pruner = {sparsity = 0.5}, recovery = {epochs = 1}}

[[rows]]
name = "another"
reference = "dense net, another seed"
"""


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    path = tmp_path_factory.mktemp("definition") / "two.toml"
    path.write_text(DEFINITION, encoding="utf-8")
    table, out = load_table(str(path)), tmp_path_factory.mktemp("out") / "table"
    with connected(None, cpus=2, gpus=False):
        reproduce(table, Options.of(table), out)
    return out, json.loads((out / "results.json").read_text("utf-8"))


def entries(made, row):
    (found,) = [one for one in made[1]["rows"] if one["name"] == row]
    return {entry["seed"]: entry for entry in found["cells"]["digits"]["published"]["entries"]}


def decisions_on_test(out, seed):
    """Of a seed's dense net, at .5, by plain means."""
    folder = RunFolder(out / "runs" / f"published-digits-seed{seed}")
    problem = open_problem(folder.config())
    dense = folder.dense(problem.untrained())
    bench = Workbench.open(problem.prepared, dense, problem.objective, device="cpu")
    inputs = bench.data.normalise(bench.data.part("test").inputs)
    return problem.prepared.parts["test"], (dense.eval()(inputs)[:, 0] > 0).numpy().astype(int)


def test_each_seed_s_dense_net_is_set_beside_that_of_the_next(made):
    another = entries(made, "another")

    for seed in (0, 1):
        part, own = decisions_on_test(made[0], seed)
        _, other = decisions_on_test(made[0], 1 - seed)
        drops = [
            (own == part.labels)[part.groups == g].mean()
            - (other == part.labels)[part.groups == g].mean()
            for g in (0, 1)
        ]
        test = another[seed]["test"]
        assert test["performance"] == pytest.approx((other == part.labels).mean())
        assert test["measures"]["accuracy_drop_std"] == pytest.approx(np.std(drops, ddof=1))
        assert test["sparsity"] == 0.0


def test_the_dense_net_itself_decides_at_the_fixed_threshold(made):
    for seed, entry in entries(made, "No-Pruning").items():
        part, own = decisions_on_test(made[0], seed)
        assert entry["test"]["performance"] == pytest.approx((own == part.labels).mean())
        assert entry["test"]["measures"]["accuracy_drop_std"] == 0.0


def test_every_network_of_a_run_has_its_importance_by_layer_and_the_picture_shows_them(made):
    out, results = made
    for row in ("No-Pruning", "WS"):
        for entry in entries(made, row).values():
            shares = np.array(list(entry["importance"].values()))
            assert shares.shape[1] == 2 and shares.sum(axis=1) == pytest.approx(1.0)
    assert results["picture"] == "layers"
    assert (out / "figure-digits.png").read_bytes().startswith(b"\x89PNG")
    assert "![Layers, digits](figure-digits.png)" in (out / "table.md").read_text("utf-8")
    assert 'alt="Layers, digits"' in (out / "table.html").read_text("utf-8")

"""A search that prunes by other groups than it judges by, from Python to its journal and back."""

from __future__ import annotations

import pytest

from search.config.config import Config
from search.config.sections import PruneByConfig
from search.engine.experiment import reopened, run
from search.journal.journal import read_events
from search.runs.folder import RunFolder
from tests.trainables.data.test_prepare import people
from trainables.trial.workbench import Workbench

EXPERIMENT = {
    "name": "by-clusters",
    "data": {"name": "adult", "group": "race"},  # stands for the data handed over
    "model": {"name": "mlp", "args": {"width": 16, "hidden": 1}},
    "dense": {"name": "erm", "max_epochs": 6, "lr": 0.01},
    "objective": {"performance": "accuracy", "bias": "accuracy_std", "tolerance": 0.4},
    "search": {"methods": ["fairgrape"], "trials": 1, "scheduler": "none"},
    "prune_by": {"group": "clusters:3"},
    "space": {
        "pruner": {
            "fairgrape": {"kappa": 0.5, "sparsity": 0.75, "round_epochs": 1, "final_epochs": 0}
        }
    },
    "tracking": {"enabled": False},
    "resources": {"cpu": 1},
}


@pytest.fixture(scope="module")
def data():
    return people(n=3000, rare=0.03)


@pytest.fixture(scope="module")
def folder(data, tmp_path_factory):
    out = tmp_path_factory.mktemp("by") / "run"
    return RunFolder(run(Config.model_validate(EXPERIMENT), data=data, out=out).folder)


def test_the_pruner_reads_the_clusters_and_the_judge_the_groups_of_the_data(folder):
    events = list(read_events(folder.journal))
    told = next(event for event in events if event["event"] == "experiment")
    rounds = [event for event in events if event["event"] == "report" and "diagnostics" in event]

    assert told["prune_by"]["group"] == "clusters:3"
    assert told["group_names"] == ["Black", "White"]  # Rare is too small to be judged
    assert sum(told["prune_by"]["rows"]) == told["rows"]["train"] + told["rows"]["left_out"]
    assert any("agreement with race: adjusted Rand index" in note for note in told["notes"])
    assert len(rounds) == 2
    for report in rounds:
        assert report["diagnostics"]["groups"] == told["prune_by"]["names"]
        for shares in report["diagnostics"]["importance"].values():
            assert len(shares) == len(told["prune_by"]["names"])
            assert sum(shares) == pytest.approx(1)


def test_a_session_that_goes_on_reads_the_groups_that_the_first_one_made(folder, data):
    problem, dense = reopened(folder, folder.config(), data, None, "resume")
    stored = folder.pruning_groups(folder.facts())

    assert problem.pruning.digest == stored.digest == folder.facts()["prune_by"]["digest"]
    bench = Workbench.open(problem.prepared, dense, problem.objective, device="cpu")
    assert problem.with_pruning_groups(bench).pruning.digest == stored.digest  # made anew


def test_the_network_that_clusters_were_made_with_need_not_be_there_any_more(folder, data):
    gone = PruneByConfig(group="clusters:3", network="gone.pth", model="mlp")
    config = folder.config().model_copy(update={"prune_by": gone})
    problem, _ = reopened(folder, config, data, None, "confirm")

    assert problem.pruning.digest == folder.facts()["prune_by"]["digest"]
    assert problem.config.prune_by == gone
